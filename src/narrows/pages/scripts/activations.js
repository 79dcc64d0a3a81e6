// Elementwise nonlinearities and their slopes, as `nn/activations.py` has them.

const GELU = Math.sqrt(2 / Math.PI);
const GELU_CUBIC = 0.044715;

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const geluInner = (x) => GELU * (x + GELU_CUBIC * x * x * x);
const within = (x) => Math.min(Math.max(x, -10), 10);

const FUNCTIONS = {
  relu: (x) => (x <= 0 ? 0 : x),
  sigmoid,
  tanh: Math.tanh,
  gelu: (x) => 0.5 * x * (1 + Math.tanh(geluInner(within(x)))),
  silu: (x) => x * sigmoid(x),
};

const SLOPES = {
  relu: (x) => (x <= 0 ? 0 : 1),
  sigmoid: (x) => sigmoid(x) * (1 - sigmoid(x)),
  tanh: (x) => 1 - Math.tanh(x) ** 2,
  gelu(x) {
    const bent = Math.tanh(geluInner(within(x)));
    const inner = Math.abs(x) < 10 ? GELU * (1 + 3 * GELU_CUBIC * x * x) : 0;
    return 0.5 * (1 + bent) + 0.5 * x * (1 - bent * bent) * inner;
  },
  silu(x) {
    const s = sigmoid(x);
    return s * (1 + x * (1 - s));
  },
};

/** The activation of that name of `size` values. */
export class Activation {
  constructor(name, size) {
    this.size = size;
    this.value = FUNCTIONS[name];
    this.slope = SLOPES[name];
    this.slopes = null;
  }

  run(x, y) {
    const value = this.value;
    for (let i = 0; i < x.length; i++) y[i] = value(x[i]);
  }

  prepare(x) {
    this.slopes ??= new Float64Array(this.size);
    for (let i = 0; i < x.length; i++) this.slopes[i] = this.slope(x[i]);
  }

  push(dx, dy) {
    for (let i = 0; i < dx.length; i++) dy[i] = dx[i] * this.slopes[i];
  }
}
