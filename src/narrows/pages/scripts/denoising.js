// What a model takes an item to be without noise: `tasks/denoise.py`, for items of its own shape.

import { imageShape, sizeOf } from "./shapes.js";

// What an image that is moved along an axis weighs beside one that is not.
const MOVED = 0.5;
const STEPS = [-1, 0, 1];

/**
 * An item without its noise. Images of a model that was trained on ones that were moved about go
 * through it moved by a pixel to each side and back as well, for a mean of the nine. In between, the page may
 * do what its user asks.
 */
export async function denoised(net, values, { shape, shift }) {
  if (!shift || shape.length < 2) return net.reconstruct(values).values;
  const image = imageShape(shape);
  const total = new Float64Array(sizeOf(shape));
  const weights = new Float64Array(sizeOf(shape));
  for (const down of STEPS) {
    for (const right of STEPS) {
      await new Promise((resume) => setTimeout(resume));
      const weight = MOVED ** (Math.abs(down) + Math.abs(right));
      const made = net.reconstruct(moved(values, image, down, right)).values;
      forEachPlace(image, (place, row, column) => {
        const back = within(image, row - down, column - right);
        if (back < 0) return;
        for (let c = 0; c < image[2]; c++) {
          total[place * image[2] + c] += weight * made[back * image[2] + c];
          weights[place * image[2] + c] += weight;
        }
      });
    }
  }
  return Float32Array.from(total, (sum, i) => sum / weights[i]);
}

/** An image whose place (row, column) has what was at (row + down, column + right), or next to it
 * on the rim. */
function moved(values, [height, width, channels], down, right) {
  const result = new Float32Array(values.length);
  const cut = (value, size) => Math.min(Math.max(value, 0), size - 1);
  forEachPlace([height, width], (place, row, column) => {
    const from = cut(row + down, height) * width + cut(column + right, width);
    for (let c = 0; c < channels; c++) {
      result[place * channels + c] = values[from * channels + c];
    }
  });
  return result;
}

function within([height, width], row, column) {
  const inside = row >= 0 && row < height && column >= 0 && column < width;
  return inside ? row * width + column : -1;
}

function forEachPlace([height, width], visit) {
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) visit(row * width + column, row, column);
  }
}
