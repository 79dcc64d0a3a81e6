// What is shown of a state: the item, what its code gives, their difference, and words on them.

import { isDark, layoutOf, meanDifference, paint, paintDifference } from "./canvas.js";
import { newest } from "./newest.js";
import { nameOf, oddness, say, short } from "./sentences.js";

const byId = (id) => document.getElementById(id);

/**
 * @param form of row_form.js where items are rows of a table, else null.
 * @returns { show(state), repaint(), words(), decoded(), paint(canvas, values) }.
 */
export function makeView({ page, backend, form, failed }) {
  const shown = { state: null, decoded: null, denoised: null, item: undefined, scheme: isDark() };
  const decode = newest(
    ({ code }) => backend.decode(code),
    (decoded, { item }) => {
      // A newer item waits for its own code's.
      if (item !== shown.state.item) return;
      shown.decoded = decoded;
      paintDecoded(shown, page, form);
      tellDifference(shown, page);
    },
    failed,
  );
  const denoise = newest(
    (item) => backend.denoise(item.values),
    ({ values }, item) => {
      if (item !== shown.state.item) return;
      paint(byId("picture-denoised"), values, page);
      byId("picture-denoised").setAttribute("aria-label", "Denoised");
    },
    failed,
  );
  let code = null;
  return {
    show(state) {
      shown.state = state;
      if (state.item !== shown.item) {
        shown.item = state.item;
        paintItem(state.item, page);
        if (page.denoises && state.item !== null && form === null) denoise(state.item);
      }
      if (state.code !== code) decode(state);
      code = state.code;
      tellItem(state, page);
    },
    repaint() {
      paintItem(shown.item, page);
      paintDecoded(shown, page, form);
    },
    words: () => byId("facts").textContent.replaceAll(/\s+/g, " ").trim(),
    decoded: () => shown.decoded,
    paint: (canvas, values) => paint(canvas, values, page),
  };
}

function paintItem(item, page) {
  const canvas = byId("picture-item");
  if (canvas === null || !item?.values) return;
  paint(canvas, item.values, page);
  canvas.setAttribute("aria-label", nameOf(item, page.kind));
}

function paintDecoded({ decoded, state }, page, form) {
  if (form !== null) {
    form(state.item?.cells ?? null, decoded?.cells ?? null);
    return;
  }
  if (decoded === null) return;
  paint(byId("picture-code"), decoded.values, page);
  const item = state.item?.values ?? null;
  byId("figure-difference").hidden = item === null;
  if (item !== null) paintDifference(byId("picture-difference"), decoded.values, item, page);
}

function tellItem({ item }, page) {
  const odd = item === null ? "" : oddness(item, page.kind);
  say("fact-name", nameOf(item, page.kind));
  say("fact-odd", odd);
  byId("fact-odd").hidden = odd === "";
}

function tellDifference({ state, decoded }, page) {
  if (page.kind === "table" || !state.item?.values) return;
  const mean = short(meanDifference(decoded.values, state.item.values, page));
  const [low, high] = page.limits;
  const part = layoutOf(page.shape, page.kind).picture ? "A pixel" : "A value";
  const range = `values go from ${short(low)} to ${short(high)}`;
  const own = state.item.code;
  const moved = own ? state.code.some((number, at) => number !== own[at]) : false;
  const gives = moved ? "that the moved code gives differs" : "that the code gives is off";
  say("fact-off", `${part} ${gives} by ${mean} on average; ${range}.`);
}
