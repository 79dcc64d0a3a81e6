// The backend that computes in the page: what `backend_server.js` asks a server, by `net.js`.

import { denoised } from "./denoising.js";
import { Net } from "./net.js";
import { inflated, unpacked } from "./packed_arrays.js";
import { bytesOf } from "./page_data.js";
import { roundedToEven } from "./rounding.js";
import { makeRows } from "./rows.js";
import { Scorer } from "./scorer.js";
import { sizeOf } from "./shapes.js";
import { TableCells } from "./table_cells.js";

/** @param page the page data, with what `tasks/export/page.py` adds as `export`. */
export async function exportBackend(page) {
  const { model, scorer, columns, items, whole, shift } = await inflated(page.export);
  const net = new Net(model);
  const judge = scorer && new Scorer(scorer);
  const table = columns && new TableCells(columns);
  const chosen = items && chooseFrom(page, unpacked(items));
  const withCells = (found, values) => (table ? { ...found, cells: table.cells(values) } : found);
  const withGiven = (found) => (table ? { ...found, cells: table.given(found.values) } : found);

  function encode(values) {
    const given = asData(values, whole);
    const { code, values: made } = net.reconstruct(given);
    const odd = judge ? judge.judge(given, code, made) : { score: null, pValue: null };
    return withCells({ code, values: made, item: given, ...odd }, made);
  }

  const backend = {
    async decode(code) {
      const values = net.decode(code);
      return withCells({ values }, values);
    },
    encode: async (values) => encode(values),
    encodeCells: async (cells) => encode(table.features(cells)),
    item: async (row) => withGiven(chosen.item(row)),
    nearest: async (code, count) => chosen.nearest(code, count),
  };
  if (page.denoises) {
    backend.denoise = async (values) => {
      const made = await denoised(net, asData(values, whole), { shape: page.shape, shift });
      return { values: asData(made, whole) };
    };
  }
  return backend;
}

/** Values as the data's type holds them: of whole numbers, within `whole` (low, high). */
function asData(values, whole) {
  if (!whole) return Float32Array.from(values);
  const [low, high] = whole;
  return Float32Array.from(values, (value) => roundedToEven(Math.min(Math.max(value, low), high)));
}

/** The items that are in the page, by their rows in the data. */
function chooseFrom(page, values) {
  const size = sizeOf(page.shape);
  const all = new Float32Array(bytesOf(page.codes ?? "").buffer);
  const length = page.latent.length;
  const rows = makeRows(page);

  function distance(code, place) {
    let sum = 0;
    for (let i = 0; i < length; i++) sum += (all[place * length + i] - code[i]) ** 2;
    return Math.sqrt(sum);
  }

  return {
    item(row) {
      const place = rows.placeOf(row);
      return {
        values: Float32Array.from(values.subarray(place * size, (place + 1) * size)),
        code: all.slice(place * length, (place + 1) * length),
        label: rows.labelOf(row),
        file: rows.fileOf(row),
      };
    },
    nearest: (code, count) =>
      page.rows
        .map((row, place) => ({ row, distance: distance(code, place) }))
        .sort((a, b) => a.distance - b.distance)
        .slice(0, Math.max(count, 0)),
  };
}
