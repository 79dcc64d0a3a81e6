// JPEG's steps on one picture of grey levels, as narrows/baselines/jpeg.py does them: its docstring
// has the formulas and their sources. All in double precision, halves rounded away from zero.

export const SIDE = 8;
const SHIFT = 128;
// What is exact but for rounding, such as 2.4999999999999996, counts as what it stands for.
const SETTLED = 1e9;

// c(u) / 2 cos((2 i + 1) u π / 16), at 8 u + i: the rows of an orthonormal matrix.
const COSINES = Float64Array.from({ length: 64 }, (_, at) => {
  const [u, i] = [at >> 3, at & 7];
  return (u === 0 ? Math.SQRT1_2 : 1) * 0.5 * Math.cos(((2 * i + 1) * u * Math.PI) / 16);
});

/** What frequencies are divided by at a quality from 1 to 100: 64 whole numbers, of those of quality 50. */
function quantisationTable(base, quality) {
  const scale = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
  return base.map((step) => Math.min(Math.max(Math.floor((step * scale + 50) / 100), 1), 255));
}

/** The 64 grey levels less 128 of a block; beyond the picture its last row and column go on. */
export function samplesOf(pixels, width, height, row, column) {
  return Float64Array.from({ length: 64 }, (_, at) => {
    const y = Math.min(row * SIDE + (at >> 3), height - 1);
    const x = Math.min(column * SIDE + (at & 7), width - 1);
    return pixels[y * width + x] - SHIFT;
  });
}

/** The cosine transform of 64 values, in grey levels. */
export function frequenciesOf(samples) {
  return settled(transformed(samples, (u, i) => COSINES[8 * u + i]));
}

/** The 64 values that frequencies stand for. */
export function inverseOf(frequencies) {
  return settled(transformed(frequencies, (i, u) => COSINES[8 * u + i]));
}

/** Frequencies over the table, to the nearest whole number, halves away from zero. */
export function keptOf(frequencies, table) {
  return Array.from(frequencies, (value, at) => {
    const kept = Math.floor(Math.abs(value) / table[at] + 0.5);
    return value < 0 && kept > 0 ? -kept : kept;
  });
}

/** All steps for one block: each an array of 64, rows first. */
export function openBlock(picture, table, row, column) {
  const samples = samplesOf(picture.pixels, picture.width, picture.height, row, column);
  const frequencies = frequenciesOf(samples);
  const kept = keptOf(frequencies, table);
  const back = inverseOf(kept.map((value, at) => value * table[at]));
  const levels = Array.from(back, (value) =>
    Math.floor(Math.min(Math.max(value + SHIFT, 0), 255) + 0.5),
  );
  return { samples, frequencies, kept, levels };
}

/**
 * The whole picture at a quality: what comes back, the share of zeros, the mean squared error.
 *
 * @param picture { pixels, width, height, base }: grey levels, and the base table, of quality 50, as 64 numbers.
 */
export function openPicture(picture, quality) {
  const { pixels, width, height, base } = picture;
  const table = quantisationTable(base, quality);
  const [rows, columns] = [Math.ceil(height / SIDE), Math.ceil(width / SIDE)];
  const decoded = new Uint8ClampedArray(width * height);
  let zeros = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const { kept, levels } = openBlock(picture, table, row, column);
      zeros += kept.filter((value) => value === 0).length;
      levels.forEach((level, at) => {
        const [y, x] = [row * SIDE + (at >> 3), column * SIDE + (at & 7)];
        if (y < height && x < width) decoded[y * width + x] = level;
      });
    }
  }
  let squared = 0;
  decoded.forEach((level, at) => {
    squared += (level - pixels[at]) ** 2;
  });
  return {
    table,
    rows,
    columns,
    decoded,
    zeros: zeros / (rows * columns * 64),
    error: squared / decoded.length,
  };
}

/** The matrix times values times its transpose. */
function transformed(values, matrix) {
  const half = new Float64Array(64);
  const whole = new Float64Array(64);
  for (let at = 0; at < 64; at++) {
    for (let k = 0; k < 8; k++) half[at] += matrix(at >> 3, k) * values[8 * k + (at & 7)];
  }
  for (let at = 0; at < 64; at++) {
    for (let k = 0; k < 8; k++) whole[at] += half[(at & 56) + k] * matrix(at & 7, k);
  }
  return whole;
}

function settled(values) {
  return values.map((value) => Math.round(value * SETTLED) / SETTLED);
}
