// The items to choose from, by their rows in the data.

/**
 * @param page of the page data: `rows`, where in the data the page's items are, in order; `data_rows`, how
 *   many the data have if all of them can be had, else null; `labels`, `classes` and `files`.
 */
export function makeRows({ rows, data_rows: count, labels, classes, files }) {
  const places = new Map((rows ?? []).map((row, place) => [row, place]));
  const [first, last] = count === null ? [rows?.[0], rows?.at(-1)] : [0, count - 1];

  /** The place in `rows` whose row is the next one to a number, which may lie between two. */
  function nearestPlace(row) {
    let best = 0;
    for (const [place, at] of rows.entries()) {
      if (Math.abs(at - row) < Math.abs(rows[best] - row)) best = place;
    }
    return best;
  }
  const nearest = (row) =>
    count === null ? rows[nearestPlace(row)] : Math.min(Math.max(row, first), last);
  return {
    first,
    last,
    /** Where a row is among the page's items: on the map and its small picture; -1 if it is not. */
    placeOf: (row) => places.get(row) ?? -1,
    has: (row) => (count === null ? places.has(row) : row >= 0 && row < count),
    /** Why a number that was typed is no row to be had, in a sentence; "" if it is one. */
    lack(number) {
      if (first === undefined) return "This page was opened without data.";
      if (!Number.isInteger(number)) return "Give a whole number.";
      if (number < 0 || (count !== null && number >= count)) {
        return `There is no number ${number}: they go from ${first} to ${last}.`;
      }
      if (this.has(number)) return "";
      const held = `${rows.length} from ${first} to ${last}`;
      return `Number ${number} is not in this page, which holds ${held}; the next one is ${nearest(number)}.`;
    },
    /** The one before a row, or after it. */
    beside: (row, step) =>
      count === null ? (rows[nearestPlace(row) + step] ?? row) : nearest(row + step),
    random() {
      const place = Math.floor(Math.random() * (count ?? rows.length));
      return count === null ? rows[place] : place;
    },
    /** The file that one of the page's items came from; null where there is none. */
    fileOf: (row) => files?.[places.get(row)] ?? null,
    /** The class of one of the page's items, by its name where it has one; null without labels. */
    labelOf(row) {
      const label = labels?.[places.get(row)] ?? null;
      return label === null ? null : String(classes?.[label] ?? label);
    },
  };
}
