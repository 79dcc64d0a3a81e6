// How much noise is added to what was chosen or drawn.

import { newest } from "./newest.js";

const MOST_SEED = 999_999;

/**
 * Wire the slider, the seed and the button for other noise.
 *
 * @param parts { amount, shown, seed, other }.
 * @param add gets { amount, seed }, and gives a promise.
 * @returns a function that shows them.
 */
export function makeNoising({ amount, shown, seed, other }, add, failed) {
  const given = () => ({ amount: amount.valueAsNumber, seed: Math.round(seed.valueAsNumber || 0) });
  const tell = () => {
    shown.textContent = String(Number(amount.valueAsNumber.toPrecision(3)));
    amount.setAttribute("aria-valuetext", shown.textContent);
  };
  const change = newest(
    () => add(given()),
    () => {},
    failed,
  );
  for (const field of [amount, seed]) {
    field.addEventListener("input", () => {
      tell();
      change(null);
    });
  }
  other.addEventListener("click", () => {
    seed.value = (given().seed + 1) % MOST_SEED;
    change(null);
  });
  return (noise) => {
    amount.value = noise.amount;
    if (document.activeElement !== seed) seed.value = noise.seed;
    tell();
  };
}
