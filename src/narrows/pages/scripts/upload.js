// An image file as an item: chosen, or dropped onto the page.

import { layoutOf } from "./canvas.js";
import { readHeader } from "./image_header.js";
import { scaled, valuesOf } from "./scaling.js";

const MEGABYTE = 1 << 20;
export const MOST_BYTES = 50 * MEGABYTE;
export const MOST_PIXELS = 100_000_000;
// Larger pictures are made so large by the browser before they are scaled.
const MOST_SIDE = 2048;

/** A message for people: the file is not taken. */
export class NotTaken extends Error {}

/** Make a file field and the whole page take files. `taken` gets each one. */
export function makeUpload({ field, zone }, taken) {
  field.addEventListener("change", () => {
    if (field.files.length > 0) taken(field.files[0]);
    field.value = "";
  });
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  for (const over of ["dragenter", "dragover"]) {
    document.addEventListener(over, (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) zone.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    zone.classList.remove("over");
    if (event.dataTransfer.files.length > 0) taken(event.dataTransfer.files[0]);
  });
}

/**
 * Make sure that a file is an image of a size that is taken, without decoding it.
 *
 * @throws NotTaken with what is wrong and what would do.
 */
export async function checkFile(file) {
  const name = `“${file.name}”`;
  if (file.size > MOST_BYTES) {
    const size = Math.round(file.size / MEGABYTE);
    throw new NotTaken(`${name} has ${size} MB; the page takes files of at most 50 MB.`);
  }
  const header = await readHeader(file);
  if (header === null) {
    throw new NotTaken(
      `${name} is no image that the page can read. PNG, JPEG, WebP, GIF, BMP and AVIF are.`,
    );
  }
  const { width, height } = header;
  if (width === null || !(width > 0) || !(height > 0)) {
    throw new NotTaken(`${name} begins like a ${header.type} image, but is damaged.`);
  }
  if (width * height > MOST_PIXELS) {
    throw new NotTaken(
      `${name} has ${count(width)} x ${count(height)} pixels; the page takes at most 100 million ` +
        "in all. Save a smaller copy and take that.",
    );
  }
  return header;
}

/** An image file as the values of an item: scaled whole into the model's size, the rest filled. */
export async function readValues(file, page, ground) {
  const found = await checkFile(file);
  const { width, height, channels } = layoutOf(page.shape, page.kind);
  const { size, pixels } = await decoded(file, found, page.tile ? { width, height } : null);
  const scale = page.tile ? 1 : Math.min(width / pixels.width, height / pixels.height);
  const move = {
    scale,
    x: Math.round((width - pixels.width * scale) / 2),
    y: Math.round((height - pixels.height * scale) / 2),
  };
  const levels = scaled(pixels, move, { width, height }, channels === 4 ? null : ground.level);
  return { values: valuesOf(levels, channels, page), ...size };
}

/**
 * A file's size as it is shown, and its pixels, of which there are fewer where it is large; or those in its
 * middle, in the size of `tile`, as they are: noise that is scaled is another.
 */
async function decoded(file, found, tile) {
  const shrunk = tile ? 1 : Math.min(1, MOST_SIDE / Math.max(found.width, found.height));
  let bitmap = null;
  try {
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
  } catch {
    throw new NotTaken(`“${file.name}” is damaged: the browser cannot decode it.`);
  }
  const size = { width: bitmap.width, height: bitmap.height };
  const [wide, high] = [size.width, size.height].map((side) =>
    Math.max(Math.round(side * shrunk), 1),
  );
  const canvas = tile
    ? new OffscreenCanvas(Math.min(wide, tile.width), Math.min(high, tile.height))
    : new OffscreenCanvas(wide, high);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  const [left, top] = [(wide - canvas.width) / 2, (high - canvas.height) / 2].map(Math.floor);
  pen.drawImage(bitmap, -left, -top, wide, high);
  bitmap.close();
  return { size, pixels: pen.getImageData(0, 0, canvas.width, canvas.height) };
}

function count(number) {
  return number.toLocaleString("en");
}
