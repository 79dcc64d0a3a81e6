// The latent map: each item where its code lies, in two dimensions.

import { bytesOf } from "./page_data.js";
import { nearestPlace, spreadOut } from "./places.js";

const ROOM = 22;
const NEAR = 16;
const THUMBNAIL = 30;
const DOT = 4;

/**
 * Make the map.
 *
 * @param parts { canvas, tip, walks, list, take, walk }: the canvas; what shows the item under the
 *   hand; whether a choice walks; a select element with the same items, and its two buttons.
 * @param page the page data; `thumbnails` of thumbnails.js, or null.
 * @param words gives an item's name from its index.
 * @param chosen { take(index), walk(index) }.
 * @returns a function that marks items: the chosen one, and the ends of a walk.
 */
export function makeMap(parts, page, thumbnails, words, chosen) {
  const { canvas } = parts;
  const xy = new Float32Array(bytesOf(page.map.xy).buffer);
  const map = {
    count: xy.length / 2,
    xy,
    ranks: page.labels?.map(rankAmong(page.labels)) ?? null,
    places: [],
    active: -1,
    marked: [],
    name: words,
  };
  const repaint = () => paintMap(canvas, map, thumbnails);
  const show = (index) => {
    if (index === map.active) return;
    map.active = index;
    repaint();
    showTip(parts.tip, map, thumbnails, canvas);
  };
  const choose = (index, shift) => {
    if (shift || parts.walks.checked) chosen.walk(index);
    else chosen.take(index);
  };
  listenToHand(canvas, map, show, choose);
  listenToKeys(canvas, map, show, choose);
  makeList(parts, map, chosen);
  new ResizeObserver(repaint).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
  thumbnails?.ready.then(repaint);
  return (indices) => {
    map.marked = indices;
    repaint();
  };
}

/** Where points lie on a canvas, upwards as in a plot: pairs of pixels. */
export function placesOf(xy, width, height) {
  const ends = [0, 1].map((axis) => {
    const values = xy.filter((_, at) => at % 2 === axis);
    return values.reduce(
      ([low, high], v) => [Math.min(low, v), Math.max(high, v)],
      [Infinity, -Infinity],
    );
  });
  const share = (value, [low, high]) => (high > low ? (value - low) / (high - low) : 0.5);
  return Array.from({ length: xy.length / 2 }, (_, index) => [
    ROOM + share(xy[2 * index], ends[0]) * (width - 2 * ROOM),
    height - ROOM - share(xy[2 * index + 1], ends[1]) * (height - 2 * ROOM),
  ]);
}

function paintMap(canvas, map, thumbnails) {
  const ratio = devicePixelRatio;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.max(Math.round(width * ratio), 1);
  canvas.height = Math.max(Math.round(height * ratio), 1);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const colours = classColours(style);
  map.places = placesOf(map.xy, width, height);
  const size = Math.min(THUMBNAIL, Math.max(width / 18, 20));
  const pictured = thumbnails === null ? new Set() : spreadOut(map.places, size);
  const half = thumbnails?.sidesOf(size).map((side) => side / 2);
  map.places.forEach(([x, y], index) => {
    if (pictured.has(index)) return;
    pen.fillStyle = colourOf(map, index, colours, style);
    pen.beginPath();
    pen.arc(x, y, DOT - 1, 0, 2 * Math.PI);
    pen.fill();
  });
  for (const index of pictured) {
    const [x, y] = map.places[index];
    thumbnails.draw(pen, index, x, y, size);
    frame(pen, [x, y], half, colourOf(map, index, colours, style), 2);
  }
  const marks = map.active < 0 ? map.marked : [...map.marked, map.active];
  for (const index of marks.filter((one) => one < map.count)) {
    const drawn = pictured.has(index) ? half.map((side) => side + 3) : [8, 8];
    frame(pen, map.places[index], drawn, style.getPropertyValue("--page"), 6);
    frame(pen, map.places[index], drawn, style.getPropertyValue("--ink"), 3);
  }
}

function frame(pen, [x, y], [across, up], colour, width) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.strokeRect(x - across, y - up, 2 * across, 2 * up);
}

function classColours(style) {
  return Array.from({ length: 10 }, (_, rank) => style.getPropertyValue(`--class-${rank}`));
}

/** A label's place among those that there are, which colours go by. */
export function rankAmong(labels) {
  const present = [...new Set(labels)].sort((one, other) => one - other);
  const ranks = new Map(present.map((label, rank) => [label, rank]));
  return (label) => ranks.get(label);
}

function colourOf(map, index, colours, style) {
  if (map.ranks === null) return style.getPropertyValue("--ours");
  return colours[map.ranks[index] % 10];
}

function listenToHand(canvas, map, show, choose) {
  const under = (event) => {
    const box = canvas.getBoundingClientRect();
    return nearestPlace(map.places, event.clientX - box.left, event.clientY - box.top, NEAR);
  };
  canvas.addEventListener("pointermove", (event) => show(under(event)));
  canvas.addEventListener("pointerleave", () => show(-1));
  canvas.addEventListener("click", (event) => {
    const index = under(event);
    if (index < 0) return;
    show(index);
    choose(index, event.shiftKey);
  });
}

const TURNS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function listenToKeys(canvas, map, show, choose) {
  canvas.addEventListener("keydown", (event) => {
    const turn = TURNS[event.key];
    if (turn) {
      const from = map.active < 0 ? (map.marked[0] ?? 0) : map.active;
      show(map.active < 0 ? Math.min(from, map.count - 1) : nextTowards(map, from, turn));
    } else if ((event.key === "Enter" || event.key === " ") && map.active >= 0) {
      choose(map.active, event.shiftKey);
    } else if (event.key === "Escape") show(-1);
    else return;
    event.preventDefault();
  });
  canvas.addEventListener("blur", () => show(-1));
}

/** The nearest item in a direction; sideways counts double. Where there is none, the same. */
export function nextTowards(map, from, [dx, dy]) {
  const [x, y] = map.places[from];
  let [best, least] = [from, Infinity];
  map.places.forEach(([a, b], index) => {
    const along = (a - x) * dx + (b - y) * dy;
    const aside = Math.abs((a - x) * dy) + Math.abs((b - y) * dx);
    if (along <= 0.5 || aside > 2 * along) return;
    if (along + 2 * aside < least) [best, least] = [index, along + 2 * aside];
  });
  return best;
}

function showTip(tip, map, thumbnails, canvas) {
  tip.hidden = map.active < 0;
  if (map.active < 0) return;
  const [picture, text] = [tip.querySelector("canvas"), tip.querySelector("span")];
  text.textContent = map.name(map.active);
  picture.hidden = !thumbnails?.has(map.active);
  if (!picture.hidden) {
    [picture.width, picture.height] = [thumbnails.width, thumbnails.height];
    const longer = Math.max(thumbnails.width, thumbnails.height);
    const pen = picture.getContext("2d");
    thumbnails.draw(pen, map.active, picture.width / 2, picture.height / 2, longer);
  }
  const [x, y] = map.places[map.active];
  const half = tip.offsetWidth / 2;
  tip.style.left = `${Math.min(Math.max(x, half), canvas.clientWidth - half)}px`;
  const above = y > tip.offsetHeight + 30;
  tip.style.top = `${above ? y - tip.offsetHeight - 22 : y + 22}px`;
}

function makeList({ list, take, walk }, map, chosen) {
  for (let index = 0; index < map.count; index++) {
    list.append(new Option(map.name(index), String(index)));
  }
  const picked = (act) => () => {
    if (list.selectedIndex >= 0) act(Number(list.value));
  };
  take.addEventListener("click", picked(chosen.take));
  walk.addEventListener("click", picked(chosen.walk));
  list.addEventListener("keydown", (event) => {
    if (event.key === "Enter") picked(event.shiftKey ? chosen.walk : chosen.take)();
  });
}
