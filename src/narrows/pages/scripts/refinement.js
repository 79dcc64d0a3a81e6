// Better codes for a given decoder: steps of Levenberg and Marquardt on the squared error of one
// item, as `engine/xla/refinement.py` takes them.

// The damping of a first step, as a share of each number's own curvature, and what a step that made
// an item worse, or better, does to the next one.
const DAMPING = 1e-2;
const MORE = 10;
const LESS = 0.1;
// Curvature that is added to all alike, as a share of the mean: a dead number has none of its own.
const LEAST_CURVATURE = 1e-6;
const TINY = 1.1754943508222875e-38; // the smallest normal float32

/** Improves codes of one decoder. */
export class Refinement {
  constructor(decoder, steps) {
    this.decoder = decoder;
    this.steps = steps;
    this.memory = null;
  }

  /** Change `code` so that it decodes to something at least as near to `wanted`. */
  improve(wanted, code) {
    const { decoder } = this;
    this.memory ??= allocated(code.length, wanted.length);
    const { missed, curvature, downhill } = this.memory;
    let damping = DAMPING;
    let before = this.decodedError(wanted, code, missed);
    for (let step = 0; step < this.steps; step++) {
      decoder.prepare();
      this.differentiate(missed);
      const there = moved(code, solved(curvature, downhill, damping));
      const after = this.decodedError(wanted, there, missed);
      const better = after < before; // what is no number is not better
      damping *= better ? LESS : MORE;
      if (better) {
        code.set(there);
        before = after;
      } else if (step + 1 < this.steps) {
        this.decodedError(wanted, code, missed); // back to where it was
      }
    }
  }

  /** Decode `code`, note by how much each value misses what is wanted; their squares' sum. */
  decodedError(wanted, code, missed) {
    this.decoder.input.values.set(code);
    this.decoder.run();
    const found = this.decoder.output.values;
    let sum = 0;
    for (let i = 0; i < found.length; i++) {
      missed[i] = wanted[i] - found[i];
      sum += missed[i] * missed[i];
    }
    return sum;
  }

  /** How every value answers to every number, and what follows for the step: JᵀJ and Jᵀ missed. */
  differentiate(missed) {
    const { slopes, curvature, downhill } = this.memory;
    const latent = downhill.length;
    const { input, output } = this.decoder;
    for (let i = 0; i < latent; i++) {
      input.change.fill(0);
      input.change[i] = 1;
      this.decoder.push();
      slopes[i].set(output.change);
      downhill[i] = product(slopes[i], missed);
      for (let j = 0; j <= i; j++) {
        curvature[i][j] = product(slopes[i], slopes[j]);
        curvature[j][i] = curvature[i][j];
      }
    }
  }
}

function allocated(latent, size) {
  return {
    missed: new Float64Array(size),
    slopes: Array.from({ length: latent }, () => new Float32Array(size)),
    curvature: Array.from({ length: latent }, () => new Float64Array(latent)),
    downhill: new Float64Array(latent),
  };
}

function product(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function moved(code, step) {
  return Float32Array.from(code, (number, i) => number + step[i]);
}

/** The step: (curvature + damping) step = downhill, by Cholesky's factors. */
function solved(curvature, downhill, damping) {
  const latent = downhill.length;
  const own = curvature.reduce((sum, row, i) => sum + row[i], 0) / latent;
  const lower = curvature.map((row, i) => {
    const damped = Float64Array.from(row);
    damped[i] += damping * row[i] + (LEAST_CURVATURE * own + TINY);
    return damped;
  });
  const step = Float64Array.from(downhill);
  for (let i = 0; i < latent; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = lower[i][j];
      for (let k = 0; k < j; k++) rest -= lower[i][k] * lower[j][k];
      lower[i][j] = i === j ? Math.sqrt(rest) : rest / lower[j][j];
    }
    for (let k = 0; k < i; k++) step[i] -= lower[i][k] * step[k];
    step[i] /= lower[i][i];
  }
  for (let i = latent - 1; i >= 0; i--) {
    for (let k = i + 1; k < latent; k++) step[i] -= lower[k][i] * step[k];
    step[i] /= lower[i][i];
  }
  return step;
}
