// Sums of weighted inputs: dense layers, convolutions and their transposes.
//
// Each place of the output adds up rows of a matrix, one for each value that it sees. Rows lie one
// behind the other in memory, and those of zeros are left out: most of an image's rim is zero.

import { imageShape } from "./shapes.js";

// Below so many values a place, rows are too short: one sum a value is faster.
const SHORT_ROW = 8;

/**
 * Which places of the input, and of the kernel, each place of the output sees along one axis.
 * `starts[t]` to `starts[t + 1]` are those of place t in `inputs` and `kernels`.
 */
class Axis {
  constructor(places, pairs) {
    this.places = places;
    this.starts = new Int32Array(places + 1);
    for (const [place] of pairs) this.starts[place + 1]++;
    for (let t = 0; t < places; t++) this.starts[t + 1] += this.starts[t];
    pairs.sort((a, b) => a[0] - b[0]);
    this.inputs = Int32Array.from(pairs, (pair) => pair[1]);
    this.kernels = Int32Array.from(pairs, (pair) => pair[2]);
    this.most = 0;
    for (let t = 0; t < places; t++) {
      this.most = Math.max(this.most, this.starts[t + 1] - this.starts[t]);
    }
  }
}

/** Triples of window, place of the image, and place of the kernel: `nn/blocks/convolution.py`. */
function windowPairs({ whole, windows, kernel, stride, same }) {
  const covered = (windows - 1) * stride + kernel;
  const before = same ? Math.floor(Math.max(covered - whole, 0) / 2) : 0;
  const pairs = [];
  for (let window = 0; window < windows; window++) {
    for (let k = 0; k < kernel; k++) {
      const place = window * stride - before + k;
      if (place >= 0 && place < whole) pairs.push([window, place, k]);
    }
  }
  return pairs;
}

/** A row of values times a matrix (values, units), plus a bias. */
export function dense(weight, bias) {
  const channels = weight.length / bias.length;
  const only = new Axis(1, [[0, 0, 0]]);
  return new Product({ weight, bias, channels, down: only, across: only, inputs: 1, kernel: 1 });
}

/** A convolution of images; `weight` is (kernel height, kernel width, channels, units). */
export function convolution(block, weight, bias) {
  const [height, width, channels] = imageShape(block.from);
  const [down, across] = [0, 1].map((side) => {
    const windows = block.shape[side];
    return new Axis(windows, windowPairs(sideOf(block, side, [height, width][side], windows)));
  });
  const kernel = block.kernel[1];
  return new Product({ weight, bias, channels, down, across, inputs: width, kernel });
}

/** Its transpose; `weight` is (kernel height, kernel width, units, channels). */
export function transposedConvolution(block, weight, bias) {
  const [rows, columns, channels] = imageShape(block.from);
  const [down, across] = [0, 1].map((side) => {
    const whole = block.shape[side];
    const pairs = windowPairs(sideOf(block, side, whole, [rows, columns][side]));
    return new Axis(
      whole,
      pairs.map(([window, place, k]) => [place, window, k]),
    );
  });
  const turned = transposed(weight, bias.length, channels);
  const kernel = block.kernel[1];
  return new Product({ weight: turned, bias, channels, down, across, inputs: columns, kernel });
}

function sideOf(block, side, whole, windows) {
  const same = block.padding === "same";
  return { whole, windows, kernel: block.kernel[side], stride: block.stride[side], same };
}

/** Matrices (rows, columns), one behind the other, as (columns, rows). */
function transposed(weight, rows, columns) {
  const result = new Float32Array(weight.length);
  for (let first = 0; first < weight.length; first += rows * columns) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        result[first + c * rows + r] = weight[first + r * columns + c];
      }
    }
  }
  return result;
}

/** A linear map with a bias; `weight` is (kernel height x kernel width, channels, units). */
class Product {
  constructor({ weight, bias, channels, down, across, inputs, kernel }) {
    this.units = bias.length;
    this.short = this.units < SHORT_ROW;
    this.weight = this.short ? byUnit(weight, this.units) : weight;
    Object.assign(this, { bias, channels, down, across, inputs, kernel });
    this.size = down.places * across.places * this.units;
    this.none = new Float32Array(this.units);
    const most = down.most * across.most * channels;
    this.factors = new Float64Array(most);
    this.rows = new Int32Array(most);
  }

  run(x, y) {
    this.apply(x, y, this.bias);
  }

  prepare() {}

  push(dx, dy) {
    this.apply(dx, dy, this.none);
  }

  apply(x, y, bias) {
    const { down, across, units } = this;
    let at = 0;
    for (let row = 0; row < down.places; row++) {
      for (let column = 0; column < across.places; column++, at += units) {
        for (let j = 0; j < units; j++) y[at + j] = bias[j];
        if (this.short) this.addSums(x, y, at, row, column);
        else addRows(this.weight, units, this.factors, this.rows, this.seen(x, row, column), y, at);
      }
    }
  }

  /** Note what a place sees that is not zero, and the rows that go with it; how many there are. */
  seen(x, row, column) {
    const { down, across, channels, units, factors, rows } = this;
    let count = 0;
    for (let i = down.starts[row]; i < down.starts[row + 1]; i++) {
      for (let j = across.starts[column]; j < across.starts[column + 1]; j++) {
        const from = (down.inputs[i] * this.inputs + across.inputs[j]) * channels;
        const first = (down.kernels[i] * this.kernel + across.kernels[j]) * channels;
        for (let c = 0; c < channels; c++) {
          const value = x[from + c];
          if (value !== 0) {
            factors[count] = value;
            rows[count++] = (first + c) * units;
          }
        }
      }
    }
    return count;
  }

  /** Add the sum of every unit at a place: the rows are short, and lie by unit. */
  addSums(x, y, at, row, column) {
    const { down, across, channels, weight } = this;
    const each = weight.length / this.units;
    for (let i = down.starts[row]; i < down.starts[row + 1]; i++) {
      for (let j = across.starts[column]; j < across.starts[column + 1]; j++) {
        const from = (down.inputs[i] * this.inputs + across.inputs[j]) * channels;
        const first = (down.kernels[i] * this.kernel + across.kernels[j]) * channels;
        for (let unit = 0; unit < this.units; unit++) {
          let sum = 0;
          const own = unit * each + first;
          for (let c = 0; c < channels; c++) sum += x[from + c] * weight[own + c];
          y[at + unit] += sum;
        }
      }
    }
  }
}

function byUnit(weight, units) {
  return transposed(weight, weight.length / units, units);
}

/** y[at..] += the sum of `count` rows times their factors, four at a time. */
function addRows(weight, width, factors, rows, count, y, at) {
  let n = 0;
  for (; n + 3 < count; n += 4) {
    const [a, b, c, d] = [factors[n], factors[n + 1], factors[n + 2], factors[n + 3]];
    const [p, q, r, s] = [rows[n], rows[n + 1], rows[n + 2], rows[n + 3]];
    for (let j = 0; j < width; j++) {
      y[at + j] += a * weight[p + j] + b * weight[q + j] + c * weight[r + j] + d * weight[s + j];
    }
  }
  for (; n < count; n++) {
    const a = factors[n];
    const p = rows[n];
    for (let j = 0; j < width; j++) y[at + j] += a * weight[p + j];
  }
}
