// What was drawn, taken to the size of the data's pictures, and centred as MNIST's digits are.

/** Where the ink of a picture (one value a pixel, 0 for none) lies: its box and centre, or null. */
export function inkOf(values, width, height) {
  let [sum, x, y] = [0, 0, 0];
  const box = { left: width, top: height, right: -1, bottom: -1 };
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const value = values[row * width + column];
      if (value <= 0) continue;
      sum += value;
      x += value * (column + 0.5);
      y += value * (row + 0.5);
      box.left = Math.min(box.left, column);
      box.right = Math.max(box.right, column);
      box.top = Math.min(box.top, row);
      box.bottom = Math.max(box.bottom, row);
    }
  }
  return sum > 0 ? { ...box, x: x / sum, y: y / sum } : null;
}

/**
 * How to draw a picture so that its ink fills a share of another and its centre of mass lies in the
 * middle: { scale, x, y }, by which a place p goes to p scale + (x, y). MNIST's share is 20 / 28.
 */
export function centringOf(ink, width, height, fill = 20 / 28) {
  const size = Math.max(ink.right + 1 - ink.left, ink.bottom + 1 - ink.top);
  const scale = (fill * Math.min(width, height)) / size;
  return { scale, x: width / 2 - ink.x * scale, y: height / 2 - ink.y * scale };
}

/** Whether pictures have their centre of mass in the middle, within a twentieth of their side. */
export function areCentred(pictures, width, height) {
  const inks = pictures.map((values) => inkOf(values, width, height)).filter((ink) => ink !== null);
  const off = inks.filter(
    ({ x, y }) => Math.abs(x / width - 0.5) > 0.05 || Math.abs(y / height - 0.5) > 0.05,
  );
  return inks.length > 0 && off.length <= inks.length / 5;
}
