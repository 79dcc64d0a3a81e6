// Numbers and results in words.

const NAMES = { image: ["picture", "pictures"], table: ["row", "rows"], values: ["item", "items"] };

/** What one item is called, or several. */
export function called(kind, several = false) {
  return (NAMES[kind] ?? NAMES.values)[several ? 1 : 0];
}

/** A number with so many significant digits, without an exponent where that is short. */
export function short(value, digits = 3) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e9)) return value.toExponential(digits - 1);
  const whole = Math.floor(Math.log10(size || 1)) + 1;
  const places = Number.isInteger(value) ? 0 : Math.max(digits - Math.max(whole, 0), 0);
  const text = value.toFixed(places).replace(/^-(0[.0]*)$/, "$1");
  return whole > 3 ? text.replace(/\d(?=(\d{3})+(\.|$))/g, "$&,") : text;
}

/** A number of 0 or more with three significant digits, as Python writes them into pages. */
export function threeDigits(value) {
  return value >= 100 ? Math.round(value).toLocaleString("en") : `${Number(value.toPrecision(3))}`;
}

/** A squared error of pixels, as pixels_error of narrows/report/comparison/wording.py says it. */
export function pixelsError(error, { factor, unit }) {
  if (factor === 1) return `${threeDigits(error)} squared grey levels of 0 to 255`;
  const own = threeDigits(error / factor ** 2);
  return `${own}${unit}, which are ${threeDigits(error)} of JPEG's, 0 to 255`;
}

/** What an item is: its number in the data, or where it comes from; and its label. */
export function nameOf(item, kind) {
  if (item === null) return `No ${called(kind)} chosen`;
  const number = item.row === null ? null : `${capital(called(kind))} ${item.row}`;
  const name = [number, item.name].filter((part) => part !== null && part !== undefined).join(", ");
  const whole = hasLabel(item) ? `${name}, labelled ${item.label}` : name;
  return hasNoise(item) ? `${whole}, with noise` : whole;
}

export function hasNoise(item) {
  return (item.noise?.amount ?? 0) > 0;
}

/** Write a text where it is another: the page need not be laid out again for the same one. */
export function say(id, text) {
  const place = document.getElementById(id);
  if (place.textContent !== text) place.textContent = text;
}

export function hasLabel(item) {
  return item.label !== null && item.label !== undefined && item.label !== "";
}

/**
 * How odd an item is, in a sentence.
 *
 * @param pValue the share of training items that are at least as odd; null where nobody knows.
 */
export function oddness({ score, pValue }, kind) {
  if (score === null || score === undefined) return "";
  if (pValue === null || pValue === undefined) return `Its outlier score is ${short(score)}.`;
  const shown = `outlier score ${short(score)}`;
  const those = `of the training ${called(kind, true)}`;
  if (pValue >= 0.1) return `Ordinary: ${share(pValue)} ${those} are at least as odd (${shown}).`;
  if (pValue >= 0.01) {
    return `Somewhat odd: only ${share(pValue)} ${those} are at least as odd (${shown}).`;
  }
  return `Odd: fewer than 1 in 100 ${those} are as odd (${shown}).`;
}

export function share(value) {
  return `${value >= 0.1 ? Math.round(100 * value) : short(100 * value)}%`;
}

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
