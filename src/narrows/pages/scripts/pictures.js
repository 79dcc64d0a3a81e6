// Pictures out of the page's PNG files, pixel by pixel.

import { element } from "./elements.js";

/** The PNG file that `facts` names, decoded: `levels(place)` gives a picture's RGBA values. */
export async function readSheet({ sheet, columns, width, height }) {
  const image = new Image();
  image.src = document.getElementById(sheet).getAttribute("href");
  await image.decode();
  const canvas = element("canvas", { width: image.naturalWidth, height: image.naturalHeight });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return {
    levels(place) {
      const x = (place % columns) * (width + 2) + 1;
      const y = Math.floor(place / columns) * (height + 2) + 1;
      return context.getImageData(x, y, width, height).data;
    },
  };
}

/** A canvas that shows RGBA values; the stylesheet says how large. */
export function paint(levels, { width, height, pixels }, label) {
  const kind = pixels ? "pixels" : "";
  const canvas = element("canvas", {
    width,
    height,
    class: kind,
    role: "img",
    "aria-label": label,
  });
  canvas.getContext("2d").putImageData(new ImageData(levels, width, height), 0, 0);
  return canvas;
}
