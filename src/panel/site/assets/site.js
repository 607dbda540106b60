/* The search box. Without this script it stays hidden, and readers use the lists. */
(() => {
  "use strict";
  const form = document.querySelector("form.search");
  if (!form) return;
  const [field, list, told] = ["input", "ul", "[role=status]"].map((each) => form.querySelector(each));
  const most = 8;
  // What a word costs by where it stands; a slip costs more than the place.
  const [inName, inMore, inNote, inTake, slip] = [0, 4, 8, 12, 5];
  let names, words, rows;
  let entries = []; // [word, cost, numbers of the rows that have it, the word if a take has it]

  // As panel/site/search.py folds words.
  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const get = (address) =>
    fetch(address).then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(answer.status))));

  function load() {
    names ??= get(form.dataset.index).then(
      (found) => {
        rows = found;
        rows.forEach(([name, , note, more], at) => {
          for (const [text, cost] of [[name, inName], [more, inMore], [note, inNote]]) {
            for (const word of fold(text)) entries.push([word, cost, [at]]);
          }
        });
        // The words of the takes come after; what is searched for is looked up again with them.
        words ??= get(form.dataset.words).then(
          (said) => {
            for (const [word, steps] of Object.entries(said)) {
              let at = 0;
              entries.push([word, inTake, steps.map((step) => (at += step)), word]);
            }
            return search();
          },
          () => (words = undefined),
        );
      },
      (error) => Promise.reject(((names = undefined), error)),
    );
    return names;
  }

  const slips = (word) => (word.length < 4 ? 0 : word.length < 8 ? 1 : 2);

  /* How a word begins, holds or nearly is what was typed: 0 to 2, or slips; none is undefined. */
  function match(typed, word, forgiving) {
    if (word === typed) return 0;
    if (word.startsWith(typed)) return 1;
    if (typed.length > 2 && word.includes(typed)) return 2;
    const wrong = forgiving ? distance(typed, word) : Infinity;
    return wrong <= slips(typed) ? slip * wrong : undefined;
  }

  /* Letters added, left out, changed or swapped between what was typed and a beginning of a word. */
  function distance(typed, word) {
    const bound = slips(typed);
    if (bound === 0 || word.length < typed.length - bound) return Infinity;
    const end = Math.min(word.length, typed.length + bound);
    let before, last;
    let row = Array.from({ length: end + 1 }, (_, at) => at);
    for (let i = 1; i <= typed.length; i++) {
      [before, last, row] = [last, row, [i]];
      let least = i;
      for (let j = 1; j <= end; j++) {
        const same = typed[i - 1] === word[j - 1];
        row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1));
        if (i > 1 && j > 1 && typed[i - 1] === word[j - 2] && typed[i - 2] === word[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
        least = Math.min(least, row[j]);
      }
      if (least > bound) return Infinity;
    }
    return Math.min(...row.slice(Math.max(0, typed.length - bound)));
  }

  /* The rows that have one typed word: row number to [cost, word of a take]. */
  function having(typed, forgiving) {
    const found = new Map();
    for (const [word, place, numbers, said] of entries) {
      const wrong = match(typed, word, forgiving);
      if (wrong === undefined) continue;
      for (const at of numbers) {
        if (place + wrong < (found.get(at)?.[0] ?? Infinity)) found.set(at, [place + wrong, said]);
      }
    }
    return found;
  }

  /* The rows that have every word, the best first; slips are forgiven in a word that nothing has. */
  function find(typed) {
    const strict = typed.map((word) => having(word, false));
    const each = strict.map((found, at) => (found.size > 0 ? found : having(typed[at], true)));
    const hits = rows.flatMap((row, at) => {
      if (!each.every((found) => found.has(at))) return [];
      const parts = each.map((found) => found.get(at));
      return [{ row, cost: parts.reduce((sum, [cost]) => sum + cost, 0), said: parts.flatMap(([, word]) => word ?? []) }];
    });
    return { hits: hits.sort((a, b) => a.cost - b.cost), guessed: strict.some((found) => found.size === 0) };
  }

  function show(hits) {
    list.replaceChildren(
      ...hits.slice(0, most).map(({ row: [title, path, about], said }) => {
        const line = document.createElement("li");
        const link = document.createElement("a");
        const name = document.createElement("bdi");
        const note = document.createElement("span");
        name.textContent = title;
        note.textContent = said.length > 0 ? `A take says “${said.join("”, “")}”` : about;
        link.href = form.dataset.root + path;
        link.append(name, " ", note);
        line.append(link);
        return line;
      }),
    );
    list.hidden = hits.length === 0;
  }

  async function search() {
    const text = field.value;
    const typed = fold(text);
    if (typed.length === 0) {
      show([]);
      told.textContent = "";
      return;
    }
    try {
      await load();
      if (text !== field.value) return;
      const { hits, guessed } = find(typed);
      if (!list.contains(document.activeElement)) show(hits);
      const count = hits.length > most ? `${hits.length} found, the first ${most} shown.` : `${hits.length} found.`;
      told.textContent = hits.length === 0 ? "Nothing found." : guessed ? `Nothing has exactly this. Alike: ${count}` : count;
    } catch {
      told.textContent = "The search could not be loaded. The lists have everything.";
    }
  }

  function step(by) {
    const links = [...list.querySelectorAll("a")];
    const next = links.indexOf(document.activeElement) + by;
    (next < 0 ? field : links[Math.min(next, links.length - 1)])?.focus();
  }

  form.hidden = false;
  field.addEventListener("focus", () => load().catch(() => {}));
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
