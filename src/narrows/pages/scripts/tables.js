// Tables as CSV files, made in the page: it works from disk too.

/** A table element as CSV (RFC 4180): numbers in full, a header line. */
export function csvOf(table) {
  const rows = [...table.rows].map((row) => [...row.cells].map((cell) => quoted(valueOf(cell))));
  return rows.map((cells) => `${cells.join(",")}\r\n`).join("");
}

function valueOf(cell) {
  return cell.dataset.value ?? cell.textContent.trim().replaceAll("\u00a0", " ");
}

function quoted(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Hand a text to the reader as a file. */
export function save(text, name, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}

/** Mark what holds a table while more of it can be scrolled to. */
export function watchTables() {
  const seen = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      target.classList.toggle("cut", target.scrollWidth > target.clientWidth + 1);
    }
  });
  for (const holder of document.querySelectorAll(".wide")) seen.observe(holder);
}

/** Make every download button of the page work. */
export function startDownloads() {
  for (const button of document.querySelectorAll("button.download")) {
    button.addEventListener("click", () => {
      const table = document.getElementById(button.dataset.table);
      save(csvOf(table), button.dataset.file, "text/csv;charset=utf-8");
    });
  }
}
