// Elements made by scripts.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element with attributes and children; texts stay texts. */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** An SVG element with attributes and children. */
export function svgElement(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** A name of a file as children: its line breaks between its parts before it breaks within one. */
export function breakable(name) {
  const parts = name.split(/(?<=[_/-])|(?=\.\D)/);
  return parts.flatMap((part, at) => (at ? [element("wbr"), part] : [part]));
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
