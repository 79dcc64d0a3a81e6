// A row of a table as a form, beside what the code makes of it.

import { dateNumber } from "./date_cells.js";
import { element } from "./elements.js";

const TRUTHS = [true, false];

/**
 * Make the form in a table body: a row for each column.
 *
 * @param columns of the page data: { name, kind, why, categories, low, high, whole, follows_from }.
 * @param changed gets all cells, [{ column, value }], once one was changed.
 * @returns a function that shows cells and what the code makes of them, both may be null.
 */
export function makeForm(body, all, changed) {
  const columns = all.filter(({ kind }) => kind !== "ignored");
  const fields = columns.map(makeField);
  body.append(...all.map((each) => fields[columns.indexOf(each)]?.row ?? ignoredRow(each)));
  const cells = () =>
    columns.map((column, at) => ({ column: column.name, value: fields[at].read() }));
  for (const { input } of fields) input.addEventListener("change", () => changed(cells()));
  return (item, decoded) => {
    const given = byColumn(item);
    const made = byColumn(decoded);
    columns.forEach((column, at) => {
      const field = fields[at];
      if (document.activeElement !== field.input || item !== field.shown) {
        field.write(given.get(column.name) ?? null);
      }
      field.shown = item;
      const value = made.get(column.name);
      field.made.textContent = textOf(value);
      field.row.classList.toggle(
        "off",
        item !== null && isOff(given.get(column.name), value, column),
      );
    });
  };
}

/** A column from which nothing is learnt: its name, and why. */
function ignoredRow({ name, why }) {
  const head = element("th", { scope: "row" }, name, element("small", {}, `ignored: ${why}`));
  return element("tr", { class: "ignored" }, head, element("td", {}, "–"), element("td", {}, "–"));
}

function makeField(column, number) {
  const id = `column-${number}`;
  const { follows_from: follows, why } = column;
  const head = element("th", { scope: "row" }, element("label", { for: id }, column.name));
  if (follows.length > 0) head.append(element("small", {}, `follows from ${follows.join(", ")}`));
  if (why !== null) head.append(element("small", {}, why));
  const choices = column.kind === "truth" ? TRUTHS : column.categories;
  const field = choices === null ? entry(column) : choice([...choices]);
  field.input.id = id;
  const made = element("td");
  const row = element(
    "tr",
    { class: why === null ? "" : "ignored" },
    head,
    element("td", {}, field.input),
    made,
  );
  return { row, made, ...field };
}

/** A field to choose one of some values in, or none. */
function choice(choices) {
  const input = element("select", {}, new Option("missing", ""));
  const add = (value, at) => input.append(new Option(String(value), String(at)));
  choices.forEach(add);
  return {
    input,
    read: () => (input.value === "" ? null : choices[Number(input.value)]),
    write(value) {
      // Of a link it may be a number or true.
      let at = choices.findIndex((each) => String(each) === String(value));
      // A category that training did not keep is shown as it is.
      if (at < 0 && value !== null) {
        at = choices.push(value) - 1;
        add(value, at);
      }
      input.value = value === null ? "" : String(at);
    },
  };
}

function entry({ kind, low, high }) {
  const isNumber = kind === "number";
  const input = element("input", { type: isNumber ? "number" : "text", placeholder: "missing" });
  if (isNumber) input.step = "any"; // 2.5 is taken in a column of whole numbers too
  if (kind === "constant") input.readOnly = true;
  if (low !== null) input.title = `In training from ${low} to ${high}`;
  return {
    input,
    read() {
      if (input.value === "") return null;
      return isNumber ? input.valueAsNumber : input.value;
    },
    write(value) {
      input.value = value === null ? "" : String(value);
    },
  };
}

function byColumn(cells) {
  return new Map((cells ?? []).map(({ column, value }) => [column, value]));
}

/** Milliseconds since 1970, since midnight, or of time that passed. */
function instant(text) {
  const clock = dateNumber(text, { what: "span", perSecond: 1000 });
  return Number.isNaN(clock) ? Date.parse(text) : clock;
}

export function textOf(value) {
  if (value === null || value === undefined) return "missing";
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  const whole = Math.floor(Math.log10(Math.abs(value))) + 1; // digits before the point, all of which are shown
  return String(Number(value.toPrecision(Math.min(Math.max(whole, 5), 17))));
}

/** Whether the code gives something else: another class or text, or a number, date or time a tenth of its range away. */
export function isOff(given, made, { kind, categories, low, high }) {
  // All that are not among them are one class.
  const isRare = (value) => (value ?? null) !== null && !categories.includes(String(value));
  if (kind === "category" && isRare(given) && isRare(made)) return false;
  const asNumber = kind === "date" ? instant : Number;
  const [one, other, first, last] = [given, made, low, high].map((each) =>
    each === null || each === undefined || each === "" ? Number.NaN : asNumber(each),
  );
  if (["number", "date"].includes(kind) && Number.isFinite(one - other)) {
    return Math.abs(one - other) > 0.1 * (Math.abs(last - first) || 0);
  }
  return String(given ?? "") !== String(made ?? "");
}
