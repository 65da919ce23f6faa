// The list of battles: its filters, and a search in the index of search.py.
//
// The index is a script of its own, loaded when it is first needed: a page that was opened from a
// folder may load scripts, but no data.

const WHERE = ["prompt", "judge", "model", "baseline"];
const FIRST = 0x5d, SURROGATES = 0xd800, SIZE = 0x800, LONGEST = 30;
const UNSPACED = ["Han", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar"]
  .map(script => `\\p{Script=${script}}`).join("") + "\u30fc";
const UNSEEN = /(?![\u3099\u309a])\p{Script=Inherited}|\p{Default_Ignorable_Code_Point}/gu;
const RUN = new RegExp(`[${UNSPACED}]+|(?:(?![${UNSPACED}])[\\p{L}\\p{N}\\p{M}])+`, "gu");
const IS_UNSPACED = new RegExp(`^[${UNSPACED}]`, "u");

const form = document.querySelector("form"), count = document.getElementById("count");
const rows = [...document.querySelectorAll(".row")];
const fields = [...form.elements].filter(field => field.name);
const total = count.textContent;
let index = null, asked = false;

function useIndex(loaded) {
  index = loaded;
  index.words = index.words.split(" ");
  index.places = index.places.split(" ");
  show();
}

function folded(text) {
  const bare = text.normalize("NFKD").replace(UNSEEN, "");
  return bare.toUpperCase().toLowerCase().replaceAll("\u03c2", "\u03c3").normalize("NFC");
}

function wordsOf(text) {
  const words = [];
  for (const run of folded(text).match(RUN) ?? []) {
    const letters = [...run];
    if (IS_UNSPACED.test(run) && letters.length > 1)
      for (let i = 1; i < letters.length; i++) words.push(letters[i - 1] + letters[i]);
    else words.push(letters.slice(0, LONGEST).join(""));
  }
  return words;
}

// Which texts have a word that begins so.
function textsWith(start) {
  const texts = new Uint8Array(index.texts);
  let low = 0, high = index.words.length;
  while (low < high) {
    const middle = low + high >> 1;
    if (index.words[middle] < start) low = middle + 1; else high = middle;
  }
  for (; index.words[low]?.startsWith(start); low++) {
    let number = -1;
    for (const character of index.places[low]) {
      const code = character.codePointAt(0);
      number += (code >= SURROGATES ? code - SIZE : code) - FIRST;
      texts[number] = 1;
    }
  }
  return texts;
}

// For each battle the places of its texts that have a word of the search, null if a word is missing.
function found(text) {
  const words = wordsOf(text).map(textsWith);
  return index.battles.map(texts => {
    const whole = words.every(having => texts.some(number => having[number]));
    return whole ? WHERE.filter((_, i) => words.some(having => having[texts[i]])) : null;
  });
}

function show() {
  const chosen = fields.filter(field => field.value.trim());
  const text = form.elements.text.value;
  const words = wordsOf(text).length > 0;
  if (words && !asked) {
    asked = true;
    document.head.append(Object.assign(document.createElement("script"), {src: "search.js"}));
  }
  const matches = words && index ? found(text) : null;
  let shown = 0;
  rows.forEach((row, number) => {
    const fits = chosen.every(field => field.name === "text" || row.dataset[field.name] === field.value);
    const places = matches?.[number];
    row.hidden = !fits || (matches !== null && !places);
    row.querySelector(".found").textContent = places ? `in ${places.join(", ")}` : "";
    shown += !row.hidden;
  });
  const waiting = words && !index ? " Loading the words ..." : "";
  count.textContent = chosen.length ? `${shown.toLocaleString("en")} of ${total}${waiting}` : total;
}

function follow() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  for (const field of fields) {
    const value = parameters.get(field.name) ?? "";
    // A value that no battle has: the field shows it, and the list that nothing fits.
    if (field.options && ![...field.options].some(option => option.value === value)) {
      field.add(new Option(value, value));
      field.hidden = false;
    }
    field.value = value;
  }
  show();
}

form.addEventListener("submit", event => event.preventDefault());
form.addEventListener("input", () => {
  const chosen = fields.filter(field => field.value).map(field => [field.name, field.value]);
  location.replace("#" + new URLSearchParams(chosen));
  show();
});
addEventListener("hashchange", () => {
  const parameters = new URLSearchParams(location.hash.slice(1));
  if (fields.some(field => field.value !== (parameters.get(field.name) ?? ""))) follow();
});
follow();
