// A walk from one item to another: the codes on the straight line between theirs.

import { element } from "./elements.js";

const STEPS = 8;
const DURATION = 4000;

/** The code at a share of the way. */
export function between(from, to, share) {
  return Float32Array.from(from, (value, at) => value + share * (to[at] - value));
}

/**
 * Make the walk's slider, its button and its row of pictures.
 *
 * @param parts { slider, value, play, strip }.
 * @param moved gets the share of the way while it changes, `ended` when it rests.
 * @returns { show(share), stop() }.
 */
export function makeWalk(parts, { moved, ended }) {
  const { slider, value, play } = parts;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let frame = 0;

  function stop() {
    cancelAnimationFrame(frame);
    frame = 0;
    play.textContent = still.matches ? "Step" : "Play";
  }
  function start() {
    let [first, from] = [null, slider.valueAsNumber >= 100 ? 0 : slider.valueAsNumber];
    play.textContent = "Stop";
    const next = (now) => {
      first ??= now;
      const share = from / 100 + (now - first) / DURATION;
      moved(Math.min(share, 1));
      if (share < 1) frame = requestAnimationFrame(next);
      else {
        stop();
        ended();
      }
    };
    frame = requestAnimationFrame(next);
  }
  play.addEventListener("click", () => {
    if (frame !== 0) {
      stop();
      ended();
    } else if (still.matches) {
      // One picture of the row after the other, by hand.
      const share = slider.valueAsNumber >= 100 ? 0 : slider.valueAsNumber / 100;
      moved(Math.min((Math.round(share * (STEPS - 1)) + 1) / (STEPS - 1), 1));
      ended();
    } else start();
  });
  slider.addEventListener("input", () => {
    stop();
    moved(slider.valueAsNumber / 100);
  });
  slider.addEventListener("change", ended);
  still.addEventListener("change", stop);
  stop();
  return {
    stop,
    show(share) {
      slider.value = Math.round(1000 * share) / 10;
      value.textContent = `${Math.round(100 * share)}%`;
    },
  };
}

/**
 * Paint the row of pictures on the way, each of which is a button.
 *
 * @param does { decode, paint, pixels, taken }: `decode` of the backend; `paint(canvas, values)`,
 *   and whether its pixels shall be seen; `taken` gets the share.
 */
export async function paintStrip(strip, { from, to }, { decode, paint, pixels, taken }) {
  const made = [];
  for (let step = 0; step < STEPS; step++) {
    const share = step / (STEPS - 1);
    const { values } = await decode(between(from, to, share));
    const canvas = element("canvas", { class: pixels ? "pixels" : "" });
    const label = `${Math.round(100 * share)}% of the way`;
    const button = element("button", { type: "button", "aria-label": label }, canvas);
    button.addEventListener("click", () => taken(share));
    const row = element("li", {}, button);
    made.push([row, canvas, values]);
  }
  strip.replaceChildren(...made.map(([row]) => row));
  for (const [, canvas, values] of made) paint(canvas, values);
}
