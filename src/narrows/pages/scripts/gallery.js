// Press an item to see it large, each version with its difference from the original under it.

import { element, svgElement } from "./elements.js";
import { paint, readSheet } from "./pictures.js";

// A difference of this share of the range is drawn in full colour.
const FULL = 0.5;

/** Make the gallery's items buttons that open the dialog. */
export function startGallery(data) {
  const dialog = document.getElementById("large");
  const buttons = [...document.querySelectorAll(".gallery-item")];
  const sheet = data.sheet ? readSheet(data) : null;
  let current = 0;

  async function show(number) {
    current = (number + data.items.length) % data.items.length;
    const item = data.items[current];
    document.getElementById("large-title").textContent = item.title;
    document.getElementById("large-words").textContent = wordsOf(data);
    const drawn = sheet ? pictures(item, data, await sheet) : curves(item, data);
    document.getElementById("large-items").replaceChildren(...drawn);
    if (!dialog.open) dialog.showModal();
  }

  for (const button of buttons) {
    button.addEventListener("click", () => show(Number(button.dataset.item)));
  }
  for (const button of dialog.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => show(current + Number(button.dataset.step)));
  }
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(current + step);
  });
  // The reader goes on where the item that was seen last stands.
  dialog.addEventListener("close", () => buttons[current].focus());
}

function wordsOf(data) {
  if (!data.sheet) {
    return (
      "The original is grey. Under each curve, how far it lies from the original: none is the grey " +
      "line, half the range the upper and the lower edge."
    );
  }
  const smaller = data.reduced > 1 ? ` Pictures are ${data.reduced} times smaller each way.` : "";
  return (
    "Under each picture, its difference: blue where it comes out darker, orange where lighter, " +
    `in full colour from half the range on.${smaller}`
  );
}

function pictures(item, data, sheet) {
  const original = sheet.levels(item.versions[0].place);
  return item.versions.map(({ name, note, place }, number) => {
    const levels = sheet.levels(place);
    const drawn = [paint(levels, data, `${name}, large`)];
    if (number > 0) drawn.push(difference(original, levels, data, name));
    return figure(name, note, drawn);
  });
}

function figure(name, note, drawn) {
  const caption = element("figcaption", {}, element("b", {}, name), note ? ` ${note}` : "");
  return element("figure", {}, caption, ...drawn);
}

/** The mean difference of the channels, between the colours of the page. */
function difference(original, levels, data, name) {
  const [ground, less, more] = ["--page", "--ours", "--other"].map(colourOf);
  const pixels = new Uint8ClampedArray(levels.length);
  for (let at = 0; at < levels.length; at += 4) {
    let sum = 0;
    for (let channel = 0; channel < 3; channel++) {
      sum += levels[at + channel] - original[at + channel];
    }
    const share = Math.min(Math.abs(sum) / 3 / 255 / FULL, 1);
    const colour = sum < 0 ? less : more;
    for (let channel = 0; channel < 3; channel++) {
      pixels[at + channel] = ground[channel] + share * (colour[channel] - ground[channel]);
    }
    pixels[at + 3] = 255;
  }
  return paint(pixels, data, `difference of ${name}`);
}

function colourOf(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((at) => Number.parseInt(text.slice(at, at + 2), 16));
}

function curves(item, data) {
  const original = item.versions[0].place;
  const [low, high] = data.limits;
  const half = (high - low) / 2;
  return item.versions.map(({ name, note, place }, number) => {
    const lines = number > 0 ? [[original, "quiet-line"]] : [];
    const drawn = [curve([...lines, [place, ""]], low, high, `${name}, large`)];
    if (number > 0) {
      const apart = place.map((value, at) => value - original[at]);
      const none = place.map(() => 0);
      const drawnLines = [
        [none, "quiet-line"],
        [apart, "difference-line"],
      ];
      drawn.push(curve(drawnLines, -half, half, `difference of ${name}`));
    }
    return figure(name, note, drawn);
  });
}

function curve(lines, low, high, label) {
  const drawing = svgElement("svg", {
    class: "item curve",
    viewBox: "0 0 100 60",
    preserveAspectRatio: "none",
    role: "img",
    "aria-label": label,
  });
  for (const [values, kind] of lines) {
    const places = values.map((value, at) => {
      const x = values.length > 1 ? 2 + (96 * at) / (values.length - 1) : 50;
      return `${x.toFixed(1)},${(2 + 56 * (1 - (value - low) / (high - low))).toFixed(1)}`;
    });
    const path = `M${places.join("L")}${values.length > 1 ? "" : "h0"}`;
    drawing.append(svgElement("path", { class: kind, d: path }));
  }
  return drawing;
}
