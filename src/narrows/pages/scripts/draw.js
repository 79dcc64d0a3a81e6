// Drawing an item: a picture with mouse, finger or pen, or the line of a series of values.

import { layoutOf } from "./canvas.js";
import { areCentred, centringOf, inkOf } from "./centring.js";
import { greyText, scaled, valuesOf } from "./scaling.js";

// Pixels each way of what is drawn on; the picture's own size is far smaller.
const SIDE = 336;

/**
 * Make a canvas that people draw on.
 *
 * @param parts elements: canvas, brush, colour (for colour pictures, else null), clear, centre (a
 *   checkbox, null where the items are no pictures).
 * @param page the page data.
 * @param drawn gets the values while the hand moves.
 * @param ground { level, ink, pictures }: the data's background and ink as shares of their limits,
 *   and some pictures of them, to see whether they are centred.
 */
export function makeDrawing(parts, page, ground, drawn) {
  const layout = layoutOf(page.shape, page.kind);
  const board = layout.picture ? pictureBoard(parts, page, layout, ground) : lineBoard(parts, page);
  const { canvas } = parts;
  let [last, told] = [null, 0];

  // Once a frame, however often the hand moves in it.
  function later() {
    told ||= requestAnimationFrame(() => {
      told = 0;
      const values = board.values();
      if (values !== null) drawn(values);
    });
  }
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) / box.width) * canvas.width,
      y: ((event.clientY - box.top) / box.height) * canvas.height,
    };
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    last = at(event);
    board.stroke(last, last);
    later();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (last === null) return;
    for (const one of event.getCoalescedEvents?.() ?? [event]) {
      const place = at(one);
      board.stroke(last, place);
      last = place;
    }
    later();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
      last = null;
    });
  }
  moveByKeys(canvas, board, later);
  parts.clear.addEventListener("click", () => board.clear());
  parts.centre?.addEventListener("change", later);
  board.clear();
}

// Arrow keys move a pen, which draws while Space is on: for those who have no pointer.
function moveByKeys(canvas, board, later) {
  const pen = { x: canvas.width / 2, y: canvas.height / 2, down: false };
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (event.key === " ") {
      pen.down = !pen.down;
      if (pen.down) board.stroke(pen, pen);
    } else if (step) {
      const from = { ...pen };
      pen.x = Math.min(Math.max(pen.x + step[0] * 12, 0), canvas.width);
      pen.y = Math.min(Math.max(pen.y + step[1] * 12, 0), canvas.height);
      if (pen.down) board.stroke(from, pen);
    } else return;
    event.preventDefault();
    board.point?.(pen);
    if (pen.down) later();
  });
  canvas.addEventListener("blur", () => {
    pen.down = false;
    board.point?.(null);
  });
}

function pictureBoard({ canvas, brush, colour, centre, mark }, page, layout, ground) {
  const { width, height, channels } = layout;
  const scale = SIDE / Math.max(width, height);
  canvas.width = Math.max(Math.round(width * scale), 1);
  canvas.height = Math.max(Math.round(height * scale), 1);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (centre) centre.checked = areCentred(ground.pictures, width, height);
  return {
    clear() {
      pen.fillStyle = greyText(ground.level);
      pen.fillRect(0, 0, canvas.width, canvas.height);
    },
    stroke(from, to) {
      pen.strokeStyle = colour ? colour.value : greyText(ground.ink);
      pen.lineWidth = brush.valueAsNumber * scale;
      pen.lineCap = "round";
      pen.beginPath();
      pen.moveTo(from.x, from.y);
      pen.lineTo(to.x + 0.01, to.y);
      pen.stroke();
    },
    point(place) {
      mark.hidden = place === null;
      if (place === null) return;
      mark.style.left = `${(100 * place.x) / canvas.width}%`;
      mark.style.top = `${(100 * place.y) / canvas.height}%`;
    },
    values() {
      const drawn = pen.getImageData(0, 0, canvas.width, canvas.height);
      const ink = inkIn(drawn, ground);
      if (ink === null) return null;
      const move = centre?.checked
        ? centringOf(ink, width, height)
        : { scale: 1 / scale, x: 0, y: 0 };
      return valuesOf(scaled(drawn, move, layout, ground.level), channels, page);
    },
  };
}

function inkIn({ data, width, height }, ground) {
  const level = Math.round(255 * ground.level);
  const values = new Float32Array(width * height);
  for (let at = 0; at < values.length; at++) {
    const off = Math.max(
      Math.abs(data[4 * at] - level),
      Math.abs(data[4 * at + 1] - level),
      Math.abs(data[4 * at + 2] - level),
    );
    values[at] = off > 2 ? off : 0;
  }
  return inkOf(values, width, height);
}

function lineBoard({ canvas }, page) {
  const count = page.shape.reduce((all, size) => all * size, 1);
  const [low, high] = page.limits;
  canvas.width = SIDE;
  canvas.height = Math.round(SIDE / 1.5);
  const pen = canvas.getContext("2d");
  let heights = new Float32Array(count);
  let touched = false;
  const placeOf = (x) =>
    Math.min(Math.max(Math.round((x / canvas.width) * (count - 1)), 0), count - 1);

  function repaint() {
    const style = getComputedStyle(canvas);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.strokeStyle = style.getPropertyValue("--ours");
    pen.lineWidth = 3;
    pen.beginPath();
    heights.forEach((height, at) => {
      pen.lineTo((at / Math.max(count - 1, 1)) * canvas.width, height);
    });
    pen.stroke();
  }
  return {
    clear() {
      heights = new Float32Array(count).fill(canvas.height / 2);
      touched = false;
      repaint();
    },
    stroke(from, to) {
      const [first, last] = [placeOf(from.x), placeOf(to.x)];
      const step = Math.sign(last - first) || 1;
      for (let at = first; at !== last + step; at += step) {
        const share = last === first ? 1 : (at - first) / (last - first);
        const height = from.y + share * (to.y - from.y);
        heights[at] = Math.min(Math.max(height, 0), canvas.height);
      }
      touched = true;
      repaint();
    },
    values() {
      if (!touched) return null;
      const whole = !page.dtype.startsWith("float");
      return heights.map((height) => {
        const value = high - (height / canvas.height) * (high - low);
        return whole ? Math.round(value) : value;
      });
    },
  };
}
