// How odd an item is, as `learnt/scorer.py`, `density.py`, `forest.py`, `detection.py` and `tails.py`
// compute it: the larger of two surprises, one of code and error, one of the values.

import { unpacked } from "./packed_arrays.js";

// Values beyond count as this one: a quarter of the largest float32.
const WIDEST = 3.4028234663852886e38 / 4;
const HIGHEST = Number.MAX_VALUE;
const HIGHEST_KEPT = 3.4028234663852886e38;

/** Scores items from what `tasks/export/scorer.py` writes. */
export class Scorer {
  constructor(data) {
    this.spread = unpacked(data.spread);
    this.run = data.run;
    this.projection = unpacked(data.projection);
    this.directions = data.directions;
    this.mixture = new Mixture(data.mixture);
    this.forest = new Forest(data.forest);
    this.tails = data.tails.map((tail) => new Tail(tail));
    this.calibration = unpacked(data.calibration);
  }

  /** The score of an item, from its values, its code, and what the model makes of it; and the
   * share of held-out items that are at least as odd. */
  judge(values, code, made) {
    const features = Float64Array.of(...code, ...this.along(values, made));
    const ways = [-this.mixture.logDensity(features), this.forest.isolation(values)];
    const odd = ways.map((way) => (Number.isFinite(way) ? way : HIGHEST));
    const surprises = odd.map((way, i) => this.tails[i].surprise(way));
    const score = odd.includes(HIGHEST) ? HIGHEST : Math.max(...surprises);
    return { score, pValue: this.pValue(score) };
  }

  /** The error over its spread, along the directions in which it varies most. */
  along(values, made) {
    const places = this.spread.length;
    const along = new Float64Array(this.directions);
    for (let place = 0, i = 0; place < places; place++) {
      const end = Math.min(i + this.run, values.length);
      let error = 0;
      const count = end - i;
      for (; i < end; i++) error += (made[i] - values[i]) / this.spread[place] / count;
      const row = place * this.directions;
      for (let k = 0; k < this.directions; k++) along[k] += error * this.projection[row + k];
    }
    return along;
  }

  pValue(score) {
    const kept = Math.min(score, HIGHEST_KEPT);
    const slack = 1e-6 * Math.max(Math.abs(kept), 1);
    const above = this.calibration.length - firstFrom(this.calibration, kept - slack);
    return (1 + above) / (this.calibration.length + 1);
  }
}

/** A Gaussian mixture: log p(z) of a code. */
class Mixture {
  constructor(data) {
    this.live = data.live;
    for (const name of ["centre", "scale", "means", "whitening", "factors"]) {
      this[name] = unpacked(data[name]);
    }
  }

  logDensity(code) {
    const size = this.live.length;
    const z = this.live.map((place, i) => (code[place] - this.centre[i]) / this.scale[i]);
    const exponents = Array.from(this.factors);
    let at = 0; // lower triangles lie by row, one component behind the other
    for (let k = 0; k < exponents.length; k++) {
      for (let row = 0; row < size; row++) {
        let sum = 0;
        for (let i = 0; i <= row; i++)
          sum += (z[i] - this.means[k * size + i]) * this.whitening[at++];
        exponents[k] -= 0.5 * sum * sum;
      }
    }
    const most = Math.max(...exponents, -Number.MAX_VALUE);
    return most + Math.log(exponents.reduce((sum, each) => sum + Math.exp(each - most), 0));
  }
}

/** An isolation forest of complete trees. */
class Forest {
  constructor({ trees, depth, feature, threshold, length, lengths }) {
    Object.assign(this, { trees, depth });
    this.feature = unpacked(feature);
    this.threshold = unpacked(threshold);
    this.length = unpacked(length);
    this.lengths = unpacked(lengths);
  }

  /** Minus the mean number of cuts to an item. */
  isolation(values) {
    const leaves = 2 ** this.depth;
    const row = Float32Array.from(values, (value) => Math.min(Math.max(value, -WIDEST), WIDEST));
    let total = 0;
    for (let tree = 0; tree < this.trees; tree++) {
      const first = tree * (leaves - 1);
      let at = 0;
      for (let depth = 0; depth < this.depth; depth++) {
        const right = row[this.feature[first + at]] >= this.threshold[first + at];
        at = 2 * at + 1 + (right ? 1 : 0);
      }
      total += this.lengths[this.length[tree * leaves + at - (leaves - 1)]];
    }
    return -total / this.trees;
  }
}

/** How rarely reference scores are as high as one, in nats. */
class Tail {
  constructor({ values, nats, excess }) {
    this.values = unpacked(values);
    this.nats = unpacked(nats);
    this.excess = excess;
  }

  surprise(score) {
    const { values, nats } = this;
    const last = values.length - 1;
    if (score >= values[last]) return nats[last] + (score - values[last]) / this.excess;
    const above = firstFrom(values, score);
    if (above === 0) return nats[0];
    const share = (score - values[above - 1]) / (values[above] - values[above - 1]);
    return nats[above - 1] + share * (nats[above] - nats[above - 1]);
  }
}

/** The place of the first of ascending values that is at least `value`. */
function firstFrom(values, value) {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
