// Maps of codes: thumbnails where they fit, and the item that is nearest to the pointer.

import { element, svgElement } from "./elements.js";
import { bytesOf } from "./page_data.js";
import { nearestPlace, spreadOut } from "./places.js";

// Units of a plot: how far the pointer may be from a point, how wide thumbnails are.
const REACH = 24;
const SIZES = { desk: 30, phone: 20 };

/** Put thumbnails on every map of the page, and a tip that follows the pointer. */
export function startMaps(maps, facts) {
  maps.forEach((map, number) => {
    const holder = document.querySelector(`[data-map="${number}"]`);
    const drawings = holder ? [...holder.querySelectorAll(".plot > svg")] : [];
    const pictures = new Map(map.pictures);
    const positions = pairs(map.positions);
    for (const drawing of drawings) {
      const places = placesIn(drawing, positions);
      if (facts.sheet) addThumbnails(drawing, places, map, facts.sheet);
      addTip(drawing, places, map, pictures, facts.sheet);
    }
  });
}

function pairs(base64) {
  const values = new Float32Array(bytesOf(base64).buffer);
  return Array.from({ length: values.length / 2 }, (_, at) => values.subarray(2 * at, 2 * at + 2));
}

/** Where positions lie in a drawing, whose frame says which values its edges stand for. */
function placesIn(drawing, positions) {
  const [left, right, top, bottom] = drawing.dataset.frame.split(" ").map(Number);
  const [x0, x1, y0, y1] = drawing.dataset.limits.split(" ").map(Number);
  return positions.map(([x, y]) => [
    left + ((x - x0) / (x1 - x0)) * (right - left),
    bottom - ((y - y0) / (y1 - y0)) * (bottom - top),
  ]);
}

function addThumbnails(drawing, places, map, sheet) {
  const size = SIZES[drawing.classList.contains("phone") ? "phone" : "desk"];
  const group = svgElement("g", { class: "thumbnails" });
  const pictured = map.pictures.map(([at]) => places[at]);
  for (const index of spreadOut(pictured, size)) {
    const [at, place] = map.pictures[index];
    const [x, y] = places[at];
    const corner = { x: x - size / 2, y: y - size / 2, width: size, height: size };
    const ofClass = map.labels?.[at] < 0 ? "var(--grey)" : `var(--class-${map.labels?.[at]})`;
    const colour = map.coloured ? ofClass : "var(--ours)";
    group.append(
      svgElement("use", { ...corner, href: `#${sheet}-${place}` }),
      svgElement("rect", { ...corner, style: `stroke: ${colour}` }),
    );
  }
  drawing.append(group);
}

function addTip(drawing, places, map, pictures, sheet) {
  const tip = element("div", { class: "tip", hidden: "" });
  const ring = svgElement("circle", { class: "ring", r: 6, visibility: "hidden" });
  drawing.append(ring);
  drawing.parentElement.append(tip);
  function hide() {
    tip.hidden = true;
    ring.setAttribute("visibility", "hidden");
  }
  drawing.addEventListener("pointerleave", hide);
  drawing.addEventListener("pointermove", (event) => {
    const pointer = new DOMPoint(event.clientX, event.clientY);
    const { x: across, y: down } = pointer.matrixTransform(drawing.getScreenCTM().inverse());
    const at = nearestPlace(places, across, down, REACH);
    if (at < 0) {
      hide();
      return;
    }
    const [x, y] = places[at];
    ring.setAttribute("cx", x);
    ring.setAttribute("cy", y);
    ring.setAttribute("visibility", "visible");
    const number = map.labels?.[at] ?? -1; // -1 where the class is not known
    const label = number < 0 ? "" : `, ${map.classes[number] ?? number}`;
    tip.replaceChildren(`${map.thing} ${map.indices[at].toLocaleString("en")}${label}`);
    if (sheet && pictures.has(at)) {
      const drawn = svgElement("svg", { class: "item" });
      drawn.append(
        svgElement("use", { href: `#${sheet}-${pictures.get(at)}`, width: 84, height: 84 }),
      );
      tip.prepend(drawn);
    }
    tip.hidden = false;
    const box = drawing.parentElement.getBoundingClientRect();
    tip.style.left = `${Math.min(event.clientX - box.left + 16, box.width - 110)}px`;
    tip.style.top = `${event.clientY - box.top + 16}px`;
  });
}
