// What the page shows: one state, its past and future, and a link that holds it.
//
// A state is { item, code, walk }: the item that was chosen, or null; the code, which sliders move away
// from the item's own; and null, or a walk { from, to, share } between two items, on which the code is.
// An item is { row, name, label, values, clean, noise, cells, code, score, pValue }; `row`, its place in the data,
// is null of one's own; `values` are `clean` with noise, { amount, seed }, or the same where `noise` is null.

const MOST_STEPS = 200;
// Links beyond this are cut by some programs; an own item that is larger is left out of them.
const MOST_LETTERS = 6000;

/**
 * The state with its history. `changed` is called with it after every change, and whether it is another one:
 * of the one that is shown, more may have become known.
 */
export function makeStore(changed) {
  let states = [];
  let place = -1;
  let shown = null;
  let lastKey = null;

  function show(state) {
    shown = state;
    changed(state, true);
  }
  return {
    get state() {
      return shown;
    },
    get canUndo() {
      return place > 0;
    },
    get canRedo() {
      return place < states.length - 1;
    },
    /** Show a state that may be one of many in a movement: undo does not stop at it. */
    pass(state) {
      show(state);
    },
    /** Show the same state again, of which more has become known. */
    refresh() {
      changed(shown, false);
    },
    /** Show a state to which undo comes back. Steps of one key that follow one another are one. */
    step(state, key = null) {
      if (key !== null && key === lastKey && place === states.length - 1) states.pop();
      else states = states.slice(0, place + 1);
      lastKey = key;
      states.push(state);
      states = states.slice(-MOST_STEPS);
      place = states.length - 1;
      show(state);
    },
    move(steps) {
      const to = place + steps;
      if (to < 0 || to >= states.length) return;
      place = to;
      lastKey = null;
      show(states[place]);
    },
  };
}

/** The part of a link behind # that holds a state. */
export function linkOf({ item, code, walk }) {
  const parts = [];
  if (code.length > 0) parts.push(`code=${textOf(new Uint8Array(Float32Array.from(code).buffer))}`);
  if (item !== null && item.row !== null) parts.push(`item=${item.row}`);
  else if (item !== null) {
    const own = ownItem(item);
    if (own.length <= MOST_LETTERS) parts.push(own, `name=${encodeURIComponent(item.name)}`);
  }
  if (item?.noise) parts.push(`noise=${item.noise.amount}`, `seed=${item.noise.seed}`);
  if (walk?.to && walk.from === item) parts.push(`to=${walk.to.row}`, `share=${walk.share}`);
  return parts.join("&");
}

function ownItem(item) {
  if (item.cells) return `row=${encodeURIComponent(JSON.stringify(item.cells))}`;
  const values = Float32Array.from(item.clean);
  const small = values.every((value) => value >= 0 && value <= 255 && Number.isInteger(value));
  return small
    ? `levels=${textOf(Uint8Array.from(values))}`
    : `values=${textOf(new Uint8Array(values.buffer))}`;
}

/**
 * What a link says, checked: { code, row, values, cells, name, noise, to, share, wrong }, null where it does not;
 * `wrong` says in sentences what of it does not fit this page.
 *
 * @param hash with or without #.
 * @param sizes { code, item, rows }: how many numbers a code and an item have; rows.js of the data.
 */
export function readLink(hash, sizes) {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const wrong = [];
  const found = { values: null, cells: null, name: parts.get("name") };
  found.code = numbersOf(bytesOf(parts.get("code")), sizes.code);
  if (parts.has("code") && found.code === null) {
    const own = sizes.code > 0 ? `whose code has ${sizes.code} numbers` : "which has none to turn";
    wrong.push(`The link's code does not fit this model, ${own}.`);
  }
  found.row = rowOf(parts.get("item"), sizes.rows, wrong);
  found.to = rowOf(parts.get("to"), sizes.rows, wrong);
  const amount = Number(parts.get("noise") ?? Number.NaN);
  found.noise = amount >= 0 && amount <= 100 ? { amount, seed: seedOf(parts.get("seed")) } : null;
  found.share = Math.min(Math.max(Number(parts.get("share")) || 0, 0), 1);
  const levels = bytesOf(parts.get("levels"));
  found.values =
    levels?.length === sizes.item
      ? Float32Array.from(levels)
      : numbersOf(bytesOf(parts.get("values")), sizes.item);
  if ((parts.has("levels") || parts.has("values")) && found.values === null) {
    wrong.push(`The link's item does not fit this model, whose items have ${sizes.item} values.`);
  }
  try {
    const cells = JSON.parse(parts.get("row") ?? "null");
    if (Array.isArray(cells)) found.cells = cells;
  } catch {
    // No row, then.
  }
  if (parts.has("row") && found.cells === null) wrong.push("The link's row cannot be read.");
  return { ...found, wrong: wrong.join(" ") || null };
}

/** The row that a link names; null where it names none, or one that is not here, which is `wrong`. */
function rowOf(text, rows, wrong) {
  if (text === null) return null;
  const row = text === "" ? Number.NaN : Number(text);
  if (Number.isInteger(row) && rows.has(row)) return row;
  const why = Number.isInteger(row) ? rows.lack(row) : "";
  wrong.push(`The link names an item that is not here. ${why}`.trim());
  return null;
}

function seedOf(text) {
  const seed = Math.round(Number(text));
  return Number.isSafeInteger(seed) && seed >= 0 ? seed : 0;
}

function numbersOf(bytes, count) {
  if (bytes === null || bytes.length !== 4 * count) return null;
  const numbers = new Float32Array(bytes.buffer);
  return numbers.every(Number.isFinite) ? numbers : null;
}

// base64 of RFC 4648, section 5: letters that may stand in a link.
function textOf(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function bytesOf(text) {
  if (text === null) return null;
  try {
    const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}
