// A model computed in the page: what `model/use.py` does, one item at a time.

import { stepsOf } from "./blocks.js";
import { unpacked } from "./packed_arrays.js";
import { Refinement } from "./refinement.js";
import { sizeOf } from "./shapes.js";

/** Values between two blocks, and how they change along a direction. */
class Tensor {
  constructor(size) {
    this.values = new Float64Array(size);
    this.change = null;
  }
}

/** The encoder or the decoder: blocks one after the other, with memory of their own. */
class Part {
  constructor(blocks, arrays, size, kept) {
    this.input = new Tensor(size);
    this.steps = [];
    let tensor = this.input;
    for (const block of blocks) {
      if (block.block === "copy") kept.set(block.to, tensor);
      else {
        for (const step of stepsOf(block, arrays, kept)) {
          const to = new Tensor(step.size ?? tensor.values.length);
          this.steps.push({ step, from: tensor, to });
          tensor = to;
        }
      }
    }
    this.output = tensor;
  }

  /** What becomes of `this.input`, in `this.output`. */
  run() {
    for (const { step, from, to } of this.steps) step.run(from.values, to.values);
  }

  /** Get ready to `push` changes of the input that `run` saw last. */
  prepare() {
    for (const tensor of [this.input, ...this.steps.map(({ to }) => to)]) {
      tensor.change ??= new Float64Array(tensor.values.length);
    }
    for (const { step, from, to } of this.steps) step.prepare(from.values, to.values);
  }

  /** How the output changes along `this.input.change`, in `this.output.change`. */
  push() {
    for (const { step, from, to } of this.steps) step.push(from.change, to.change);
  }
}

/**
 * An autoencoder from what `tasks/export/model.py` writes.
 *
 * Codes and values are Float32Arrays of one item. Values are flat, in the data's own units, as the
 * network gives them: neither rounded nor cut to a range.
 */
export class Net {
  constructor(model) {
    const arrays = {};
    for (const entry of model.arrays) arrays[entry.name] = unpacked(entry);
    const kept = new Map();
    this.size = sizeOf(model.shape);
    this.latent = model.latent;
    this.crosses = model.crosses;
    this.offset = model.scaling.offset;
    this.scale = model.scaling.scale;
    this.centre = model.scaling.centre ? unpacked(model.scaling.centre) : null;
    this.encoder = new Part(model.encoder, arrays, this.size, kept);
    this.decoder = new Part(model.decoder, arrays, this.latent, kept);
    this.refinement = model.refinement > 0 ? new Refinement(this.decoder, model.refinement) : null;
  }

  /** What a code stands for. */
  decode(code, values = new Float32Array(this.size)) {
    if (this.crosses) throw new Error("this model's decoder takes more than a code");
    this.decoder.input.values.set(code);
    this.decoder.run();
    return this.toData(values);
  }

  /** The code of an item. */
  encode(values, code = new Float32Array(this.latent)) {
    this.toNetwork(values);
    this.encoder.run();
    code.set(this.encoder.output.values);
    if (this.refinement) this.refinement.improve(this.encoder.input.values, code);
    return code;
  }

  /** What the model makes of an item, and its code. */
  reconstruct(values) {
    const code = this.encode(values);
    this.decoder.input.values.set(code);
    this.decoder.run();
    return { code, values: this.toData(new Float32Array(this.size)) };
  }

  toNetwork(values) {
    const x = this.encoder.input.values;
    const { offset, scale, centre } = this;
    for (let i = 0; i < x.length; i++) x[i] = (values[i] - offset - (centre?.[i] ?? 0)) / scale;
  }

  toData(values) {
    const y = this.decoder.output.values;
    const { offset, scale, centre } = this;
    for (let i = 0; i < y.length; i++) values[i] = y[i] * scale + (offset + (centre?.[i] ?? 0));
    return values;
  }
}
