// What Python wrote into the page.

/** The data of the page, as `build_page` was given them. */
export function pageData() {
  return JSON.parse(document.getElementById("page-data").textContent);
}

/** Bytes of a base64 text. */
export function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
