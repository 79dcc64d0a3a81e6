// Small pictures of the items, which lie on one sheet.

/**
 * The sheet of the page data as { width, height, ready, has(index), sidesOf(longer),
 * draw(pen, index, x, y, longer), greys(index) },
 * or null where items have no pictures.
 */
export function openThumbnails(thumbnails, count) {
  if (!thumbnails) return null;
  const [height, width] = thumbnails.size;
  const sheet = new Image();
  sheet.src = `data:image/png;base64,${thumbnails.data}`;
  const ratio = height / width;
  const sidesOf = (size) => (ratio > 1 ? [size / ratio, size] : [size, size * ratio]);
  const from = (index) => [
    (index % thumbnails.columns) * width,
    Math.floor(index / thumbnails.columns) * height,
  ];
  return {
    width,
    height,
    ready: sheet.decode(),
    has: (index) => index >= 0 && index < count,
    sidesOf,
    /** Draw one whose longer side is `size`, its middle at (x, y). */
    draw(pen, index, x, y, size) {
      const [wide, high] = sidesOf(size);
      const [left, top] = from(index);
      pen.drawImage(sheet, left, top, width, height, x - wide / 2, y - high / 2, wide, high);
    },
    /** One as shares of 1, the mean of its colours, rows first. */
    greys(index) {
      const pen = new OffscreenCanvas(width, height).getContext("2d");
      const [left, top] = from(index);
      pen.drawImage(sheet, left, top, width, height, 0, 0, width, height);
      const { data } = pen.getImageData(0, 0, width, height);
      return Float32Array.from(
        { length: width * height },
        (_, at) => (data[4 * at] + data[4 * at + 1] + data[4 * at + 2]) / 765,
      );
    },
  };
}

/**
 * What pictures are drawn on: { level, ink, pictures }. The level of most of their edge and that of
 * ink on it, as shares of their limits, and the first pictures as ink alone.
 */
export function groundOf(thumbnails, count) {
  const pictures = [];
  const edge = [];
  const { width, height } = thumbnails ?? { width: 0, height: 0 };
  for (let index = 0; thumbnails !== null && index < Math.min(count, 60); index++) {
    const greys = thumbnails.greys(index);
    pictures.push(greys);
    greys.forEach((grey, at) => {
      const [x, y] = [at % width, Math.floor(at / width)];
      if (x === 0 || y === 0 || x === width - 1 || y === height - 1) edge.push(grey);
    });
  }
  edge.sort((one, other) => one - other);
  const level = edge[edge.length >> 1] ?? 0;
  const inks = pictures.map((greys) => greys.map((grey) => Math.abs(grey - level)));
  return { level, ink: level < 0.5 ? 1 : 0, pictures: inks };
}
