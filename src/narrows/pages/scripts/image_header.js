// How large an image file says that it is, read from its first bytes: before anything is decoded.

const START = 1 << 20;

/**
 * What kind of image a file is and its size: { type, width, height }, width and height null where
 * they are not in its first megabyte; or null where it is no image that pages can show.
 *
 * PNG (ISO/IEC 15948, 11.2.2), JPEG (ITU-T T.81, B.2.2), GIF89a, WebP (RFC 9649), BMP, AVIF (the
 * property `ispe` of ISO/IEC 23008-12).
 */
export async function readHeader(file) {
  const bytes = new Uint8Array(await file.slice(0, START).arrayBuffer());
  return headerOf(bytes);
}

export function headerOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (at, count) => String.fromCharCode(...bytes.subarray(at, at + count));
  if (bytes.length < 12) return null;
  if (text(1, 3) === "PNG" && bytes[0] === 0x89) return sized("PNG", () => png(view));
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return sized("JPEG", () => jpeg(view));
  if (text(0, 4) === "GIF8") {
    return sized("GIF", () => [view.getUint16(6, true), view.getUint16(8, true)]);
  }
  if (text(0, 4) === "RIFF" && text(8, 4) === "WEBP") return sized("WebP", () => webp(view, text));
  if (text(0, 2) === "BM") {
    return sized("BMP", () => [view.getInt32(18, true), Math.abs(view.getInt32(22, true))]);
  }
  if (text(4, 4) === "ftyp" && /^avi[fs]/.test(text(8, 4))) {
    return sized("AVIF", () => avif(view, text));
  }
  return null;
}

function sized(type, read) {
  try {
    const [width, height] = read() ?? [null, null];
    return { type, width, height };
  } catch {
    return { type, width: null, height: null }; // The file ends too soon.
  }
}

function png(view) {
  return [view.getUint32(16), view.getUint32(20)];
}

function jpeg(view) {
  let at = 2;
  for (;;) {
    if (view.getUint8(at) !== 0xff) return null;
    const marker = view.getUint8(at + 1);
    // Frame headers: C0 to CF but for tables (C4, CC) and C8, which is reserved.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return [view.getUint16(at + 7), view.getUint16(at + 5)];
    }
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2);
  }
}

function webp(view, text) {
  const kind = text(12, 4);
  if (kind === "VP8X") {
    const at = (place) => 1 + view.getUint16(place, true) + (view.getUint8(place + 2) << 16);
    return [at(24), at(27)];
  }
  if (kind === "VP8L") {
    const bits = view.getUint32(21, true);
    return [1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff)];
  }
  return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
}

function avif(view, text) {
  const found = [];
  for (let at = 12; at + 16 <= view.byteLength; at++) {
    if (view.getUint8(at) === 0x69 && text(at, 4) === "ispe") {
      found.push([view.getUint32(at + 8), view.getUint32(at + 12)]);
    }
  }
  // Of a picture in tiles each tile has a size too: the largest is the whole.
  return found.sort((one, other) => other[0] * other[1] - one[0] * one[1])[0] ?? null;
}
