"use strict";
// What is typed into the form of a file is kept in this browser until the desk has saved it.

for (const form of document.querySelectorAll("form.sheet")) {
  const name = `panel-sheet ${document.body.dataset.desk} ${form.getAttribute("action")}`;
  const fields = [...form.elements].filter((each) => each.name && !each.matches("button"));
  const value = (field) => (field.type === "checkbox" ? String(field.checked) : field.value);
  const set = (field, to) => { if (field.type === "checkbox") field.checked = to === "true"; else field.value = to; };
  const values = () => Object.fromEntries(fields.map((field) => [field.name, value(field)]));
  const shown = values();
  const wrong = Boolean(form.querySelector("[aria-invalid]"));

  const forget = () => { try { localStorage.removeItem(name); } catch { /* nothing is kept */ } };
  const keep = () => { try { localStorage.setItem(name, JSON.stringify(values())); } catch { /* no storage */ } };
  const kept = () => { try { return JSON.parse(localStorage.getItem(name)); } catch { return null; } };

  // With the mark of the file that was typed over: if it has changed since, saving says so.
  const restore = (found) => {
    for (const field of fields) if (typeof found[field.name] === "string") set(field, found[field.name]);
    const details = form.closest("details");
    if (details) details.open = true;
    const said = document.createElement("p");
    said.className = "restored whole";
    said.setAttribute("role", "status");
    said.append("Not saved yet: what you typed is back. ");
    const discard = document.createElement("button");
    discard.type = "button";
    discard.className = "small";
    discard.textContent = "Discard it";
    discard.addEventListener("click", () => {
      for (const field of fields) set(field, shown[field.name]);
      forget();
      said.remove();
    });
    said.append(discard);
    form.prepend(said);
  };

  const saved = document.querySelector(".done[data-path]");
  const found = kept();
  if (saved && saved.dataset.path === form.getAttribute("action")) forget();
  else if (found && !wrong && JSON.stringify(found) !== JSON.stringify(shown)) restore(found);
  form.addEventListener("input", keep);
}
