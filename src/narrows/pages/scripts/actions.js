// What people do on the explore page, as changes of its state.

import { damaged } from "./noise.js";
import { hasNoise } from "./sentences.js";
import { between } from "./walk.js";

/**
 * @param page the page data.
 * @param backend computes: backend_server.js or backend_export.js.
 * @param store of state.js.
 * @param failed gets what went wrong.
 */
export function makeActions({ page, backend, store, failed }) {
  let latest = 0;
  // What is added to whatever is chosen, drawn or opened.
  const start = { amount: page.latent.length === 0 ? (page.noise?.learnt[1] ?? 0) : 0, seed: 1 };
  const noise = { ...start };

  /** Wait for something, unless something newer was asked for in the meantime: then null; so too where it `fails`. */
  async function newestOf(promise, fails = failed) {
    latest += 1;
    const ticket = latest;
    try {
      const found = await promise;
      return ticket === latest ? found : null;
    } catch (error) {
      if (ticket === latest) fails(error);
      return null;
    }
  }

  /** An item of the data with its code; how odd it is comes later, and is written into it. */
  async function itemAt(row) {
    const { values, cells, code, label, file } = await backend.item(row);
    const item = { row, name: file, label, cells, ...withNoise(values) };
    if (hasNoise(item)) return { ...item, ...(await coded(item.values)) };
    Object.assign(item, { code, score: null, pValue: null });
    if (page.detects) rated(item, values).catch(failed);
    return item;
  }
  async function rated(item, values) {
    const { score, pValue } = await backend.encode(values);
    Object.assign(item, { score, pValue });
    if (store.state?.item === item) store.refresh();
  }

  /** Values as they go into the model, and as they were before noise was added. */
  function withNoise(clean) {
    if (!page.noise) return { values: clean, clean, noise: null };
    const whole = !page.dtype.startsWith("float");
    const values = noise.amount > 0 ? damaged(clean, page.noise, noise, whole) : clean;
    return { values, clean, noise: { ...noise } };
  }

  /** What the page shows of what the model makes of values: nothing, where there are no numbers to turn. */
  async function coded(values) {
    if (page.latent.length === 0) return { code: new Float32Array(0), score: null, pValue: null };
    const { code, score, pValue } = await backend.encode(values);
    return { code, score, pValue };
  }

  async function show(promise, key = null) {
    const item = await newestOf(promise);
    if (item !== null) store.step({ item, code: item.code, walk: null }, key);
    return item;
  }

  async function own(clean, name) {
    const item = { row: null, name, label: null, ...withNoise(clean) };
    return { ...item, ...(await coded(item.values)) };
  }
  async function ownRow(cells, name) {
    const { code, score, pValue } = await backend.encodeCells(cells);
    return { row: null, name, label: null, values: null, cells, code, score, pValue };
  }

  return {
    noise,
    take: (row) => show(itemAt(row)),
    takeOwn: (values, name, key = null) => show(own(values, name), key),
    /** Back to the noise of the start; null where there is no other. */
    resetNoise() {
      const other = noise.amount !== start.amount || noise.seed !== start.seed;
      return page.noise && other ? this.addNoise(start) : null;
    },
    /** Add other noise, { amount, seed }, to the item shown and to those that follow. */
    addNoise(other) {
      Object.assign(noise, other);
      const { item } = store.state;
      return item === null ? null : show(again(item), "noise");
    },
    takeCells: (cells) => show(ownRow(cells, "Your row"), "row"),
    move(index, value) {
      latest += 1;
      const code = Float32Array.from(store.state.code);
      code[index] = value;
      store.pass({ ...store.state, code });
    },
    restore(index) {
      const code = Float32Array.from(store.state.code);
      code[index] = baseOf(store.state, page)[index];
      store.step({ ...store.state, code });
    },
    rest: (key = null) => store.step(store.state, key),
    async walk(row) {
      const from = store.state.item;
      const to = await newestOf(itemAt(row));
      if (to === null) return;
      const start = from ?? { ...to, code: store.state.code };
      store.step({ ...store.state, code: start.code, walk: { from: start, to, share: 0 } });
    },
    walkOn(share) {
      const { walk } = store.state;
      const code = between(walk.from.code, walk.to.code, share);
      store.pass({ ...store.state, code, walk: { ...walk, share } });
    },
    /** Show what a link says, see `readLink`; what it does not say comes from the start. */
    async open(link) {
      if (page.noise && link.noise) Object.assign(noise, link.noise);
      const wrong = link.wrong ? [link.wrong] : [];
      const heard = (error) => wrong.push(error.message);
      const before = latest;
      const item = await newestOf(linkedItem(link), heard);
      const asked = item !== null && link.to !== null;
      const to = asked ? await newestOf(itemAt(link.to), heard) : null;
      // What was asked for since then is shown, and not this.
      if (store.state !== null && latest !== before + (asked ? 2 : 1)) return;
      const code = link.code ?? item?.code ?? Float32Array.from(page.start);
      const walk = to === null ? null : { from: item, to, share: link.share };
      store.step({ item, code, walk });
      // A new state has no complaint; this one is about what stands in its place.
      if (wrong.length > 0) failed(new Error(wrong.join(" ")));
    },
  };

  async function again(item) {
    const made = { ...item, ...withNoise(item.clean) };
    return { ...made, ...(await coded(made.values)) };
  }

  async function linkedItem(link) {
    const name = link.name ?? "From a link";
    if (link.cells !== null && page.kind !== "table") {
      throw new Error("The link holds a row of a table, and this model is of none.");
    }
    if (link.cells !== null) return ownRow(link.cells, name);
    if (link.values !== null) return own(link.values, name);
    if (link.row !== null) return itemAt(link.row);
    return null;
  }
}

/** The code that sliders go back to: the item's own. */
export function baseOf({ item }, page) {
  return item?.code ?? page.start;
}
