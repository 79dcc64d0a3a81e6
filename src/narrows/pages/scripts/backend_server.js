// The backend that asks the server which the page came from: docs/explore.md has its answers.

/** @param page the page data, which say what the model can. */
export function serverBackend(page) {
  const backend = {
    decode: (code) => frame("decode", numbers(code)),
    encode: (values) => frame("encode", numbers(values)),
    encodeCells: (cells) => frame("encode-cells", JSON.stringify(cells)),
    item: (row) => frame(`item?row=${row}`),
    async nearest(code, count) {
      const response = await ask(`nearest?count=${count}`, numbers(code));
      return response.json();
    },
  };
  if (page.denoises) backend.denoise = (values) => frame("denoise", numbers(values));
  return backend;
}

function numbers(values) {
  return Float32Array.from(values); // Little-endian, as every machine with a browser is.
}

async function frame(address, body) {
  const response = await ask(address, body);
  return readFrame(await response.arrayBuffer());
}

async function ask(address, body) {
  const type = typeof body === "string" ? "application/json" : "application/octet-stream";
  const given =
    body === undefined ? {} : { method: "POST", body, headers: { "Content-Type": type } };
  let response;
  try {
    response = await fetch(address, given);
  } catch {
    throw new Error("The program that made this page no longer answers. Start it again.");
  }
  if (response.ok) return response;
  const { error, hint } = await response.json().catch(() => ({}));
  throw new Error(
    [error ?? `The server answered ${response.status}`, hint].filter(Boolean).join(". "),
  );
}

/** An answer's names: those of its JSON, and its arrays. */
export function readFrame(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(buffer, 4, length));
  const { arrays, ...found } = JSON.parse(text);
  let at = 4 + length;
  for (const [name, count] of arrays) {
    found[name] = new Float32Array(buffer, at, count);
    at += 4 * count;
  }
  return found;
}
