// JPEG opened up: a slider for the quality, and a block to look into, by pointer or arrow keys.

import { element } from "./elements.js";
import { pixelsError, threeDigits } from "./sentences.js";
import { inverseOf, openBlock, openPicture, SIDE } from "./jpeg_steps.js";

const ARROWS = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** Compute the section again whenever the quality or the block changes. */
export async function startJpeg(data) {
  const picture = { ...data, pixels: await pixelsOf(document.getElementById("jpeg-original")) };
  const slider = document.getElementById("jpeg-slider");
  const decoded = element("canvas", {
    id: "jpeg-decoded",
    class: "pixels",
    width: data.width,
    height: data.height,
    role: "img",
    "aria-label": "the same after JPEG",
  });
  document.getElementById("jpeg-decoded").replaceWith(decoded);
  const chooser = blockChooser(picture, data.block, showBlock);
  let opened = null;

  function showPicture() {
    const quality = Number(slider.value);
    opened = openPicture(picture, quality);
    document.getElementById("jpeg-quality").textContent = quality;
    document.getElementById("jpeg-words").textContent =
      `${threeDigits(100 * opened.zeros)}% of all coefficients are zero, and the mean squared ` +
      `error is ${pixelsError(opened.error, data)}.`;
    paintGrey(decoded, opened.decoded, (level) => level);
    showBlock();
  }

  function showBlock() {
    const [row, column] = chooser.block();
    const { samples, frequencies, kept, levels } = openBlock(picture, opened.table, row, column);
    const zeros = kept.filter((value) => value === 0).length;
    document.getElementById("jpeg-block").textContent =
      `The block opened up is in row ${row + 1} of ${opened.rows}, column ${column + 1} of ` +
      `${opened.columns}; ${zeros} of its 64 coefficients are zero.`;
    const grey = (value) => value + 128;
    // Frequencies are eight times as large as grey levels at most; most are small.
    const bright = (value) => 128 + Math.sign(value) * 16 * Math.sqrt(Math.abs(value) / 16) * 2;
    fill("samples", samples, (value) => value, grey);
    fill("frequencies", frequencies, (value) => short(value), bright);
    fill(
      "table",
      opened.table,
      (value) => value,
      (value) => 255 - value,
    );
    fill(
      "kept",
      kept,
      (value) => value,
      (value, at) => bright(value * opened.table[at]),
    );
    fill(
      "levels",
      levels,
      (value) => value,
      (value) => value,
    );
    for (const [at, cell] of cellsOf("kept").entries()) cell.classList.toggle("zero", !kept[at]);
    paintCosines(kept, opened.table);
  }

  slider.addEventListener("input", showPicture);
  showPicture();
}

/** The grey levels of an image element. */
async function pixelsOf(image) {
  await image.decode();
  const canvas = element("canvas", { width: image.naturalWidth, height: image.naturalHeight });
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return Uint8Array.from({ length: data.length / 4 }, (_, at) => data[4 * at]);
}

function short(value) {
  const text = value.toFixed(Math.abs(value) < 99.95 ? 1 : 0);
  return text === "-0.0" ? "0.0" : text;
}

function cellsOf(name) {
  return [...document.getElementById(`jpeg-${name}`).querySelectorAll("td")];
}

/** Write 64 values into a matrix, and paint them as a picture of 8 x 8. */
function fill(name, values, text, level) {
  cellsOf(name).forEach((cell, at) => {
    cell.textContent = text(values[at]);
  });
  paintGrey(document.querySelector(`[data-matrix="${name}"]`), values, level);
}

function paintGrey(canvas, values, level) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  for (let at = 0; at < values.length; at++) {
    image.data.fill(level(values[at], at), 4 * at, 4 * at + 3);
    image.data[4 * at + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/** Each cosine with the strength that is kept of it, 8 x 8 little pictures with a pixel between. */
function paintCosines(kept, table) {
  const side = 9 * SIDE - 1;
  const context = document.getElementById("jpeg-cosines").getContext("2d");
  const image = context.createImageData(side, side);
  kept.forEach((value, number) => {
    const frequencies = new Float64Array(64);
    frequencies[number] = Math.max(Math.min(4 * value * table[number], 1000), -1000);
    inverseOf(frequencies).forEach((level, at) => {
      const y = 9 * (number >> 3) + (at >> 3);
      const place = 4 * (y * side + 9 * (number & 7) + (at & 7));
      image.data.fill(128 + level, place, place + 3);
      image.data[place + 3] = 255;
    });
  });
  context.putImageData(image, 0, 0);
}

/** A grid over the picture that can be pressed, or moved about in by the arrow keys. */
function blockChooser({ width, height }, start, changed) {
  const [rows, columns] = [Math.ceil(height / SIDE), Math.ceil(width / SIDE)];
  let [row, column] = start;
  const mark = element("div", { class: "chosen" });
  const grid = element(
    "div",
    {
      class: "block-grid screen",
      tabindex: "0",
      role: "application",
      "aria-label": "Blocks of the picture: arrow keys choose one",
      "aria-describedby": "jpeg-block",
    },
    mark,
  );
  // A block is so much of the picture; the last ones may reach beyond it.
  const [across, down] = [(100 * SIDE) / width, (100 * SIDE) / height];
  grid.style.backgroundSize = `${(100 * SIDE) / width}% ${down}%`;
  document.getElementById("jpeg-blocks").append(grid);

  function place() {
    mark.style.left = `${column * across}%`;
    mark.style.top = `${row * down}%`;
    mark.style.width = `${Math.min(across, 100 - column * across)}%`;
    mark.style.height = `${Math.min(down, 100 - row * down)}%`;
  }
  function choose(newRow, newColumn) {
    row = Math.min(Math.max(newRow, 0), rows - 1);
    column = Math.min(Math.max(newColumn, 0), columns - 1);
    place();
    changed();
  }
  grid.addEventListener("keydown", (event) => {
    const step = ARROWS[event.key];
    if (!step) return;
    event.preventDefault();
    choose(row + step[0], column + step[1]);
  });
  grid.addEventListener("pointerdown", (event) => {
    const box = grid.getBoundingClientRect();
    const y = ((event.clientY - box.top) / box.height) * height;
    const x = ((event.clientX - box.left) / box.width) * width;
    choose(Math.floor(y / SIDE), Math.floor(x / SIDE));
  });
  place();
  return { block: () => [row, column] };
}
