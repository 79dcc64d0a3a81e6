// A row of a table as features and back, as `data/tables/columns.py` and `cells.py` have it.

import { dateNumber, dateText } from "./date_cells.js";
import { roundedToEven } from "./rounding.js";

// An indicator above this, in its own unit of 0 and 1, stands for a missing cell.
const MISSING_FROM = 0.5;
// An indicator of 0 and 1 below this is not that of the cell's class.
const IS_CLASS = 1 - 1e-6;
// How much of a feature, which is a float32, is rounding; and of a number.
const FEATURE = 2 ** -23;
const NUMBER = 2 ** -50;
// Whole numbers beyond it are not all there.
const EXACT = 2 ** 53;
const TRUE = ["true", "1", "yes"];
const FALSE = ["false", "0", "no"];

/**
 * The columns of a table, from what `tasks/export/table.py` writes.
 *
 * A cell is {column, value}: a number, true or false, a text (categories, decimals, and dates as
 * ISO 8601), or null where it is missing.
 */
export class TableCells {
  constructor(columns) {
    this.columns = columns;
    this.width = columns.reduce((sum, column) => sum + column.centre.length, 0);
  }

  /** The cells that features stand for, in the order of the table's columns. */
  cells(features) {
    return this.#cells(decoded, features);
  }

  /** The cells that features were made of, as `data/tables/shown.py` has them. */
  given(features) {
    return this.#cells(held, features);
  }

  #cells(read, features) {
    return this.columns.map((column) => ({ column: column.name, value: read(column, features) }));
  }

  /**
   * The features of cells; what is not among them is taken for missing.
   *
   * Throws an Error with a sentence where a cell is not of its column's kind.
   */
  features(cells) {
    const given = new Map(cells.map(({ column, value }) => [column, value]));
    const names = this.columns.map(({ name }) => name);
    const strange = [...given.keys()].find((name) => !names.includes(name));
    if (strange !== undefined) throw new Error(`the table has no column ${strange}`);
    const features = new Float32Array(this.width);
    for (const column of this.columns) {
      if (column.centre.length) encode(column, given.get(column.name) ?? null, features);
    }
    return features;
  }
}

/** A feature as it was before it was standardised. */
function raw(column, features, i) {
  return features[column.start + i] * column.scale[i] + column.centre[i];
}

function decoded(column, features) {
  if (!column.centre.length) return column.value;
  if (column.kind === "categorical") return likeliest(column, features);
  if (column.missing && raw(column, features, 1) > MISSING_FROM) return null;
  return asType(rounded(snapped(raw(column, features, 0), column), column), column.type);
}

function held(column, features) {
  if (!column.centre.length) return column.value;
  if (column.kind === "categorical") {
    const raws = column.classes.map((_, i) => raw(column, features, i));
    const highest = Math.max(...raws);
    return highest > IS_CLASS ? column.classes[raws.indexOf(highest)].text : null;
  }
  if (column.missing && raw(column, features, 1) > MISSING_FROM) return null;
  const feature = features[column.start];
  const number = raw(column, features, 0);
  let off = Math.abs(feature * column.scale[0]) * FEATURE + Math.abs(number) * NUMBER;
  // Features may have been rounded more than once, larger ones too.
  if (column.kind === "date") off = Math.max(off, 4 * column.scale[0] * FEATURE);
  const near = column.kind === "boolean" ? roundedToEven(number) : nearest(number, column);
  const isNumber = column.kind === "numeric" || column.kind === "integer";
  const [decimals, step] = column.resolution ?? [0, 0];
  // Of steps as fine as the rounding no one tells more than a shorter number.
  const tells = column.kind === "integer" ? step >= 1 : !isNumber || off < step / 10 ** decimals;
  const fits = Math.abs(near - number) <= off && tells;
  // A gap has the feature of the mean.
  if (!fits && !column.missing && feature === 0) return null;
  if (!isNumber) return asType(fits ? near : number, column.type);
  const found = fits ? near : shortest(number, off);
  const value = asType(found, column.type);
  return Number(value) === found ? value : found;
}

/** The number of the fewest digits that lies no further off. */
function shortest(number, off) {
  for (let digits = 1; digits < 17; digits++) {
    const shorter = Number(number.toPrecision(digits));
    if (Math.abs(shorter - number) <= off) return shorter;
  }
  return number;
}

/** The class whose feature is the highest. */
function likeliest(column, features) {
  let best = -1;
  let highest = Number.NEGATIVE_INFINITY;
  column.classes.forEach(({ decodes }, i) => {
    const value = raw(column, features, i);
    if (decodes && value > highest) [best, highest] = [i, value];
  });
  return best < 0 ? null : column.classes[best].value;
}

/** A number near one that many rows have is taken for it. */
function snapped(number, { masses, windows }) {
  let result = number;
  masses.forEach((mass, i) => {
    if (Math.abs(number - mass) <= windows[i]) result = mass;
  });
  return result;
}

/** A number in the range and the resolution of the training table. */
function rounded(number, column) {
  const { lowest, highest } = column;
  const inside = lowest !== null && highest !== null;
  return nearest(inside ? Math.min(Math.max(number, lowest), highest) : number, column);
}

/** The same in its range or not. */
function nearest(number, { resolution, kind, step }) {
  if (resolution) {
    const [decimals, each, anchor] = resolution;
    const unit = 10 ** decimals;
    return (roundedToEven((number * unit - anchor) / each) * each + anchor) / unit;
  }
  return kind === "date" ? roundedToEven(number / step) * step : number;
}

/** A number as the value of a type: as a text where it is more than a number here can hold. */
function asType(number, type) {
  if (type.kind === "boolean") return number >= 0.5;
  if (type.kind === "float") return floating(number, type.bits);
  if (type.kind === "decimal") return number.toFixed(type.digits);
  const whole = roundedToEven(Math.min(Math.max(number, type.lowest), type.highest));
  if (type.kind === "date") return dateText(whole, type);
  return Math.abs(whole) > EXACT ? String(BigInt(whole)) : whole;
}

/** The nearest number that a float of so many bits holds. */
function floating(number, bits) {
  if (bits === 64) return number;
  if (bits === 32) return Math.fround(number);
  const step = 2 ** (Math.max(Math.floor(Math.log2(Math.abs(number))), -14) - 10);
  return number === 0 ? 0 : roundedToEven(number / step) * step;
}

function encode(column, value, features) {
  const { start, centre, scale } = column;
  if (column.kind === "categorical") return encodeClass(column, value, features);
  const absent = value === null || value === "";
  if (!absent) features[start] = (numberOf(column, value) - centre[0]) / scale[0];
  if (column.missing) features[start + 1] = ((absent ? 1 : 0) - centre[1]) / scale[1];
}

function encodeClass({ start, centre, scale, classes }, value, features) {
  const text = value === null ? null : String(value);
  let chosen = classes.findIndex((each) => !each.isOther && each.text === text);
  if (chosen < 0 && text !== null) chosen = classes.findIndex((each) => each.isOther);
  if (chosen < 0) return; // the mean of every class
  for (let i = 0; i < classes.length; i++) {
    features[start + i] = ((i === chosen ? 1 : 0) - centre[i]) / scale[i];
  }
}

function numberOf({ name, kind, type }, value) {
  const text = String(value).trim();
  let number = Number(text || "none");
  if (kind === "boolean") {
    const lower = text.toLowerCase();
    if (TRUE.includes(lower)) number = 1;
    else number = FALSE.includes(lower) ? 0 : Number.NaN;
  } else if (kind === "date") number = dateNumber(text, type);
  if (Number.isFinite(number)) return number;
  const what = { boolean: "true or false", date: "a date or time as it is written here" }[kind];
  throw new Error(`column ${name} holds ${text}, which is not ${what ?? "a number"}`);
}
