// Work that is asked for faster than it can be done: the newest request wins, the others are left.

/**
 * A function that has `work` done on the value given last, at most once a frame, one at a time.
 *
 * @param work asynchronous, of one value.
 * @param done gets its result and the value.
 * @param failed gets what it threw.
 */
export function newest(work, done, failed) {
  let waiting = null;
  let busy = false;
  async function run() {
    while (waiting !== null) {
      const { value } = waiting;
      waiting = null;
      try {
        const result = await work(value);
        done(result, value);
      } catch (error) {
        failed(error);
      }
    }
    busy = false;
  }
  return (value) => {
    waiting = { value };
    if (busy) return;
    busy = true;
    requestAnimationFrame(run);
  };
}

/** A function that calls `act` with what it was given last, once nothing came for so many ms. */
export function settled(act, pause) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => act(...given), pause);
  };
}
