"use strict";
// Search: tables with a matching name, comment or column stay; "/" goes to the box, Escape empties it.
const box = document.getElementById("q");
const count = document.getElementById("count");
function search() {
  const wanted = box.value.trim().toLowerCase();
  let found = 0;
  for (const article of document.querySelectorAll("article")) {
    let hits = 0;
    for (const row of article.querySelectorAll("tbody tr")) {
      const hit = wanted !== "" && row.textContent.toLowerCase().includes(wanted);
      row.classList.toggle("hit", hit);
      hits += hit ? 1 : 0;
    }
    const shown = wanted === "" || hits > 0 || article.textContent.toLowerCase().includes(wanted);
    article.hidden = !shown;
    const item = document.querySelector(`li[data-of="${article.id}"]`);
    if (item) item.hidden = !shown;
    found += shown ? 1 : 0;
  }
  count.textContent = wanted === "" ? "" : `${found} ${count.dataset.word}`;
}
if (box) {
  box.addEventListener("input", search);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== box) {
      event.preventDefault();
      box.focus();
    } else if (event.key === "Escape" && document.activeElement === box) {
      box.value = "";
      search();
    }
  });
}
// The diagram: a table under the pointer, or that the keyboard has reached, shows its lines.
for (const table of document.querySelectorAll("[data-table]")) {
  const mark = (on) => () => {
    for (const line of document.querySelectorAll(".erd [data-one]")) {
      const { one, many } = line.dataset;
      if (one === table.dataset.table || many === table.dataset.table) line.classList.toggle("on", on);
    }
  };
  for (const name of ["mouseenter", "focusin"]) table.addEventListener(name, mark(true));
  for (const name of ["mouseleave", "focusout"]) table.addEventListener(name, mark(false));
}
