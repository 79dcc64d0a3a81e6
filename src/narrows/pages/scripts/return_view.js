// What is shown of a model without latent numbers: what goes in, what comes back, and beside it a median filter.

import { layoutOf, meanDifference, paint, paintDifference } from "./canvas.js";
import { medianOf } from "./median.js";
import { newest } from "./newest.js";
import { called, hasNoise, nameOf, say, short } from "./sentences.js";

const byId = (id) => document.getElementById(id);

/** @returns what `makeView` of view.js does; what was decoded is what came back. */
export function makeReturnView({ page, backend, failed }) {
  const layout = layoutOf(page.shape, page.kind);
  const shown = { item: null, back: null, filtered: null };
  const giveBack = backend.denoise ?? backend.encode;
  const answer = newest(
    (item) => giveBack(item.values),
    ({ values }, item) => {
      if (item !== shown.item) return; // a newer one waits for its own
      shown.back = { values };
      shown.filtered = page.median && medianOf(item.values, layout, page.median);
      paintBack();
    },
    failed,
  );

  function paintGiven() {
    const { item } = shown;
    if (item === null) return;
    paint(byId("picture-item"), item.clean, page);
    byId("picture-item").setAttribute("aria-label", nameOf({ ...item, noise: null }, page.kind));
    const noisy = byId("picture-noisy");
    if (noisy === null) return;
    paint(noisy, item.values, page);
    noisy.setAttribute(
      "aria-label",
      hasNoise(item) ? "The same with noise" : "The same, no noise added",
    );
  }

  function paintBack() {
    const { item, back, filtered } = shown;
    if (item === null || back === null) return;
    paint(byId("picture-code"), back.values, page);
    paintDifference(byId("picture-difference"), back.values, item.clean, page);
    if (filtered) {
      paint(byId("picture-median"), filtered, page);
      paintDifference(byId("picture-median-difference"), filtered, item.clean, page);
    }
    say("fact-off", differences());
  }

  function differences() {
    const { item, back, filtered } = shown;
    const off = (values) => short(meanDifference(values, item.clean, page));
    const parts = [`${off(back.values)} of what comes back`];
    if (filtered) parts.push(`${off(filtered)} of the median filter's`);
    if (hasNoise(item)) parts.push(`${off(item.values)} of the noisy one`);
    const [low, high] = page.limits;
    const range = `values go from ${short(low)} to ${short(high)}`;
    return `Mean difference from the ${called(page.kind)}: ${parts.join(", ")}; ${range}.`;
  }

  return {
    show({ item }) {
      if (item === null || item === shown.item) return;
      shown.item = item;
      say("fact-name", nameOf(item, page.kind));
      paintGiven();
      answer(item);
    },
    repaint() {
      paintGiven();
      paintBack();
    },
    words: () => byId("facts").textContent.replaceAll(/\s+/g, " ").trim(),
    decoded: () => shown.back,
    paint: (canvas, values) => paint(canvas, values, page),
  };
}
