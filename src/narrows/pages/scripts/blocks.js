// The blocks of a model as steps of a computation, as `nn/blocks/` has them.
//
// A step takes `x` to `y` (`run`), and small changes of x to those of y (`push`), at the x of the
// last `run`, for which `prepare` was called. It works on one item, channels last, and allocates
// nothing after `prepare`.

import { Activation } from "./activations.js";
import { convolution, dense, transposedConvolution } from "./products.js";
import { roundedToEven } from "./rounding.js";
import { imageShape, sizeOf } from "./shapes.js";

/**
 * The steps that a block comes to.
 *
 * `block` is what a spec says of it, with `from`, the shape that it gets, `shape`, the one that it
 * makes, and `prefix`, of the names of its arrays. `kept` has the tensors that copies keep.
 */
export function stepsOf(block, arrays, kept) {
  const make = STEPS[block.block];
  if (!make) throw new Error(`this page cannot compute blocks of the kind ${block.block}`);
  const own = (name) => arrays[`${block.prefix}.${name}`];
  const steps = make(block, own, kept);
  if (block.activation && block.activation !== "linear") {
    steps.push(new Activation(block.activation, sizeOf(block.shape)));
  }
  return steps;
}

const STEPS = {
  dense: (_, own) => [dense(own("weight"), own("bias"))],
  gaussian: (_, own) => [dense(own("mean.weight"), own("mean.bias"))],
  conv: (block, own) => [convolution(block, own("weight"), own("bias"))],
  conv_transpose: (block, own) => [transposedConvolution(block, own("weight"), own("bias"))],
  activation: () => [],
  dropout: () => [],
  flatten: () => [],
  reshape: () => [],
  crop: (block) => [new Moves(part(block.from, block.shape, false))],
  pad: (block) => [new Moves(part(block.shape, block.from, true))],
  patch: (block) => [new Moves(patched(imageShape(block.from), block.size))],
  unpatch: (block) => [new Moves(inverse(patched(imageShape(block.shape), block.size)))],
  upsample: (block) => [new Moves(repeated(block))],
  pool: (block) => [block.kind === "max" ? new MaxPool(block) : new MeanPool(block)],
  norm: (block, own) => [block.kind === "layer" ? new LayerNorm(block, own) : new Scale(own)],
  join(block, _, kept) {
    const other = kept.get(block.copy);
    if (block.how === "add") return [new Sum(other)];
    return [new Channels(other, block.from.at(-1), block.shape)];
  },
  rounded: (block) => [new Rounding(sizeOf(block.shape))],
};

/** Each value is one of those that come in, `from[i]`, or 0 where that is -1. */
class Moves {
  constructor(from) {
    this.from = from;
    this.size = from.length;
  }

  run(x, y) {
    const from = this.from;
    for (let i = 0; i < from.length; i++) y[i] = from[i] < 0 ? 0 : x[from[i]];
  }

  prepare() {}

  push(dx, dy) {
    this.run(dx, dy);
  }
}

/** Where the values of a part lie in the whole, or those of the whole in the part: -1 outside. */
function part(whole, small, outward) {
  const starts = whole.map((side, axis) =>
    axis < 2 && whole.length > 1 ? Math.floor((side - small[axis]) / 2) : 0,
  );
  const places = outward ? new Int32Array(sizeOf(whole)).fill(-1) : new Int32Array(sizeOf(small));
  for (let i = 0; i < sizeOf(small); i++) {
    let [rest, place, step] = [i, 0, 1];
    for (let axis = whole.length - 1; axis >= 0; axis--) {
      place += ((rest % small[axis]) + starts[axis]) * step;
      rest = Math.floor(rest / small[axis]);
      step *= whole[axis];
    }
    if (outward) places[place] = i;
    else places[i] = place;
  }
  return places;
}

/** Where the values of patches lie in an image: by patch, row, column and channel. */
function patched([height, width, channels], [high, wide]) {
  const places = [];
  for (let top = 0; top < height; top += high) {
    for (let left = 0; left < width; left += wide) {
      for (let row = top; row < top + high; row++) {
        for (let column = left; column < left + wide; column++) {
          for (let c = 0; c < channels; c++) places.push((row * width + column) * channels + c);
        }
      }
    }
  }
  return Int32Array.from(places);
}

function inverse(places) {
  const back = new Int32Array(places.length);
  for (let i = 0; i < places.length; i++) back[places[i]] = i;
  return back;
}

function repeated({ from, shape, size: [high, wide] }) {
  const [[, columns, channels], [height, width]] = [imageShape(from), shape];
  const places = [];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const place = Math.floor(row / high) * columns + Math.floor(column / wide);
      for (let c = 0; c < channels; c++) places.push(place * channels + c);
    }
  }
  return Int32Array.from(places);
}

/** Where the values of each window lie: `starts[i]` to `starts[i + 1]` of `places`. */
function pooled({ from, shape, size: [high, wide] }) {
  const [[height, width, channels], [rows, columns]] = [imageShape(from), shape];
  const [places, starts] = [[], [0]];
  for (let i = 0; i < rows * columns * channels; i++) {
    const window = Math.floor(i / channels);
    const [top, left] = [Math.floor(window / columns) * high, (window % columns) * wide];
    for (let row = top; row < Math.min(top + high, height); row++) {
      for (let column = left; column < Math.min(left + wide, width); column++) {
        places.push((row * width + column) * channels + (i % channels));
      }
    }
    starts.push(places.length);
  }
  return { places: Int32Array.from(places), starts: Int32Array.from(starts) };
}

class MeanPool {
  constructor(block) {
    Object.assign(this, pooled(block));
    this.size = this.starts.length - 1;
  }

  run(x, y) {
    for (let i = 0; i < this.size; i++) {
      let sum = 0;
      for (let at = this.starts[i]; at < this.starts[i + 1]; at++) sum += x[this.places[at]];
      y[i] = sum / (this.starts[i + 1] - this.starts[i]);
    }
  }

  prepare() {}

  push(dx, dy) {
    this.run(dx, dy);
  }
}

class MaxPool {
  constructor(block) {
    Object.assign(this, pooled(block));
    this.size = this.starts.length - 1;
  }

  run(x, y) {
    for (let i = 0; i < this.size; i++) {
      let highest = Number.NEGATIVE_INFINITY;
      for (let at = this.starts[i]; at < this.starts[i + 1]; at++) {
        highest = Math.max(highest, x[this.places[at]]);
      }
      y[i] = highest;
    }
  }

  prepare(x, y) {
    [this.x, this.y] = [x, y];
  }

  /** Of several that are highest, the mean. */
  push(dx, dy) {
    for (let i = 0; i < this.size; i++) {
      let [sum, count] = [0, 0];
      for (let at = this.starts[i]; at < this.starts[i + 1]; at++) {
        if (this.x[this.places[at]] === this.y[i]) {
          sum += dx[this.places[at]];
          count++;
        }
      }
      dy[i] = sum / count;
    }
  }
}

// Added to a variance, which may be 0.
const SMALLEST_VARIANCE = 1e-5;

/** A factor and an offset for each channel: what a batch norm is once a model has learnt. */
class Scale {
  constructor(own) {
    const [scale, offset, mean, variance] = ["scale", "offset", "mean", "variance"].map(own);
    this.factors = Float64Array.from(
      scale,
      (s, c) => s / Math.sqrt(variance[c] + SMALLEST_VARIANCE),
    );
    this.offsets = Float64Array.from(offset, (o, c) => o - mean[c] * this.factors[c]);
  }

  run(x, y) {
    const channels = this.factors.length;
    for (let i = 0, c = 0; i < x.length; i++, c = c + 1 === channels ? 0 : c + 1) {
      y[i] = x[i] * this.factors[c] + this.offsets[c];
    }
  }

  prepare() {}

  push(dx, dy) {
    const channels = this.factors.length;
    for (let i = 0; i < dx.length; i++) dy[i] = dx[i] * this.factors[i % channels];
  }
}

/** Each place brought to mean 0 and variance 1 over its channels, then to a scale and an offset. */
class LayerNorm {
  constructor(block, own) {
    this.size = sizeOf(block.shape);
    [this.scale, this.offset] = ["scale", "offset"].map(own);
    this.normal = new Float64Array(this.size);
    this.factors = new Float64Array(this.size / this.scale.length);
  }

  run(x, y) {
    const channels = this.scale.length;
    for (let place = 0, at = 0; place < this.factors.length; place++, at += channels) {
      let [mean, variance] = [0, 0];
      for (let c = 0; c < channels; c++) mean += x[at + c] / channels;
      for (let c = 0; c < channels; c++) variance += (x[at + c] - mean) ** 2 / channels;
      const factor = 1 / Math.sqrt(variance + SMALLEST_VARIANCE);
      this.factors[place] = factor;
      for (let c = 0; c < channels; c++) {
        this.normal[at + c] = (x[at + c] - mean) * factor;
        y[at + c] = this.normal[at + c] * this.scale[c] + this.offset[c];
      }
    }
  }

  prepare() {}

  push(dx, dy) {
    const channels = this.scale.length;
    for (let place = 0, at = 0; place < this.factors.length; place++, at += channels) {
      let [mean, along] = [0, 0];
      for (let c = 0; c < channels; c++) {
        mean += dx[at + c] / channels;
        along += (dx[at + c] * this.normal[at + c]) / channels;
      }
      for (let c = 0; c < channels; c++) {
        const change = dx[at + c] - mean - this.normal[at + c] * along;
        dy[at + c] = change * this.factors[place] * this.scale[c];
      }
    }
  }
}

/** The sum with a tensor that was kept. */
class Sum {
  constructor(other) {
    this.other = other;
    this.size = other.values.length;
  }

  run(x, y) {
    for (let i = 0; i < x.length; i++) y[i] = x[i] + this.other.values[i];
  }

  prepare() {}

  push(dx, dy) {
    for (let i = 0; i < dx.length; i++) dy[i] = dx[i] + this.other.change[i];
  }
}

/** Channels, and behind them those of a tensor that was kept. */
class Channels {
  constructor(other, own, shape) {
    [this.other, this.own, this.all] = [other, own, shape.at(-1)];
    this.size = sizeOf(shape);
  }

  run(x, y) {
    this.lay(x, this.other.values, y);
  }

  prepare() {}

  push(dx, dy) {
    this.lay(dx, this.other.change, dy);
  }

  lay(x, others, y) {
    const more = this.all - this.own;
    for (let at = 0, a = 0, b = 0; at < y.length; at += this.all) {
      for (let c = 0; c < this.own; c++) y[at + c] = x[a++];
      for (let c = 0; c < more; c++) y[at + this.own + c] = others[b++];
    }
  }
}

/** Each number rounded to a whole one, halves to the even one. */
class Rounding {
  constructor(size) {
    this.size = size;
  }

  run(x, y) {
    for (let i = 0; i < x.length; i++) y[i] = roundedToEven(x[i]);
  }

  prepare() {}

  push(_, dy) {
    dy.fill(0);
  }
}
