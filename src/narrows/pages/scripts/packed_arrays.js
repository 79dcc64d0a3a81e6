// Arrays as Python packs them into a page (`tasks/export/arrays.py`).
import { bytesOf } from "./page_data.js";

/** The array of an entry, whatever it is packed as; an array that is unpacked already. */
export function unpacked(entry) {
  if (ArrayBuffer.isView(entry)) return entry;
  const bytes = bytesOf(entry.data);
  if (entry.kind === "bits") return fromBits(bytes, entry);
  return new TYPES[entry.kind](bytes.buffer);
}

// These machines store numbers lowest byte first, as Python wrote them.
const TYPES = {
  float32: Float32Array,
  float64: Float64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  int32: Int32Array,
};

/** A value of JSON with the arrays in it that are deflated, wherever they are, unpacked. */
export async function inflated(value) {
  if (value === null || typeof value !== "object") return value;
  if (value.kind === "deflated") {
    const stream = new Blob([bytesOf(value.data)]).stream();
    const bytes = stream.pipeThrough(new DecompressionStream("deflate"));
    return new TYPES[value.of](await new Response(bytes).arrayBuffer());
  }
  if (Array.isArray(value)) return Promise.all(value.map(inflated));
  const entries = Object.entries(value).map(async ([name, each]) => [name, await inflated(each)]);
  return Object.fromEntries(await Promise.all(entries));
}

/**
 * Whole numbers of so many bits, one behind the other, lowest bit first; each less the middle of
 * their range and times the scale of its column.
 */
function fromBits(bytes, { bits, count, scales }) {
  const scale = new Float32Array(bytesOf(scales).buffer);
  const columns = scale.length;
  const middle = 2 ** (bits - 1);
  const mask = 2 ** bits - 1;
  const values = new Float32Array(count);
  let held = 0;
  let waiting = 0;
  let at = 0;
  for (let i = 0, column = 0; i < count; i++) {
    for (; waiting < bits; waiting += 8) held |= bytes[at++] << waiting;
    values[i] = ((held & mask) - middle) * scale[column];
    held >>>= bits;
    waiting -= bits;
    if (++column === columns) column = 0;
  }
  return values;
}
