// The median filter (Tukey, 1971), which learns nothing: what a model has to beat.

/**
 * The median of the `side` x `side` values around each, of each channel by itself. Beyond the edge lies the
 * mirror image, the edge's own values first, as SciPy has it by default.
 *
 * @param layout { height, width, channels }.
 */
export function medianOf(values, { height, width, channels }, side) {
  const half = (side - 1) / 2;
  const rows = windows(height, half);
  const columns = windows(width, half);
  const window = new Float32Array(side * side);
  const result = new Float32Array(values.length);
  for (let at = 0; at < values.length; at++) {
    const channel = at % channels;
    const place = (at - channel) / channels;
    const [row, column] = [Math.floor(place / width), place % width];
    let count = 0;
    for (const y of rows[row]) {
      for (const x of columns[column])
        window[count++] = values[(y * width + x) * channels + channel];
    }
    result[at] = window.sort()[count >> 1];
  }
  return result;
}

/** The places from `half` before to `half` behind each of `count`. */
function windows(count, half) {
  const mirrored = (at) => {
    const turn = ((at % (2 * count)) + 2 * count) % (2 * count);
    return Math.min(turn, 2 * count - 1 - turn);
  };
  return Array.from({ length: count }, (_, middle) =>
    Array.from({ length: 2 * half + 1 }, (_, at) => mirrored(middle - half + at)),
  );
}
