// The scripts of the browser's page: its address, clicks, keys and fields.
//
// Each function is called where page.py says: by a component when it loads, by the page when it
// loads, or before a step is asked of the server.

// The address becomes that of the view. A view that the server shows because the reader went back
// or forth (`data-asked`) is no new entry of the history. If the reader went on meanwhile, it is
// ignored.
function followAddress(element, watch, trigger) {
  const lesser = ["question", "of", "against", "game", "written"];
  const view = query => {
    const parameters = new URLSearchParams(query);
    for (const name of lesser) parameters.delete(name);
    parameters.sort();
    return parameters.toString();
  };
  watch("value", () => {
    const query = element.querySelector("a")?.getAttribute("href");
    const asked = element.querySelector("[data-asked]")?.dataset.asked;
    if (!query || query === location.search || ![undefined, location.search].includes(asked)) return;
    const goesOn = asked === undefined && view(query) !== view(location.search);
    history[goesOn ? "pushState" : "replaceState"](null, "", query);
  });
  addEventListener("popstate", () => trigger("select", {query: location.search}));
  element.addEventListener("click", event => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const answer = words => {
      link.dataset.words ??= link.textContent;
      link.textContent = words;
      setTimeout(() => { link.textContent = link.dataset.words; }, 2000);
    };
    copy(link.href).then(() => answer("Copied"), () => answer("Copy it from the address"));
  });
}

// Browsers offer a clipboard to pages of https and of localhost only.
function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.body.appendChild(document.createElement("textarea"));
  area.value = text;
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied ? Promise.resolve() : Promise.reject();
}

// A click picks a row of the list or of a table, turns the list, chooses a filter or sorts. The query
// says which list it was in.
function pickRows(element, trigger) {
  const places = "[data-row], [data-model], [data-turn], [data-filter], [data-sort]";
  element.addEventListener("click", event => {
    const row = event.target.closest(places);
    if (row) trigger("click", {...row.dataset, query: location.search});
  });
}

function showCurrentRow(element, watch) {
  let shown = null;
  watch("value", () => {
    const current = element.querySelector("[aria-current]");
    if (!current) return;  // the list was turned, and the judgment is the same
    current.scrollIntoView({block: "nearest"});
    if (shown !== current.dataset.row) scrollTo(0, 0);
    shown = current.dataset.row;
  });
}

// `j` and `k` press a button that is not disabled yet, and count by themselves: at an end of the
// list the way back may be asked for before the server has answered. The place of a verdict gives
// its game, since Gradio's Markdown drops data attributes.
function listenToKeys() {
  window.steps = 0;
  const stepping = {next: 1, previous: -1};
  for (const [id, key] of [["next", "j"], ["previous", "k"]])
    document.getElementById(id)?.setAttribute("title", key);
  document.addEventListener("keydown", event => {
    const fields = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]";
    if (event.target.closest(fields) || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = {j: 1, k: -1}[event.key];
    const buttons = Object.keys(stepping).map(id => document.getElementById(id));
    const button = buttons.find(one => one?.offsetParent && !one.disabled);
    if (!step || !button) return;
    window.steps += step;
    button.click();
  });
  document.addEventListener("click", event => {
    if (event.isTrusted) window.steps += stepping[event.target.closest("button")?.id] ?? 0;
    const verdict = event.target.closest("#judgment .verdict");
    const game = verdict && [...verdict.parentNode.children].indexOf(verdict);
    if (verdict) document.querySelectorAll("#game input")[game]?.click();
  }, true);
}

function takeSteps(place, game, written) {
  const steps = window.steps;
  window.steps = 0;
  return [place, game, written, steps];
}

// Typing into one of Gradio's dropdowns replaces the name in it. Escape, and Enter if nothing fits,
// put the name back, as leaving the field does. Gradio handles a key only after the field has been
// left, and would open the list again, so Tab is kept from it.
function mendDropdowns() {
  const dropdown = event => event.target.closest?.("input[role=combobox]");
  let entered = null;
  document.addEventListener("focusin", event => {
    const field = entered = dropdown(event);
    if (field) setTimeout(() => { if (field === document.activeElement) field.select(); });
  });
  document.addEventListener("click", event => {
    const field = dropdown(event);
    if (field && field === entered && field.selectionStart === field.selectionEnd) field.select();
    entered = null;
  });
  document.addEventListener("keydown", event => {
    const field = dropdown(event);
    if (!field) return;
    entered = null;
    if (event.key === "Tab") event.stopImmediatePropagation();
    if (event.key !== "Escape" && event.key !== "Enter") return;
    setTimeout(() => {
      if (document.activeElement !== field) return;
      field.dispatchEvent(new FocusEvent("blur"));
      setTimeout(() => field.select());
    });
  }, true);
}

// A judgment that is shown keeps the judge's words open or closed as the reader left them, and marks
// the searched words, without a change of its HTML.
function tendJudgment() {
  const shown = document.getElementById("judgment");
  let open = true;
  const keep = () => {
    for (const words of shown.querySelectorAll(".explanation.own")) words.open = open;
  };
  shown.addEventListener("toggle", event => {
    if (!event.target.matches(".own") || !event.target.isConnected) return;
    open = event.target.open;
    keep();
  }, true);
  const tend = () => {
    keep();
    if (!CSS.highlights) return;
    const sought = shown.querySelector(".sought")?.textContent.toLowerCase();
    const marks = new Highlight();
    const texts = document.createTreeWalker(shown, NodeFilter.SHOW_TEXT);
    while (sought && texts.nextNode()) {
      const text = texts.currentNode, words = text.data.toLowerCase();
      if (words.length !== text.data.length || text.parentNode.matches(".sought")) continue;
      for (let at = words.indexOf(sought); at >= 0; at = words.indexOf(sought, at + sought.length)) {
        const range = new Range();
        range.setStart(text, at);
        range.setEnd(text, at + sought.length);
        marks.add(range);
      }
    }
    CSS.highlights.set("sought", marks);
  };
  new MutationObserver(tend).observe(shown, {childList: true, subtree: true});
  tend();
}
