// Numbers as the types of data hold them.

/** The whole number next to x, of two the even one. */
export function roundedToEven(x) {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}
