// Values on a canvas: pictures pixel by pixel, other items as a line, and differences.

import { roundedToEven } from "./rounding.js";

// What a difference of nothing, and the largest one either way, is coloured: in the light and dark.
const DIVERGING = {
  light: { less: [0, 90, 170], none: [255, 255, 255], more: [190, 70, 0] },
  dark: { less: [90, 180, 255], none: [16, 20, 24], more: [255, 150, 80] },
};
const LINE = { width: 720, height: 480, room: 12 };

/** How items of a shape are shown: { picture, height, width, channels }. */
export function layoutOf(shape, kind = "image") {
  const channels = shape.length === 3 ? shape[2] : 1;
  const picture =
    kind !== "table" &&
    (shape.length === 2 || (shape.length === 3 && [1, 3, 4].includes(channels)));
  if (picture) return { picture, height: shape[0], width: shape[1], channels };
  return { picture, height: 1, width: shape.reduce((all, size) => all * size, 1), channels: 1 };
}

/** A function from a value to the one that the data's type holds: whole numbers are rounded. */
function holding(page) {
  return page.dtype.startsWith("float") ? (value) => value : roundedToEven;
}

/** Paint an item's values: one canvas pixel a pixel; the stylesheet makes them large. */
export function paint(canvas, values, page) {
  const layout = layoutOf(page.shape, page.kind);
  if (!layout.picture) {
    paintLine(canvas, [values], page);
    return;
  }
  const { width, height, channels } = layout;
  const [low, high] = page.limits;
  const scale = high > low ? 255 / (high - low) : 0;
  const held = holding(page);
  const image = sized(canvas, width, height);
  const { data } = image; // which rounds to grey levels, and clips
  const colours = Math.min(channels, 3);
  for (let at = 0, from = 0; at < data.length; at += 4, from += channels) {
    for (let c = 0; c < colours; c++) data[at + c] = (held(values[from + c]) - low) * scale;
    if (colours === 1) data[at + 1] = data[at + 2] = data[at];
    data[at + 3] = channels === 4 ? (held(values[from + 3]) - low) * scale : 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Paint `values` less `item`: where the code gives more in one colour, where less in another. */
export function paintDifference(canvas, values, item, page) {
  const layout = layoutOf(page.shape, page.kind);
  if (!layout.picture) {
    paintLine(canvas, [item, values], page);
    return;
  }
  const { width, height, channels } = layout;
  const colours = DIVERGING[isDark() ? "dark" : "light"];
  const half = (page.limits[1] - page.limits[0]) / 2 || 1; // the difference of full colour
  const held = holding(page);
  const image = sized(canvas, width, height);
  for (let at = 0; at < width * height; at++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) {
      const place = at * channels + channel;
      sum += held(values[place]) - item[place];
    }
    const share = Math.max(-1, Math.min(1, sum / channels / half));
    const end = share < 0 ? colours.less : colours.more;
    for (let channel = 0; channel < 3; channel++) {
      const none = colours.none[channel];
      image.data[4 * at + channel] = none + (end[channel] - none) * Math.abs(share);
    }
    image.data[4 * at + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The mean of the absolute differences, in the data's unit. */
export function meanDifference(values, item, page) {
  const held = holding(page);
  let sum = 0;
  for (let at = 0; at < item.length; at++) sum += Math.abs(held(values[at]) - item[at]);
  return sum / item.length;
}

/** Lines of values, the last one on top and in colour. */
export function paintLine(canvas, lines, page) {
  const { width, height, room } = LINE;
  sized(canvas, width, height);
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, width, height);
  const [low, high] = page.limits;
  const up = (value) => height - room - ((value - low) / (high - low || 1)) * (height - 2 * room);
  const style = getComputedStyle(canvas);
  pen.strokeStyle = style.getPropertyValue("--line");
  pen.lineWidth = 2;
  if (low < 0 && high > 0) stroke(pen, [room, width - room], () => up(0));
  lines.forEach((values, number) => {
    const last = number === lines.length - 1;
    pen.strokeStyle = style.getPropertyValue(last ? "--ours" : "--grey");
    pen.lineWidth = last ? 5 : 4;
    const step = (width - 2 * room) / Math.max(values.length - 1, 1);
    stroke(
      pen,
      Array.from(values, (_, at) => room + at * step),
      (at) => up(values[at]),
    );
  });
}

function stroke(pen, across, up) {
  pen.beginPath();
  across.forEach((x, at) => {
    if (at === 0) pen.moveTo(x, up(at));
    else pen.lineTo(x, up(at));
  });
  pen.stroke();
}

function sized(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  return new ImageData(width, height);
}

export function isDark() {
  return matchMedia("(prefers-color-scheme: dark)").matches;
}
