// Noise that is added to an item, of the kinds that models learn to undo: `training/noise.py`.

/**
 * A copy of an item with noise, of whole numbers where the data's are.
 *
 * @param noise of the page data: { kind, lowest, highest }.
 * @param amount the standard deviation as a share of the range, or the share of the values that are hit.
 * @param seed the same gives the same noise, which grows with the amount.
 */
export function damaged(values, { kind, lowest, highest }, { amount, seed }, whole) {
  const random = uniform(seed);
  return Float32Array.from(values, (value) => {
    if (kind === "gaussian") {
      const moved = value + normal(random) * amount * (highest - lowest);
      const within = Math.min(Math.max(moved, lowest), highest);
      return whole ? Math.round(within) : within;
    }
    const chance = random();
    if (chance >= amount) return value;
    return kind === "salt-pepper" && chance < amount / 2 ? highest : lowest;
  });
}

/** Numbers from 0 to below 1: the generator mulberry32 of a seed. */
function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A number of the normal distribution (Box and Muller, 1958). */
function normal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
