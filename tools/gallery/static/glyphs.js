// The glyph browser keeps all its state in the hash of the address. glyphs-data.js defines GLYPHS.
"use strict";

const PER_PAGE = 200;
// From the first number up to, but without, the second; fonts that state none are in no range.
const WEIGHTS = { light: [1, 350], regular: [350, 550], bold: [550, Infinity] };
const WIDTHS = { condensed: [1, 100], normal: [100, 100.01], expanded: [100.01, Infinity] };
const FILTERS = {
  search: (glyph, text) => words(text).every((word) => glyph.text.includes(word)),
  letter: (glyph, letter) => glyph.letter === letter,
  family: (glyph, family) => glyph.font.family === family,
  category: (glyph, category) => glyph.font.category === category,
  weight: (glyph, kind) => isBetween(glyph.font.weight, WEIGHTS[kind]),
  width: (glyph, kind) => isBetween(glyph.font.width, WIDTHS[kind]),
  slant: (glyph, slant) => glyph.font.slant === slant,
  axes: (glyph, kind) => (kind === "with") === Boolean(glyph.font.axes),
  licence: (glyph, licence) => glyph.font.licence === licence,
  split: (glyph, split) => glyph.font.split === split,
  copies: (glyph, kind) =>
    kind === "none" ? !glyph.exact.length && !glyph.near.length : glyph[kind].length > 0,
  mistakes: isMistaken,
};

const glyphs = listGlyphs();
const form = document.getElementById("filters");
const details = document.getElementById("details");
let shownTiles = null;

function words(text) {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}

function isBetween(stated, range) {
  if (!range) return true; // an address that makes no sense
  return stated !== "" && range[0] <= Number(stated) && Number(stated) < range[1];
}

function isMistaken(glyph, who) {
  const wrong = Object.keys(glyph.mistakes);
  if (who === "any") return wrong.length > 0;
  if (who === "every") return wrong.length === GLYPHS.models.length;
  if (who === "none") return glyph.font.split === "test" && wrong.length === 0;
  return wrong.some((model) => GLYPHS.models[model] === who);
}

function listGlyphs() {
  const listed = [];
  for (const font of GLYPHS.fonts) {
    const text = `${font.font} ${font.family}`.toLowerCase();
    for (const letter of font.letters) {
      const number = listed.length;
      const mistakes = GLYPHS.mistakes[number] ?? {};
      listed.push({ number, letter, font, text, mistakes, exact: [], near: [] });
    }
  }
  for (const group of GLYPHS.copies) {
    for (const same of group) {
      for (const number of same) {
        listed[number].exact = same.filter((other) => other !== number);
        listed[number].near = group.filter((others) => others !== same).flat();
      }
    }
  }
  return listed;
}

// State

function readHash() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

function hashOf(state) {
  const chosen = Object.entries(state).filter(([, value]) => value);
  return `#${new URLSearchParams(chosen)}`;
}

function change(changes) {
  history.replaceState(null, "", hashOf({ ...readHash(), ...changes }));
  render();
}

function keyOf(glyph) {
  return `${glyph.letter} ${glyph.font.font}`;
}

// Pictures

function picture(glyph, scale) {
  const { tile, columns, rows } = GLYPHS;
  const place = glyph.number % (columns * rows);
  const span = document.createElement("span");
  span.className = "glyph";
  span.style.width = span.style.height = `${tile * scale}px`;
  span.style.backgroundImage = `url(sheets/${Math.floor(glyph.number / (columns * rows))}.png)`;
  span.style.backgroundSize = `${columns * tile * scale}px`;
  const left = (place % columns) * tile * scale;
  const top = Math.floor(place / columns) * tile * scale;
  span.style.backgroundPosition = `${-left}px ${-top}px`;
  return span;
}

function tileOf(glyph) {
  const button = document.createElement("button");
  button.type = "button";
  button.title = `${glyph.letter}, ${glyph.font.font}`;
  button.setAttribute("aria-label", button.title);
  button.append(picture(glyph, 2));
  button.addEventListener("click", () => change({ glyph: keyOf(glyph) }));
  const item = document.createElement("li");
  item.append(button);
  return item;
}

function tilesOf(numbers) {
  const list = document.createElement("ul");
  list.className = "tiles";
  list.append(...numbers.map((number) => tileOf(glyphs[number])));
  return list;
}

// Rendering

function render() {
  const state = readHash();
  renderForm(state);
  renderTiles(state);
  renderDetails(glyphs.find((glyph) => keyOf(glyph) === state.glyph));
}

function renderForm(state) {
  for (const name of Object.keys(FILTERS)) {
    const control = form.elements[name];
    const value = state[name] ?? "";
    if (control.value !== value) control.value = value;
    if (control.selectedIndex === -1) control.value = "";
  }
}

function renderTiles(state) {
  const chosen = Object.keys(FILTERS).filter((name) => form.elements[name].value);
  const values = chosen.map((name) => form.elements[name].value);
  const found = glyphs.filter((glyph) =>
    chosen.every((name, i) => FILTERS[name](glyph, values[i]))
  );
  const pages = Math.max(1, Math.ceil(found.length / PER_PAGE));
  const page = Math.min(Math.max(1, Math.floor(Number(state.page)) || 1), pages);
  const wanted = JSON.stringify([chosen, values, page]);
  if (wanted === shownTiles) return; // the tile that opened the details keeps the focus
  shownTiles = wanted;
  const total = glyphs.length.toLocaleString("en");
  document.getElementById("count").textContent =
    `${found.length.toLocaleString("en")} of ${total} glyphs`;
  const shown = found.slice((page - 1) * PER_PAGE, page * PER_PAGE);
  document.getElementById("glyphs").replaceChildren(...shown.map(tileOf));
  document.getElementById("pages").hidden = pages === 1;
  document.getElementById("page").textContent = `Page ${page} of ${pages}`;
  turnTo("previous", page - 1, page > 1);
  turnTo("next", page + 1, page < pages);
}

function turnTo(id, page, possible) {
  const button = document.getElementById(id);
  button.disabled = !possible;
  button.onclick = () => {
    change({ page });
    document.getElementById("count").scrollIntoView();
  };
}

function renderDetails(glyph) {
  if (!glyph) {
    details.close();
    return;
  }
  const { font, letter } = glyph;
  document.getElementById("title").textContent = `${letter} of ${font.font}`;
  const large = picture(glyph, 8);
  large.setAttribute("role", "img");
  large.setAttribute("aria-label", `The letter ${letter} in ${font.font}`);
  document.getElementById("picture").replaceChildren(large);
  document.getElementById("facts").replaceChildren(
    ...fact("Letter", letter),
    ...fact("Font", linkTo({ search: font.font }, font.font)),
    ...fact("Family", linkTo({ family: font.family }, font.family)),
    ...fact("Category", linkTo({ category: font.category }, font.category)),
    ...fact("Style", styleOf(font)),
    ...fact("Licence", linkTo({ licence: font.licence }, font.licence)),
    ...fact("Split", linkTo({ split: font.split }, font.split)),
    ...fact("Exact copies", glyph.exact.length ? tilesOf(glyph.exact) : "none"),
    ...fact("Near copies", glyph.near.length ? tilesOf(glyph.near) : "none"),
    ...fact("Read wrong by", mistakesOf(glyph))
  );
  if (!details.open) details.showModal();
  details.scrollTop = 0;
}

function fact(name, value) {
  const term = document.createElement("dt");
  term.textContent = name;
  const description = document.createElement("dd");
  description.append(value);
  return [term, description];
}

function linkTo(state, text) {
  const link = document.createElement("a");
  link.href = hashOf(state);
  link.textContent = text;
  return link;
}

function styleOf(font) {
  const weight = font.weight ? `weight ${font.weight}` : "weight not stated";
  const width = font.width ? `width ${font.width} %` : "width not stated";
  const axes = font.axes ? [`axes ${font.axes}`] : [];
  return [weight, width, font.slant, ...axes].join(", ");
}

function mistakesOf(glyph) {
  if (glyph.font.split !== "test") return "not tested, because models are tested on the test split only";
  const wrong = Object.entries(glyph.mistakes);
  if (!wrong.length) return `none of the ${GLYPHS.models.length} models`;
  const list = document.createElement("ul");
  for (const [model, letters] of wrong) {
    const item = document.createElement("li");
    item.textContent = `${GLYPHS.models[model]}: ${readingsOf(letters, glyph.letter)}`;
    list.append(item);
  }
  return list;
}

function readingsOf(letters, truth) {
  const wrong = [...new Set(letters)].filter((letter) => letter !== truth);
  const seeds = letters.length;
  const count = (letter) => [...letters].filter((other) => other === letter).length;
  const part = (letter) => (count(letter) < seeds ? ` (${count(letter)} of ${seeds} seeds)` : "");
  return wrong.map((letter) => `as ${letter}${part(letter)}`).join(", ");
}

// Start

function offer(name, values) {
  const unique = [...new Set(values)];
  form.elements[name].append(...unique.map((value) => new Option(value, value)));
}

offer("letter", glyphs.map((glyph) => glyph.letter).sort());
offer("family", GLYPHS.fonts.map((font) => font.family));
offer("category", GLYPHS.fonts.map((font) => font.category).sort());
offer("licence", GLYPHS.fonts.map((font) => font.licence).sort());
offer("split", ["train", "valid", "test"]);
offer("mistakes", GLYPHS.models);

let waiting;
form.addEventListener("input", () => {
  clearTimeout(waiting); // browsers limit how often an address may change
  waiting = setTimeout(() => change({ ...Object.fromEntries(new FormData(form)), page: "" }), 100);
});
form.addEventListener("reset", () => {
  location.hash = "";
});
form.addEventListener("submit", (event) => event.preventDefault());
details.addEventListener("close", () => change({ glyph: "" }));
window.addEventListener("hashchange", render);
render();
