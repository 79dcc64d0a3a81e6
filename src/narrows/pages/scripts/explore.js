// The explore page: everything on it, wired to its state.

import { makeActions } from "./actions.js";
import { layoutOf } from "./canvas.js";
import { copy } from "./copying.js";
import { makeDrawing } from "./draw.js";
import { makeMap } from "./map.js";
import { showNearest } from "./nearest.js";
import { newest, settled } from "./newest.js";
import { makeNoising } from "./noising.js";
import { pageData } from "./page_data.js";
import { makeReturnView } from "./return_view.js";
import { makeForm } from "./row_form.js";
import { saveShown } from "./saving.js";
import { makeRows } from "./rows.js";
import { nameOf } from "./sentences.js";
import { sizeOf } from "./shapes.js";
import { makeSliders } from "./sliders.js";
import { linkOf, makeStore, readLink } from "./state.js";
import { groundOf, openThumbnails } from "./thumbnails.js";
import { watchTables } from "./tables.js";
import { makeUpload, readValues } from "./upload.js";
import { makeView } from "./view.js";
import { watched } from "./waiting.js";
import { makeWalk, paintStrip } from "./walk.js";

const NEAREST = 8;
const REST = 250;
const SPOKEN = 900;

export const byId = (id) => document.getElementById(id);

/** Start the page with a backend, made of the page data: backend_server.js or backend_export.js. */
export async function startExplore(makeBackend) {
  const page = pageData();
  const backend = watched(await makeBackend(page), (isSlow) => {
    byId("busy").hidden = !isSlow;
  });
  const thumbnails = openThumbnails(page.thumbnails, page.items);
  const rows = makeRows(page);
  const explorer = { page, backend, thumbnails, rows, failed };
  const store = makeStore((state, isOther) => explorer.changed(state, isOther));
  Object.assign(explorer, { store, actions: makeActions({ page, backend, store, failed }) });
  const parts = [showing(explorer), sliding(explorer), history(explorer), linking(explorer)];
  if (page.noise) parts.push(noising(explorer));
  if (page.items > 0) parts.push(choosing(explorer));
  if (page.map) parts.push(walking(explorer), mapping(explorer), neighbours(explorer));
  explorer.changed = (state, isOther) => {
    if (isOther) failed(null); // a complaint is about what was asked for, and not about what became known of it
    for (const part of parts) part(state);
  };
  const link = readLink(location.hash, sizesOf(explorer));
  if (link.row === null && link.values === null && link.cells === null && page.items > 0) {
    link.row = rows.first;
  }
  watchTables();
  await explorer.actions.open(link);
  await thumbnails?.ready;
  inputs(explorer);
}

function sizesOf({ page, rows }) {
  return { code: page.start.length, item: sizeOf(page.shape), rows };
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
  const make = page.latent.length > 0 ? makeView : makeReturnView;
  const view = make({ page, backend, form, failed });
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
  const lists = {
    list: byId("sliders"),
    rest: byId("sliders-rest"),
    idle: byId("sliders-idle"),
  };
  const show = makeSliders(lists, page.latent, {
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
    // What comes with other noise comes with its own code.
    if (actions.resetNoise() !== null) return;
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

function noising({ actions, failed }) {
  const parts = {
    amount: byId("noise-amount"),
    shown: byId("noise-shown"),
    seed: byId("noise-seed"),
    other: byId("noise-other"),
  };
  const show = makeNoising(parts, actions.addNoise, failed);
  show(actions.noise);
  return ({ item }) => {
    // Undo brings another one back.
    if (item?.noise) show(Object.assign(actions.noise, item.noise));
  };
}

function linking({ store, page, rows, actions }) {
  let written = location.hash;
  const write = settled(() => {
    // Somebody gave another address, and its event is still to come.
    if (location.hash !== written) return;
    try {
      window.history.replaceState(null, "", `#${linkOf(store.state)}`);
    } catch {
      // A page inside another has no address of its own.
    }
    written = location.hash;
  }, REST);
  addEventListener("hashchange", () => {
    if (location.hash !== written) actions.open(readLink(location.hash, sizesOf({ page, rows })));
  });
  byId("link").addEventListener("click", async () => {
    const address = `${location.href.split("#")[0]}#${linkOf(store.state)}`;
    const field = byId("address");
    field.value = address;
    if (await copy(address, byId("link"))) return;
    field.hidden = false;
    field.select();
  });
  return write;
}

/** Say beside a field for an item's number why the one typed cannot be had; whether that is so. */
function complaining(field, message, rows) {
  return (number = field.valueAsNumber) => {
    message.textContent = rows.lack(number);
    const lacks = message.textContent !== "";
    field.setAttribute("aria-invalid", lacks);
    return lacks;
  };
}

function choosing({ rows, actions }) {
  const field = byId("item-number");
  const lacks = complaining(field, byId("item-message"), rows);
  const take = (row) => {
    field.value = row;
    lacks(row);
    actions.take(row);
  };
  let last = null;
  const shown = () => (field.value === "" ? rows.first : Math.round(field.valueAsNumber));
  field.addEventListener("change", () => {
    if (!lacks()) take(field.valueAsNumber);
  });
  byId("item-previous").addEventListener("click", () => take(rows.beside(shown(), -1)));
  byId("item-next").addEventListener("click", () => take(rows.beside(shown(), 1)));
  byId("item-random").addEventListener("click", () => take(rows.random()));
  return ({ item }) => {
    const row = item?.row ?? null;
    const mended = row !== last;
    last = row;
    if (mended && row !== null) lacks(row);
    const typed = field.getAttribute("aria-invalid") === "true";
    if (document.activeElement !== field && !typed) field.value = row ?? "";
    byId("item-previous").disabled = row === null || row <= rows.first;
    byId("item-next").disabled = row !== null && row >= rows.last;
  };
}

function neighbours({ page, backend, thumbnails, rows, actions, store }) {
  const words = (row) =>
    nameOf({ row, name: rows.fileOf(row), label: rows.labelOf(row) }, page.kind);
  const find = settled(async () => {
    const { code, item } = store.state;
    try {
      const found = await backend.nearest(code, NEAREST + 1);
      await thumbnails?.ready;
      if (code !== store.state.code) return;
      const others = found
        .filter(({ row }) => row !== item?.row)
        .slice(0, NEAREST)
        .map((each) => ({ ...each, place: rows.placeOf(each.row) }));
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

function mapping({ page, thumbnails, rows, actions }) {
  const parts = {
    canvas: byId("map"),
    tip: byId("map-tip"),
    list: byId("map-list"),
    take: byId("map-take"),
    walk: byId("map-walk"),
    walks: byId("map-walks"),
  };
  const words = (place) => {
    const row = page.rows[place];
    return nameOf({ row, name: rows.fileOf(row), label: rows.labelOf(row) }, page.kind);
  };
  const mark = makeMap(parts, page, thumbnails, words, {
    take: (place) => actions.take(page.rows[place]),
    walk: (place) => actions.walk(page.rows[place]),
  });
  let last = "";
  return ({ item, walk }) => {
    const marked = [item?.row, walk?.to.row].map(rows.placeOf).filter((place) => place >= 0);
    if (last !== marked.join()) mark(marked);
    last = marked.join();
  };
}

function walking({ page, backend, view, rows, actions }) {
  const parts = {
    slider: byId("walk"),
    value: byId("walk-share"),
    play: byId("walk-play"),
    strip: byId("walk-strip"),
  };
  const walk = makeWalk(parts, { moved: actions.walkOn, ended: () => actions.rest("walk") });
  const lacks = complaining(byId("walk-to"), byId("walk-message"), rows);
  byId("walk-start").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!lacks()) actions.walk(byId("walk-to").valueAsNumber);
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
    byId("walk-ends").textContent = `From ${nameOf(from, page.kind)} to ${nameOf(to, page.kind)}.`;
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
      const found = await readValues(file, page, ground);
      const shape = `${found.width} x ${found.height} pixels`;
      const own = `${page.shape[1]} x ${page.shape[0]}`;
      const way = page.tile
        ? `of which the middle ${own} are taken`
        : `scaled to the model's ${own}`;
      message.textContent = `“${file.name}”: ${shape}, ${way}.`;
      await actions.takeOwn(found.values, file.name);
    } catch (error) {
      message.textContent = error.message;
    }
  });
}
