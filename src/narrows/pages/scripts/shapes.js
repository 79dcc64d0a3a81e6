// Shapes of items.

/** How many values an item of a shape has. */
export function sizeOf(shape) {
  return shape.reduce((product, side) => product * side, 1);
}

/** Height, width and channels: images without an axis for them have one. */
export function imageShape(shape) {
  return shape.length === 3 ? shape : [...shape, 1];
}
