// The training items whose codes lie nearest to the code that is shown.

import { element } from "./elements.js";
import { short } from "./sentences.js";

/**
 * Show them as buttons in a list.
 *
 * @param found [{ index, distance }], nearest first.
 * @param words gives an item's name from its index.
 */
export function showNearest(list, found, { thumbnails, words, taken }) {
  const focused = list.contains(document.activeElement);
  list.replaceChildren(
    ...found.map(({ index, distance }) => {
      const button = element("button", { type: "button" }, element("span", {}, words(index)));
      button.title = `Distance of the codes: ${short(distance)}`;
      if (thumbnails?.has(index)) button.prepend(picture(thumbnails, index));
      button.addEventListener("click", () => taken(index));
      return element("li", {}, button);
    }),
  );
  // The button that was pressed is gone; its place is not.
  if (focused) list.querySelector("button")?.focus();
}

function picture(thumbnails, index) {
  const { width, height } = thumbnails;
  const canvas = element("canvas", { class: "pixels", width, height });
  const pen = canvas.getContext("2d");
  thumbnails.draw(pen, index, width / 2, height / 2, Math.max(width, height));
  return canvas;
}
