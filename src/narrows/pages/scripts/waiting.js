// Says when the model takes long to answer.

const LONG = 2000;

/**
 * The same backend.
 *
 * @param tell gets whether anything that was asked of it has taken more than two seconds so far.
 */
export function watched(backend, tell) {
  let slow = 0;
  const told =
    (work) =>
    async (...given) => {
      let isSlow = false;
      const timer = setTimeout(() => {
        isSlow = true;
        slow += 1;
        tell(true);
      }, LONG);
      try {
        return await work(...given);
      } finally {
        clearTimeout(timer);
        if (isSlow) {
          slow -= 1;
          tell(slow > 0);
        }
      }
    };
  return Object.fromEntries(Object.entries(backend).map(([name, work]) => [name, told(work)]));
}
