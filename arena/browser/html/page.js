// The script of the browser's page. Every view is the query of its address: links and the fields of
// forms ask the server for another view, whose parts take the place of those that have changed.
// `element` is the element of Gradio that holds the page.

const byId = id => element.querySelector(`#${id}`);
const view = byId("view");

// The view that is shown
let shownQuery = null;  // the query of its address
let shownTab = "";
let shownHtml = {};  // of its parts, by their ids

// The view that is on its way
let request = null;  // its query, and what stops the request
let steps = 0;  // to judgments after or before the shown one

// What the reader finds again
let queryOfTab = {};  // the last query of each tab
const scrollOfTable = {};  // left and top of the table that scrolls, by the query

const JUDGMENT = ["question", "of", "against"];  // the values of a query that name a judgment
const styles = element.querySelector("link");
const stylesLoaded = styles.sheet ? null : new Promise(done => styles.addEventListener("load", done));

// Requests

// Returns the server's answer, null if the page is loaded again to ask for the password.
async function ask(address, options) {
  const response = await fetch(address, options);
  if (response.status === 401) {
    location.reload();
    return null;
  }
  const words = response.status === 409 ? await response.text() : "";  // why a vote is refused
  if (!response.ok) throw new Error(words || `the server answers ${response.status}`);
  return response.json();
}

function showFault(error) {
  const silent = error instanceof TypeError;  // so `fetch` says that nothing answers
  const words = silent ? "qa_browser.py does not answer. Is it still running?" : error.message;
  const fault = byId("fault") ?? document.createElement("p");
  Object.assign(fault, {id: "fault", className: "notice", textContent: words});
  fault.setAttribute("role", "alert");
  view.before(fault);
}

// Views

// `back`: the history has its address already. `quiet`: nobody waits for it.
async function openView(query, {back = false, quiet = false} = {}) {
  if (request?.query === query || quiet && request) return;
  request?.stop.abort();
  const mine = request = {query, stop: new AbortController()};
  if (!new URLSearchParams(query).has("step")) steps = 0;
  const late = setTimeout(() => quiet || view.setAttribute("aria-busy", "true"), 300);
  try {
    const answer = await ask(`view${query}`, {signal: mine.stop.signal});
    await stylesLoaded;
    if (answer) showView(answer, back);
  } catch (error) {
    if (error.name !== "AbortError") showFault(error);
  } finally {
    clearTimeout(late);
    if (request === mine) {
      request = null;
      steps = 0;
      view.removeAttribute("aria-busy");
    }
  }
}

function showView(answer, back) {
  const before = new URLSearchParams(shownQuery ?? ""), after = new URLSearchParams(answer.query);
  const differs = name => before.get(name) !== after.get(name);
  const otherTab = answer.tab !== shownTab;
  const newEntry = shownQuery !== null && !back && listQuery(shownQuery) !== listQuery(answer.query);
  if (differs("bench")) queryOfTab = {};
  keepScrollOfTable();
  if (otherTab) clearView(answer.tab);
  byId("fault")?.remove();
  for (const [id, html] of Object.entries(answer.parts)) fillPart(id, html);
  for (const part of [...view.children]) if (!(part.id in answer.parts)) part.remove();
  if (otherTab || [...JUDGMENT, "position"].some(differs)) scrollTo(0, 0);
  if (location.search !== answer.query) {
    history[newEntry ? "pushState" : "replaceState"](null, "", answer.query);
  }
  queryOfTab[shownTab] = shownQuery = answer.query;
  element.querySelector(".address").setAttribute("href", shownQuery);
  document.title = `Judgments of ${byId("title").querySelector("h1").textContent}`;
  byId("announcement").textContent = answer.announcement;
  askForTheRest();
  keepWordsOpen();
  setTabStops();
  scrollToCurrent();
  markSoughtWords();
}

// The part of a query that makes another entry of the history if it changes.
function listQuery(query) {
  const values = new URLSearchParams(query);
  for (const name of [...JUDGMENT, "game", "written", "first"]) values.delete(name);
  values.sort();
  return values.toString();
}

function keepScrollOfTable() {
  const table = view.querySelector(".box");
  if (table) scrollOfTable[shownQuery] = [table.scrollLeft, table.scrollTop];
}

function clearView(tab) {
  shownHtml = {};
  view.replaceChildren();
  view.dataset.tab = shownTab = tab;
}

// A part whose HTML is as before stays as it is. Another keeps its scrolling and its focus.
function fillPart(id, html) {
  if (shownHtml[id] === html) return;
  shownHtml[id] = html;
  const part = byId(id) ?? view.appendChild(Object.assign(document.createElement("section"), {id}));
  const focused = part.contains(document.activeElement) && selectorOf(document.activeElement);
  const {scrollTop, scrollLeft} = part;
  part.innerHTML = html;
  Object.assign(part, {scrollTop, scrollLeft});
  if (focused) part.querySelector(focused)?.focus({preventScroll: true});
}

// A selector that finds an element again in the HTML that takes its place.
function selectorOf(target) {
  if (target.id) return `#${CSS.escape(target.id)}`;
  if (target.name) return `[name="${target.name}"]${target.type === "radio" ? ":checked" : ""}`;
  if (target.closest("thead")) return "thead [aria-sort] a";
  if (target.matches(".row")) return ".row:not([tabindex])";
  return `a[href="${CSS.escape(target.getAttribute("href") ?? "")}"]`;
}

// After a view is shown

// A first view leaves out what takes the server time.
function askForTheRest() {
  if (view.querySelector(".later")) setTimeout(() => openView(`${shownQuery}&later=1`, {quiet: true}));
}

// The judge's words stay open or closed from judgment to judgment, as the reader left them.
let wordsOpen = true;
function keepWordsOpen() {
  for (const words of view.querySelectorAll(".explanation.own")) words.open = wordsOpen;
}
view.addEventListener("toggle", event => {
  if (!event.target.matches(".own") || !event.target.isConnected) return;
  wordsOpen = event.target.open;
  keepWordsOpen();
}, true);

// The links of a table or a strip are one stop for the Tab key: the one that had the focus last.
const ONE_STOP = "table.grid, .on-question";
const currentLink = links => links.find(link => link.matches("[aria-current]:first-child"));
function setTabStops() {
  for (const group of view.querySelectorAll(ONE_STOP)) {
    const links = [...group.querySelectorAll("a")], stop = currentLink(links) ?? links[0];
    for (const link of links) link.tabIndex = link === stop ? 0 : -1;
  }
}
view.addEventListener("focusin", event => {
  const group = event.target.closest(ONE_STOP);
  if (!group) return;
  for (const stop of group.querySelectorAll("a[tabindex='0']")) stop.tabIndex = -1;
  event.target.tabIndex = 0;
});

function scrollToCurrent() {
  for (const group of view.querySelectorAll(ONE_STOP)) {
    const item = currentLink([...group.querySelectorAll("a")])?.parentNode, strip = item?.parentNode;
    if (strip) strip.scrollLeft = item.offsetLeft - strip.firstElementChild.offsetLeft - strip.clientWidth / 2;
  }
  view.querySelector(".row[aria-current]")?.scrollIntoView({block: "nearest"});
  view.querySelector(".box")?.scrollTo(...scrollOfTable[shownQuery] ?? [0, 0]);
}

// Marks the searched words without a change of the HTML.
function markSoughtWords() {
  if (!CSS.highlights) return;
  const marks = new Highlight(), judgment = byId("judgment");
  const sought = judgment?.querySelector(".sought")?.textContent.toLowerCase();
  const texts = sought && document.createTreeWalker(judgment, NodeFilter.SHOW_TEXT);
  while (sought && texts.nextNode()) {
    const node = texts.currentNode, words = node.data.toLowerCase();
    if (words.length !== node.data.length || node.parentNode.matches(".sought")) continue;
    for (let start = words.indexOf(sought); start >= 0; start = words.indexOf(sought, start + sought.length)) {
      const range = new Range();
      range.setStart(node, start);
      range.setEnd(node, start + sought.length);
      marks.add(range);
    }
  }
  CSS.highlights.set("sought", marks);
}

// Links and fields

function followLink(event) {
  const link = event.target.closest("a[href]");
  if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || link.target) return;
  const address = link.getAttribute("href");
  if (!address.startsWith("?") || link.hasAttribute("download")) return;
  event.preventDefault();
  if (link.matches(".address")) return copyLink(link);
  if (link.ariaDisabled === "true") return;
  if (link.id === "next" || link.id === "previous") return step(link.id === "next" ? 1 : -1);
  openView(queryOfTab[link.dataset.tab] ?? address);
}

// Steps go on from what was asked for last, even if it is not there yet.
function step(number) {
  const values = new URLSearchParams(request?.query ?? shownQuery);
  steps += number;
  values.delete("first");
  values.set("step", steps);
  openView(`?${values}`);
}

// Another order begins with its first judgment. Other choices keep the one that is open.
function openChoices(form, changed) {
  const values = new URLSearchParams(new FormData(form));
  if (changed === "order") for (const name of JUDGMENT) values.delete(name);
  for (const name of [...values.keys()]) if (!values.get(name)) values.delete(name);
  openView(`?${values}`);
}

// What is written, as far as the page may write: the answer is the query of the view that follows.
let sending = false;
async function send(form, button) {
  if (sending) return;
  sending = true;
  const body = JSON.stringify(Object.fromEntries(new FormData(form, button)));
  const headers = {"Content-Type": "application/json"};
  try {
    const query = await ask(form.dataset.post, {method: "POST", headers, body});
    if (query === null) return;
    view.focus({preventScroll: true});  // no key shall press a button of the next view unasked
    await openView(query);
  } catch (error) {
    showFault(error);
  } finally {
    sending = false;
  }
}

element.addEventListener("click", event => {
  if (event.target.closest("#ask")) return byId("help").showModal();
  if (event.target.closest(".skip")) {
    event.preventDefault();
    return view.focus();
  }
  const verdict = event.target.closest("#judgment .verdict");
  const game = verdict && [...verdict.parentNode.children].indexOf(verdict);
  if (verdict) return element.querySelectorAll("#game input")[game]?.click();
  followLink(event);
});
element.addEventListener("change", event => {
  if (event.target.form?.matches(".filters")) openChoices(event.target.form, event.target.name);
});
element.addEventListener("submit", event => {
  if (event.target.dataset.post) {
    event.preventDefault();
    return send(event.target, event.submitter);
  }
  if (!event.target.matches(".filters")) return;
  event.preventDefault();
  openChoices(event.target);
});
addEventListener("popstate", () => openView(location.search, {back: true}));

// Browsers offer a clipboard to pages of https and of localhost only.
function copyLink(link) {
  const say = words => {
    link.dataset.words ??= link.textContent;
    link.textContent = words;
    setTimeout(() => { link.textContent = link.dataset.words; }, 2000);
  };
  copy(link.href).then(() => say("Copied"), () => say("Copy it from the address"));
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

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const link = event.target.closest("#found .row, .on-question a, .grid a");
  if (link && event.key in MOVES) {
    event.preventDefault();
    return linkFrom(link, event.key)?.focus();
  }
  if (event.target.closest("input:not([type=radio], [type=checkbox]), textarea, select")) return;
  const keys = {
    "?": () => byId("help").showModal(),
    "/": () => element.querySelector("input[type=search]")?.focus(),
    j: () => byId("next") && step(1),
    k: () => byId("previous") && step(-1),
    g: () => element.querySelector("#game input:not(:checked)")?.click(),
  };
  const button = view.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (button) keys[event.key] = () => event.repeat || button.click();
  if (!(event.key in keys)) return;
  event.preventDefault();
  keys[event.key]();
});

openView(location.search || "?");
