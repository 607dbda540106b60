/* The search box. Without this script it stays hidden, and readers use the lists. */
(() => {
  "use strict";
  const form = document.querySelector("form.search");
  if (!form) return;
  const field = form.querySelector("input");
  const list = form.querySelector("ul");
  const told = form.querySelector("[role=status]");
  const most = 8;
  let index;
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  function load() {
    index ??= fetch(form.dataset.index)
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(answer.status))))
      .then((rows) => rows.map(([name, path, note]) => ({ name, path, note, name_: fold(name), all: fold(name + " " + note) })));
    return index;
  }

  function found(rows, words) {
    const weight = (row) => (row.name_.startsWith(words[0]) ? 0 : row.name_.includes(words[0]) ? 1 : 2);
    return rows
      .filter((row) => words.every((word) => row.all.includes(word)))
      .sort((a, b) => weight(a) - weight(b));
  }

  function show(rows) {
    list.replaceChildren(
      ...rows.slice(0, most).map((row) => {
        const line = document.createElement("li");
        const link = document.createElement("a");
        const name = document.createElement("bdi");
        const note = document.createElement("span");
        name.textContent = row.name;
        note.textContent = row.note;
        link.href = form.dataset.root + row.path;
        link.append(name, " ", note);
        line.append(link);
        return line;
      }),
    );
    list.hidden = rows.length === 0;
  }

  async function search() {
    const text = field.value;
    const words = fold(text).split(/\s+/).filter(Boolean);
    if (words.length === 0) {
      show([]);
      told.textContent = "";
      return;
    }
    try {
      const rows = found(await load(), words);
      if (text !== field.value) return;
      show(rows);
      told.textContent = rows.length === 0 ? "Nothing found." : rows.length > most ? `${rows.length} found, the first ${most} shown.` : `${rows.length} found.`;
    } catch {
      index = undefined;
      told.textContent = "The search could not be loaded. The lists have everything.";
    }
  }

  function step(by) {
    const links = [...list.querySelectorAll("a")];
    const next = links.indexOf(document.activeElement) + by;
    (next < 0 ? field : links[Math.min(next, links.length - 1)])?.focus();
  }

  form.hidden = false;
  field.addEventListener("input", search);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    list.querySelector("a")?.click();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") step(1);
    else if (event.key === "ArrowUp") step(-1);
    else if (event.key === "Escape") {
      field.value = "";
      field.focus();
      search();
    } else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.focus();
  });
})();
