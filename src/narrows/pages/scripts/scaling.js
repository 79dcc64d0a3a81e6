// Pictures at another size, and their levels as an item's values.

export function greyText(share) {
  const level = Math.round(255 * share);
  return `rgb(${level} ${level} ${level})`;
}

/**
 * A canvas or bitmap drawn at another scale: the RGBA levels of a picture of a size.
 *
 * It is halved step by step first, so that no pixel is skipped.
 *
 * @param move { scale, x, y }: a place p goes to p scale + (x, y).
 * @param ground the grey level behind it as a share of 1; null for none.
 */
export function scaled(picture, move, { width, height }, ground) {
  let [source, factor] = [picture, 1];
  while (move.scale / factor <= 0.5 && source.width > 1 && source.height > 1) {
    const half = { width: Math.ceil(source.width / 2), height: Math.ceil(source.height / 2) };
    const pen = penOf(half, ground);
    pen.drawImage(source, 0, 0, source.width / 2, source.height / 2);
    source = pen.canvas;
    factor /= 2;
  }
  const pen = penOf({ width, height }, ground);
  const size = move.scale / factor;
  pen.drawImage(source, move.x, move.y, source.width * size, source.height * size);
  return pen.getImageData(0, 0, width, height).data;
}

function penOf({ width, height }, ground) {
  const pen = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  if (ground !== null) {
    pen.fillStyle = greyText(ground);
    pen.fillRect(0, 0, width, height);
  }
  return pen;
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
