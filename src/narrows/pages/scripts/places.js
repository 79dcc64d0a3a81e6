// Points of a plot: which one is nearest, and which have room for a picture. A place is [x, y].

/** The index of the place that is nearest to (x, y), of equals the last one; -1 beyond `reach`. */
export function nearestPlace(places, x, y, reach) {
  let [best, least] = [-1, reach ** 2];
  places.forEach(([a, b], index) => {
    const distance = (a - x) ** 2 + (b - y) ** 2;
    if (distance <= least) [best, least] = [index, distance];
  });
  return best;
}

/** The indices of places whose pictures, `size` wide and high, do not cover one another. */
export function spreadOut(places, size) {
  const kept = new Set();
  const cells = new Map();
  places.forEach(([x, y], index) => {
    const [column, row] = [Math.floor(x / size), Math.floor(y / size)];
    for (let near = 0; near < 9; near++) {
      const others = cells.get(`${column + (near % 3) - 1} ${row + Math.floor(near / 3) - 1}`);
      if (others?.some(([a, b]) => Math.max(Math.abs(a - x), Math.abs(b - y)) < size + 2)) return;
    }
    const key = `${column} ${row}`;
    cells.set(key, [...(cells.get(key) ?? []), [x, y]]);
    kept.add(index);
  });
  return kept;
}
