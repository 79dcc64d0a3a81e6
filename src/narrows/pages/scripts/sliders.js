// A slider for each latent number, those that change the most first.

import { element } from "./elements.js";
import { short } from "./sentences.js";

// Sliders count steps, so that both ends of a range are among them, whatever its numbers are.
const STEPS = 200;
// As many are in view from the start; the template hides as many.
const FIRST = 24;

/**
 * Make the sliders in a list element, those of less effect in the one of the rest, and idle ones in
 * their own.
 *
 * @param latent of the page data: { index, low, high, median, effect, idle }, in order of effect.
 * @param does { moved, ended, restored }: moved gets (index, value) with every move; `ended` a name when it ends, the same for what
 *   shall be undone in one; `restored` the index of a number to put back.
 * @returns a function that shows a code, given also the code that sliders go back to.
 */
export function makeSliders({ list, rest, idle }, latent, { moved, ended, restored }) {
  const most = Math.max(...latent.map(({ effect }) => effect), 1e-30);
  const sliders = latent.map((number, place) => {
    const slider = makeSlider(number, number.effect / most);
    (number.idle ? idle : place < FIRST ? list : rest).append(slider.row);
    listen(slider, number.index, { moved, ended, restored });
    return slider;
  });
  return (code, base) => {
    sliders.forEach((slider, at) => {
      const { index } = latent[at];
      place(slider, code[index], base[index]);
    });
  };
}

function makeSlider({ index, low, high }, effect) {
  const id = `latent-${index}`;
  const name = `latent number ${index + 1}`;
  const input = element("input", { id, type: "range", min: 0, max: STEPS, step: 1 });
  const bar = element("i", { style: `width: ${Math.max(100 * effect, 2)}%` });
  const label = element(
    "label",
    { for: id, title: `Has ${Math.round(100 * effect)}% of the first one's effect` },
    element("span", { class: "hidden" }, "Latent number "),
    String(index + 1),
    bar,
  );
  // Results are told once, when the hand rests, not by every slider.
  const value = element("output", { for: id, "aria-live": "off" });
  const back = element("button", {
    type: "button",
    class: "back",
    "aria-label": `Put ${name} back`,
  });
  back.title = back.ariaLabel;
  back.append("↺");
  const row = element("li", {}, label, input, value, back);
  const room = high > low ? 0 : 1;
  return { row, input, value, back, low: low - room, high: high + room };
}

function listen(slider, index, { moved, ended, restored }) {
  const { input, back } = slider;
  let byKeys = false;
  input.addEventListener("input", () => {
    const share = input.valueAsNumber / STEPS;
    moved(index, slider.from + share * (slider.to - slider.from));
  });
  // Presses of keys that follow one another are one step of undo, and so is a movement of the hand.
  input.addEventListener("change", () => ended(byKeys ? `latent-${index}` : null));
  input.addEventListener("pointerdown", () => {
    byKeys = false;
  });
  input.addEventListener("keydown", (event) => {
    byKeys = true;
    if (event.key === "Delete" || event.key === "Backspace") restored(index);
  });
  input.addEventListener("dblclick", () => restored(index));
  back.addEventListener("click", () => {
    restored(index);
    input.focus();
  });
}

function place(slider, value, base) {
  // Only what changed: a move has to be shown within a frame.
  if (slider.shown === value && slider.base === base) return;
  Object.assign(slider, { shown: value, base });
  const { input, back } = slider;
  // A code may lie beyond those of training.
  slider.from = Math.min(slider.low, value, base);
  slider.to = Math.max(slider.high, value, base);
  const step = (slider.to - slider.from) / STEPS;
  input.value = Math.round((value - slider.from) / step);
  slider.value.textContent = short(value);
  input.setAttribute("aria-valuetext", slider.value.textContent);
  const away = Math.abs(value - base) > step / 100;
  back.classList.toggle("away", away);
  back.disabled = !away;
}
