// Texts that a reader takes along.

import { settled } from "./newest.js";

const TOLD = 2000;

/** Copy a text, and say so on the button pressed for a while; whether the browser lets a page. */
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    return false;
  }
  const words = button.firstChild;
  button.dataset.own ??= words.textContent;
  words.textContent = "Copied";
  settled(() => {
    words.textContent = button.dataset.own;
  }, TOLD)();
  return true;
}

/** Make every button beside a command copy it; where that may not be, it is marked to be copied. */
export function startCopying() {
  for (const button of document.querySelectorAll("button.copy")) {
    const command = button.previousElementSibling;
    button.addEventListener("click", async () => {
      if (!(await copy(command.textContent, button))) getSelection().selectAllChildren(command);
    });
  }
}
