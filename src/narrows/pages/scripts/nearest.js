// The training items whose codes lie nearest to the code that is shown.

import { breakable, element } from "./elements.js";
import { short } from "./sentences.js";

/**
 * Show them as buttons in a list.
 *
 * @param found [{ row, place, distance }], nearest first: where they are in the data and among thumbnails.
 * @param words gives an item's name from its row, which `taken` gets.
 */
export function showNearest(list, found, { thumbnails, words, taken }) {
  const focused = list.contains(document.activeElement);
  list.replaceChildren(
    ...found.map(({ row, place, distance }) => {
      const button = element(
        "button",
        { type: "button" },
        element("span", {}, ...breakable(words(row))),
      );
      button.title = `Distance of the codes: ${short(distance)}`;
      if (thumbnails?.has(place)) button.prepend(picture(thumbnails, place));
      button.addEventListener("click", () => taken(row));
      return element("li", {}, button);
    }),
  );
  // The button that was pressed is gone; its place is not.
  if (focused) list.querySelector("button")?.focus();
}

function picture(thumbnails, place) {
  const { width, height } = thumbnails;
  const canvas = element("canvas", { class: "pixels", width, height });
  const pen = canvas.getContext("2d");
  thumbnails.draw(pen, place, width / 2, height / 2, Math.max(width, height));
  return canvas;
}
