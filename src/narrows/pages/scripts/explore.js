// The explore page: everything on it, wired to its state.

import { makeActions } from "./actions.js";
import { layoutOf } from "./canvas.js";
import { makeDrawing } from "./draw.js";
import { makeMap } from "./map.js";
import { showNearest } from "./nearest.js";
import { newest, settled } from "./newest.js";
import { pageData } from "./page_data.js";
import { makeForm } from "./row_form.js";
import { saveShown } from "./saving.js";
import { labelOf, nameOf, wholeNameOf } from "./sentences.js";
import { makeSliders } from "./sliders.js";
import { linkOf, makeStore, readLink } from "./state.js";
import { groundOf, openThumbnails } from "./thumbnails.js";
import { makeUpload, readValues } from "./upload.js";
import { makeView } from "./view.js";
import { makeWalk, paintStrip } from "./walk.js";

const NEAREST = 8;
const REST = 250;
const SPOKEN = 900;

export const byId = (id) => document.getElementById(id);

/** Start the page with a backend, made of the page data: backend_server.js or backend_export.js. */
export async function startExplore(makeBackend) {
  const page = pageData();
  const backend = await makeBackend(page);
  const thumbnails = openThumbnails(page.thumbnails, page.items);
  const explorer = { page, backend, thumbnails, failed };
  const store = makeStore((state) => explorer.changed(state));
  Object.assign(explorer, { store, actions: makeActions({ page, backend, store, failed }) });
  const parts = [showing(explorer), sliding(explorer), history(explorer), linking(explorer)];
  if (page.items > 0) parts.push(choosing(explorer), walking(explorer));
  if (page.map) parts.push(mapping(explorer));
  if (page.items > 0) parts.push(neighbours(explorer));
  explorer.changed = (state) => {
    failed(null);
    for (const part of parts) part(state);
  };
  const link = readLink(location.hash, sizesOf(page));
  if (link.index === null && link.values === null && link.cells === null && page.items > 0) {
    link.index = 0;
  }
  await explorer.actions.open(link);
  await thumbnails?.ready;
  inputs(explorer);
}

function sizesOf(page) {
  const item = page.shape.reduce((all, size) => all * size, 1);
  return { code: page.start.length, item, items: page.items };
}

/** Say what went wrong, or that nothing does any more. */
function failed(error) {
  const box = byId("alert");
  if (error === null && box.hidden) return;
  box.hidden = error === null;
  box.textContent = error?.message ?? "";
}

function showing(explorer) {
  const { page, backend, actions } = explorer;
  const form =
    page.kind === "table" ? makeForm(byId("row"), page.columns, actions.takeCells) : null;
  const view = makeView({ page, backend, form, failed });
  explorer.view = view;
  const speak = settled(() => {
    byId("spoken").textContent = view.words();
  }, SPOKEN);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => view.repaint());
  byId("save").addEventListener("click", () => saveShown(view.decoded(), page));
  return (state) => {
    view.show(state);
    speak();
  };
}

function sliding({ page, actions }) {
  if (page.latent.length === 0) return () => {};
  const show = makeSliders({ list: byId("sliders"), rest: byId("sliders-rest") }, page.latent, {
    moved: actions.move,
    ended: actions.rest,
    restored: actions.restore,
  });
  return ({ item, code }) => show(code, item?.code ?? page.start);
}

function history({ store, actions, page }) {
  const [undo, redo] = [byId("undo"), byId("redo")];
  undo.addEventListener("click", () => store.move(-1));
  redo.addEventListener("click", () => store.move(1));
  byId("reset").addEventListener("click", () => {
    const { item } = store.state;
    store.step({ item, code: Float32Array.from(item?.code ?? page.start), walk: null });
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches('input:not([type="range"]), select, textarea');
    if (typing || !(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    store.move(key === "y" || event.shiftKey ? 1 : -1);
  });
  return () => {
    undo.disabled = !store.canUndo;
    redo.disabled = !store.canRedo;
  };
}

function linking({ store, page, actions }) {
  let written = location.hash;
  const write = settled(() => {
    written = `#${linkOf(store.state)}`;
    try {
      window.history.replaceState(null, "", written);
    } catch {
      // A page inside another has no address of its own.
    }
  }, REST);
  addEventListener("hashchange", () => {
    if (location.hash !== written) actions.open(readLink(location.hash, sizesOf(page)));
  });
  byId("link").addEventListener("click", async () => {
    const address = `${location.href.split("#")[0]}#${linkOf(store.state)}`;
    const field = byId("address");
    field.value = address;
    try {
      await navigator.clipboard.writeText(address);
      byId("link").textContent = "Copied";
    } catch {
      field.hidden = false;
      field.select();
    }
    settled(() => {
      byId("link").textContent = "Copy link";
    }, 2000)();
  });
  return write;
}

function choosing({ page, actions }) {
  const field = byId("item-number");
  const last = page.items - 1;
  const take = (index) => {
    const nearest = Math.min(Math.max(index, 0), last);
    field.value = nearest; // a number beyond the last is not left standing
    actions.take(nearest);
  };
  const shown = () => (field.value === "" ? 0 : Math.round(field.valueAsNumber));
  field.addEventListener("change", () => take(shown()));
  byId("item-previous").addEventListener("click", () => take(shown() - 1));
  byId("item-next").addEventListener("click", () => take(shown() + 1));
  byId("item-random").addEventListener("click", () => take(Math.floor(Math.random() * page.items)));
  return ({ item }) => {
    const index = item?.index ?? null;
    if (document.activeElement !== field) field.value = index ?? "";
    byId("item-previous").disabled = index === null || index <= 0;
    byId("item-next").disabled = index !== null && index >= last;
  };
}

function neighbours({ page, backend, thumbnails, actions, store }) {
  const words = (index) => nameOf({ index, label: labelOf(page, index) }, page.kind);
  const find = settled(async () => {
    const { code, item } = store.state;
    try {
      const found = await backend.nearest(code, NEAREST + 1);
      await thumbnails?.ready;
      if (code !== store.state.code) return;
      const others = found.filter(({ index }) => index !== item?.index).slice(0, NEAREST);
      showNearest(byId("nearest"), others, { thumbnails, words, taken: actions.take });
    } catch (error) {
      failed(error);
    }
  }, REST);
  let last = null;
  return ({ code }) => {
    if (code !== last) find();
    last = code;
  };
}

function mapping({ page, thumbnails, actions }) {
  const parts = {
    canvas: byId("map"),
    tip: byId("map-tip"),
    list: byId("map-list"),
    take: byId("map-take"),
    walk: byId("map-walk"),
    walks: byId("map-walks"),
  };
  const words = (index) => nameOf({ index, label: labelOf(page, index) }, page.kind);
  const mark = makeMap(parts, page, thumbnails, words, actions);
  let last = "";
  return ({ item, walk }) => {
    const marked = [item?.index, walk?.to.index].filter((index) => Number.isInteger(index));
    if (last !== marked.join()) mark(marked);
    last = marked.join();
  };
}

function walking({ page, backend, view, actions }) {
  const parts = {
    slider: byId("walk"),
    value: byId("walk-share"),
    play: byId("walk-play"),
    strip: byId("walk-strip"),
  };
  const walk = makeWalk(parts, { moved: actions.walkOn, ended: () => actions.rest("walk") });
  byId("walk-start").addEventListener("submit", (event) => {
    event.preventDefault();
    const index = byId("walk-to").valueAsNumber;
    if (index >= 0 && index < page.items) actions.walk(Math.round(index));
  });
  let ends = null;
  return (state) => {
    byId("walk-way").hidden = state.walk === null;
    if (state.walk === null) {
      walk.stop();
      ends = null;
      return;
    }
    const { from, to, share } = state.walk;
    walk.show(share);
    if (ends?.from === from && ends?.to === to) return;
    ends = { from, to };
    byId("walk-ends").textContent = `From ${wholeNameOf(from, page)} to ${wholeNameOf(to, page)}.`;
    if (page.kind === "table") return;
    paintStrip(
      parts.strip,
      { from: from.code, to: to.code },
      {
        decode: (code) => backend.decode(code),
        paint: view.paint,
        pixels: layoutOf(page.shape, page.kind).picture,
        taken(at) {
          actions.walkOn(at);
          actions.rest("walk");
        },
      },
    ).catch(failed);
  };
}

function inputs({ page, backend, thumbnails, actions }) {
  if (page.kind === "table") return;
  const ground = groundOf(thumbnails, page.items);
  const drawing = {
    canvas: byId("draw"),
    brush: byId("draw-brush"),
    colour: byId("draw-colour"),
    clear: byId("draw-clear"),
    centre: byId("draw-centre"),
    mark: byId("draw-mark"),
  };
  const drawn = newest(
    (values) => actions.takeOwn(values, "Your drawing", "draw"),
    () => {},
    failed,
  );
  makeDrawing(drawing, page, ground, drawn);
  if (!layoutOf(page.shape, page.kind).picture) return;
  makeUpload({ field: byId("upload"), zone: byId("upload-zone") }, async (file) => {
    const message = byId("upload-message");
    message.textContent = `Opening “${file.name}” …`;
    try {
      const found = await (backend.readImage ?? readValues)(file, page, ground);
      const shape = `${found.width} x ${found.height} pixels`;
      message.textContent = `“${file.name}”: ${shape}, scaled to the model's ${page.shape[1]} x ${page.shape[0]}.`;
      await actions.takeOwn(found.values, file.name);
    } catch (error) {
      message.textContent = error.message;
    }
  });
}
