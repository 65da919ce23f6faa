"""What the browser's page does by itself, in JavaScript: its address, clicks, keys, and fields.

Each text goes where layout.py says: FOLLOW, PICK and SHOW_CURRENT are run by the component that
they are of, as `js_on_load` of Gradio's HTML; PAGE once for the whole page; TAKE_STEPS before a
step is asked of the server.
"""

# The address becomes that of what is shown. What the server shows because the reader went back or
# forth (`data-asked`) is no new entry of the history; if he went on meanwhile, it is no news.
FOLLOW = """
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
  const goes_on = asked === undefined && view(query) !== view(location.search);
  history[goes_on ? "pushState" : "replaceState"](null, "", query);
});
addEventListener("popstate", () => trigger("select", {query: location.search}));
const write = text => {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.body.appendChild(document.createElement("textarea"));
  area.value = text;
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied ? Promise.resolve() : Promise.reject();
};
element.addEventListener("click", event => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const told = words => {
    link.dataset.words ??= link.textContent;
    link.textContent = words;
    setTimeout(() => { link.textContent = link.dataset.words; }, 2000);
  };
  write(link.href).then(() => told("Copied"), () => told("Copy it from the address"));
});
"""

# A row of the list or of the leaderboard is picked; the list tells which view it was of.
PICK = """
element.addEventListener("click", event => {
  const picked = event.target.closest("[data-row], [data-model]");
  if (picked) trigger("click", {...picked.dataset, query: location.search});
});
"""

SHOW_CURRENT = """
let shown = null;
watch("value", () => {
  const current = element.querySelector("[aria-current]");
  current?.scrollIntoView({block: "nearest"});
  if (shown !== current?.dataset.row) scrollTo(0, 0);
  shown = current?.dataset.row;
});
"""

# `j` and `k` press a button that is not disabled yet, and count by themselves: at an end of the
# list the way back may be asked for before the server has answered. Of a verdict its place tells
# the game: Gradio's Markdown lets no data through.
_KEYS = """
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
  const verdict = event.target.closest("#battle .verdict");
  const game = verdict && [...verdict.parentNode.children].indexOf(verdict);
  if (verdict) document.querySelectorAll("#game input")[game]?.click();
}, true);
"""

TAKE_STEPS = """(place, game, written) => {
  const steps = window.steps;
  window.steps = 0;
  return [place, game, written, steps];
}"""

# Gradio's dropdowns: what is typed replaces the name that stands there; Escape, and Enter where
# nothing fits, put it back, as leaving does. Gradio handles a key when the field is left already,
# and would open the list again: of Tab it hears nothing.
_DROPDOWNS = """
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
"""

PAGE = f"() => {{{_KEYS}{_DROPDOWNS}}}"
