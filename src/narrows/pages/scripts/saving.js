// What the code gives, as a file: a picture as PNG, a row as CSV.

import { layoutOf, paint } from "./canvas.js";
import { save } from "./tables.js";

// Pictures are made so many pixels wide or more, each of theirs a square.
const SIDE = 512;

export function saveShown(decoded, page) {
  if (decoded === null) return;
  if (page.kind === "table") {
    const line = (cells) => `${cells.map(quoted).join(",")}\r\n`;
    const text =
      line(decoded.cells.map(({ column }) => column)) +
      line(decoded.cells.map(({ value }) => value ?? ""));
    save(text, "decoded.csv", "text/csv;charset=utf-8");
    return;
  }
  picture(decoded.values, page).toBlob((blob) => save(blob, "decoded.png", "image/png"));
}

function picture(values, page) {
  const small = document.getElementById("picture-code").cloneNode();
  document.body.append(small); // A line takes its colours from the page.
  paint(small, values, page);
  small.remove();
  const factor = layoutOf(page.shape, page.kind).picture
    ? Math.max(Math.round(SIDE / Math.max(small.width, small.height)), 1)
    : 2;
  const canvas = document.createElement("canvas");
  canvas.width = small.width * factor;
  canvas.height = small.height * factor;
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, canvas.width, canvas.height);
  return canvas;
}

function quoted(value) {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
