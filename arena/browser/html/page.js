// The script of the browser's page. Every view is the query of its address: links and the fields of
// forms ask the server for another view, whose parts take the place of those that have changed.
// `element` is the element of Gradio that holds the page.

const at = id => element.querySelector(`#${id}`);
const view = at("view");
const PLACE = ["question", "of", "against"];  // the values of a query that name a judgment
const SILENT = "qa_browser.py does not answer. Is it still running?";
let query = null;  // of the view that is shown
let tab = "";
let html = {};  // of its parts, by their ids
let steps = 0;  // that were asked for since
let asking = null;  // the view that is on its way
let left = {};  // the last query of each tab
const places = {};  // where the reader left the table that scrolls, by the query

const sheet = element.querySelector("link");
const styled = sheet.sheet ? null : new Promise(ready => sheet.addEventListener("load", ready));

// Views

async function go(wanted, {back = false, quiet = false} = {}) {
  if (asking?.wanted === wanted || quiet && asking) return;
  asking?.stop.abort();
  const mine = asking = {wanted, stop: new AbortController()};
  if (!new URLSearchParams(wanted).has("step")) steps = 0;
  const late = setTimeout(() => quiet || view.setAttribute("aria-busy", "true"), 300);
  try {
    const answer = await fetch(`view${wanted}`, {signal: mine.stop.signal});
    if (answer.status === 401) return location.reload();  // asks for the password
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    const shown = await answer.json();
    await styled;
    show(shown, back);
  } catch (error) {
    if (error.name === "AbortError") return;
    fail(error instanceof TypeError ? SILENT : `${error}`);
  } finally {
    clearTimeout(late);
    if (asking === mine) {
      asking = null;
      steps = 0;
      view.removeAttribute("aria-busy");
    }
  }
}

function show(shown, back) {
  const now = new URLSearchParams(shown.query), before = new URLSearchParams(query ?? "");
  const other = name => before.get(name) !== now.get(name);
  if (other("bench")) left = {};
  const changed = shown.tab !== tab, scrolled = view.querySelector(".box");
  if (scrolled) places[query] = [scrolled.scrollLeft, scrolled.scrollTop];
  if (changed) {
    html = {};
    view.replaceChildren();
    view.dataset.tab = tab = shown.tab;
  }
  element.querySelector("#fault")?.remove();
  for (const [id, text] of Object.entries(shown.parts)) fill(id, text);
  for (const part of [...view.children]) if (!(part.id in shown.parts)) part.remove();
  if (changed || [...PLACE, "at"].some(other)) scrollTo(0, 0);
  const following = query !== null && !back && ofList(query) !== ofList(shown.query);
  if (location.search !== shown.query) {
    history[following ? "pushState" : "replaceState"](null, "", shown.query);
  }
  left[tab] = query = shown.query;
  element.querySelector(".address").setAttribute("href", query);
  document.title = `Judgments of ${at("title").querySelector("h1").textContent}`;
  at("said").textContent = shown.said;
  tend();
  view.querySelector(".box")?.scrollTo(...places[query] ?? [0, 0]);
}

// The part of a query that makes another entry of the history if it changes.
function ofList(text) {
  const parameters = new URLSearchParams(text);
  for (const name of [...PLACE, "game", "written", "first"]) parameters.delete(name);
  parameters.sort();
  return parameters.toString();
}

function fill(id, text) {
  if (html[id] === text) return;
  html[id] = text;
  const part = at(id) ?? view.appendChild(Object.assign(document.createElement("section"), {id}));
  const focused = part.contains(document.activeElement) && mark(document.activeElement);
  const {scrollTop, scrollLeft} = part;
  part.innerHTML = text;
  Object.assign(part, {scrollTop, scrollLeft});
  if (focused) part.querySelector(focused)?.focus({preventScroll: true});
}

// A selector that finds an element again in the HTML that takes its place.
function mark(one) {
  if (one.id) return `#${CSS.escape(one.id)}`;
  if (one.name) return `[name="${one.name}"]${one.type === "radio" ? ":checked" : ""}`;
  if (one.closest("thead")) return "thead [aria-sort] a";
  return one.matches(".row") ? ".row:not([tabindex])" : `a[href="${CSS.escape(one.getAttribute("href") ?? "")}"]`;
}

function fail(words) {
  const fault = at("fault") ?? document.createElement("p");
  Object.assign(fault, {id: "fault", className: "notice", textContent: words});
  fault.setAttribute("role", "alert");
  view.before(fault);
}

// Links and fields

function opens(event) {
  const link = event.target.closest("a[href]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || link.target) return;
  const address = link.getAttribute("href");
  if (!address.startsWith("?") || link.hasAttribute("download")) return;
  event.preventDefault();
  if (link.matches(".address")) return copyLink(link);
  if (link.ariaDisabled === "true") return;
  if (link.id === "next" || link.id === "previous") return step(link.id === "next" ? 1 : -1);
  go(link.dataset.tab ? left[link.dataset.tab] ?? address : address);
}

// Steps go on from what was asked for last, even if it is not there yet.
function step(number) {
  const wanted = new URLSearchParams(asking?.wanted ?? query);
  steps += number;
  wanted.delete("first");
  wanted.set("step", steps);
  go(`?${wanted}`);
}

// Another order begins with its first judgment. Other choices keep the one that is open.
function choose(form, changed) {
  const wanted = new URLSearchParams(new FormData(form));
  if (changed === "order") for (const name of PLACE) wanted.delete(name);
  for (const name of [...wanted.keys()]) if (!wanted.get(name)) wanted.delete(name);
  go(`?${wanted}`);
}

// What is written, as far as the page may write: the answer is the view that follows.
let sending = false;
async function send(form, button) {
  if (sending) return;
  sending = true;
  const body = JSON.stringify(Object.fromEntries(new FormData(form, button)));
  const headers = {"Content-Type": "application/json"};
  try {
    const answer = await fetch(form.dataset.post, {method: "POST", headers, body});
    if (answer.status === 401) return location.reload();
    if (!answer.ok) throw new Error(await answer.text() || `the server answers ${answer.status}`);
    view.focus({preventScroll: true});  // no key shall press a button of the next view unasked
    await go(await answer.json());
  } catch (error) {
    fail(error instanceof TypeError ? SILENT : error.message);
  } finally {
    sending = false;
  }
}

element.addEventListener("click", event => {
  if (event.target.closest("#ask")) return at("help").showModal();
  if (event.target.closest(".skip")) {
    event.preventDefault();
    return view.focus();
  }
  const verdict = event.target.closest("#judgment .verdict");
  const game = verdict && [...verdict.parentNode.children].indexOf(verdict);
  if (verdict) return element.querySelectorAll("#game input")[game]?.click();
  opens(event);
});
element.addEventListener("change", event => {
  if (event.target.form?.matches(".filters")) choose(event.target.form, event.target.name);
});
element.addEventListener("submit", event => {
  if (event.target.dataset.post) {
    event.preventDefault();
    return send(event.target, event.submitter);
  }
  if (!event.target.matches(".filters")) return;
  event.preventDefault();
  choose(event.target);
});
addEventListener("popstate", () => go(location.search, {back: true}));

// Browsers offer a clipboard to pages of https and of localhost only.
function copyLink(link) {
  const answer = words => {
    link.dataset.words ??= link.textContent;
    link.textContent = words;
    setTimeout(() => { link.textContent = link.dataset.words; }, 2000);
  };
  copy(link.href).then(() => answer("Copied"), () => answer("Copy it from the address"));
}

function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.body.appendChild(document.createElement("textarea"));
  area.value = text;
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied ? Promise.resolve() : Promise.reject();
}

// Keys

const MOVES = {ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1], Home: null, End: null};
const LISTS = "#found, .on-question, .grid tr";

// The link that a key leads to: along a list, or through a table past cells without one.
function linkFrom(link, key) {
  const list = link.closest(LISTS), links = [...list.querySelectorAll(list.id ? ".row" : "a")];
  if (!MOVES[key]) return links.at(key === "Home" ? 0 : -1);
  const [down, right] = MOVES[key];
  if (!list.cells) return links[links.indexOf(link) + down + right];
  const rows = list.closest("table").rows;
  let row = list.rowIndex, column = link.closest("td, th").cellIndex, next = null;
  do next = rows[row += down]?.cells[column += right];
  while (next && !next.querySelector("a"));
  return next?.querySelector("a");
}

// The links of a table or a strip are one stop for the Tab key: the one that had the focus last.
const ROVING = "table.grid, .on-question";
view.addEventListener("focusin", event => {
  const links = event.target.closest(ROVING)?.querySelectorAll("a[tabindex='0']") ?? [];
  for (const stop of links) stop.tabIndex = stop === event.target ? 0 : -1;
  if (event.target.closest(ROVING)) event.target.tabIndex = 0;
});

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || at("help").open) return;
  const link = event.target.closest("#found .row, .on-question a, .grid a");
  if (link && event.key in MOVES) {
    event.preventDefault();
    return linkFrom(link, event.key)?.focus();
  }
  if (event.target.closest("input:not([type=radio], [type=checkbox]), textarea, select")) return;
  const keys = {
    "?": () => at("help").showModal(),
    "/": () => element.querySelector("input[type=search]")?.focus(),
    j: () => at("next") && step(1),
    k: () => at("previous") && step(-1),
    g: () => element.querySelector("#game input:not(:checked)")?.click(),
  };
  const button = view.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (button) keys[event.key] = () => event.repeat || button.click();
  if (!(event.key in keys)) return;
  event.preventDefault();
  keys[event.key]();
});

// The judgment

// It keeps the judge's words open or closed as the reader left them, shows its row of the list, and
// marks the searched words, without a change of its HTML.
let wordsOpen = true;
view.addEventListener("toggle", event => {
  if (!event.target.matches(".own") || !event.target.isConnected) return;
  wordsOpen = event.target.open;
  keepWords();
}, true);

function keepWords() {
  for (const words of view.querySelectorAll(".explanation.own")) words.open = wordsOpen;
}

function tend() {
  if (view.querySelector(".later")) setTimeout(() => go(`${query}&later=1`, {quiet: true}));
  keepWords();
  for (const group of view.querySelectorAll(ROVING)) {
    const links = [...group.querySelectorAll("a")], current = links.find(link => link.matches("[aria-current]:first-child"));
    for (const link of links) link.tabIndex = link === (current ?? links[0]) ? 0 : -1;
    const item = current?.parentNode, strip = item?.parentNode;
    if (strip) strip.scrollLeft = item.offsetLeft - strip.firstElementChild.offsetLeft - strip.clientWidth / 2;
  }
  view.querySelector(".row[aria-current]")?.scrollIntoView({block: "nearest"});
  if (!CSS.highlights) return;
  const marks = new Highlight(), shown = at("judgment");
  const sought = shown?.querySelector(".sought")?.textContent.toLowerCase();
  const texts = sought && document.createTreeWalker(shown, NodeFilter.SHOW_TEXT);
  while (sought && texts.nextNode()) {
    const text = texts.currentNode, words = text.data.toLowerCase();
    if (words.length !== text.data.length || text.parentNode.matches(".sought")) continue;
    for (let place = words.indexOf(sought); place >= 0; place = words.indexOf(sought, place + sought.length)) {
      const range = new Range();
      range.setStart(text, place);
      range.setEnd(text, place + sought.length);
      marks.add(range);
    }
  }
  CSS.highlights.set("sought", marks);
}

go(location.search || "?");
