// Pictures at another size, and their levels as an item's values.

export function greyText(share) {
  const level = Math.round(255 * share);
  return `rgb(${level} ${level} ${level})`;
}

/**
 * RGBA levels at another scale, as RGBA levels of a picture of a size.
 *
 * Each pixel is the mean of what it covers; where it covers less than a pixel, it lies between two.
 *
 * @param picture { data, width, height }, as of `getImageData`.
 * @param move { scale, x, y }: a place p goes to p scale + (x, y).
 * @param ground the grey level behind it as a share of 1; null for none.
 */
export function scaled({ data, width, height }, move, size, ground) {
  const level = Math.round(255 * (ground ?? 0));
  const across = windowsOf(size.width, width, move.scale, move.x);
  const down = windowsOf(size.height, height, move.scale, move.y);
  // Colours by their opacity, so that what is clear has no colour.
  const rows = new Float32Array(size.width * height * 4);
  for (let y = 0; y < height; y++) {
    across.forEach((window, x) => {
      for (const [from, weight] of window) {
        const [source, target] = [4 * (y * width + from), 4 * (y * size.width + x)];
        const opacity = (weight * data[source + 3]) / 255;
        for (let c = 0; c < 3; c++) rows[target + c] += opacity * data[source + c];
        rows[target + 3] += opacity;
      }
    });
  }
  const levels = new Uint8ClampedArray(size.width * size.height * 4);
  down.forEach((window, y) => {
    for (let x = 0; x < size.width; x++) {
      const sums = [0, 0, 0, 0];
      for (const [from, weight] of window) {
        const source = 4 * (from * size.width + x);
        for (let c = 0; c < 4; c++) sums[c] += weight * rows[source + c];
      }
      const target = 4 * (y * size.width + x);
      const opacity = sums[3];
      for (let c = 0; c < 3; c++) {
        levels[target + c] =
          ground === null ? sums[c] / (opacity || 1) : sums[c] + level * (1 - opacity);
      }
      levels[target + 3] = ground === null ? 255 * opacity : 255;
    }
  });
  return levels;
}

/** For each of `count` pixels the ones of `size` that it covers, with their shares of it. */
function windowsOf(count, size, scale, offset) {
  const wide = Math.max(1 / scale, 1);
  return Array.from({ length: count }, (_, at) => {
    const middle = (at + 0.5 - offset) / scale;
    const [low, high] = [middle - wide / 2, middle + wide / 2];
    const found = [];
    for (let from = Math.max(Math.floor(low), 0); from < Math.min(high, size); from++) {
      const share = (Math.min(high, from + 1) - Math.max(low, from)) / wide;
      if (share > 0) found.push([from, share]);
    }
    return found;
  });
}

/** RGBA levels as an item's values: in its channels, within its limits, whole where it is. */
export function valuesOf(levels, channels, page) {
  const [low, high] = page.limits;
  const whole = !page.dtype.startsWith("float");
  const values = new Float32Array((levels.length / 4) * channels);
  for (let at = 0; at < levels.length / 4; at++) {
    const [red, green, blue, alpha] = levels.subarray(4 * at, 4 * at + 4);
    // The grey of ITU-R BT.601, which Pillow takes too.
    const parts =
      channels === 1 ? [0.299 * red + 0.587 * green + 0.114 * blue] : [red, green, blue, alpha];
    for (let channel = 0; channel < channels; channel++) {
      const value = low + (parts[channel] / 255) * (high - low);
      values[at * channels + channel] = whole ? Math.round(value) : value;
    }
  }
  return values;
}
