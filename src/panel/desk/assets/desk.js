"use strict";
// Keyboard shortcuts, the word count, and typed words that are kept until they are saved. Deciding
// works without this file, by mouse or by Tab.

const one = (selector) => document.querySelector(selector);
const writing = (element) => element.matches("input:not([type=checkbox]), textarea, select");

function showKeys() {
  let dialog = one("dialog.keys");
  if (!dialog) {
    const section = one("#keys");
    dialog = document.createElement("dialog");
    dialog.className = "keys";
    dialog.setAttribute("aria-labelledby", "keys-title");
    dialog.append(...section.childNodes);
    section.remove();
    const close = dialog.querySelector(".close-keys");
    close.addEventListener("click", (event) => { event.preventDefault(); dialog.close(); });
    document.body.append(dialog);
  }
  if (dialog.open) dialog.close(); else dialog.showModal();
}

function step(rows, forward) {
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? (forward ? 0 : rows.length - 1) : at + (forward ? 1 : -1);
  const row = rows[Math.max(0, Math.min(rows.length - 1, next))];
  row.focus();
  row.closest("tr").scrollIntoView({ block: "nearest" });
}

let finding = -1;
function nextFinding() {
  const marks = [...document.querySelectorAll(".take mark[id]")];
  if (!marks.length) return;
  finding = (finding + 1) % marks.length;
  marks[finding].focus();
  marks[finding].scrollIntoView({ block: "center" });
}

function open(details) {
  details.open = true;
  const field = details.querySelector("textarea");
  field.focus();
  field.scrollIntoView({ block: "center" });
}

function press(key) {
  if (key === "?") return showKeys();
  if (key === "f") return nextFinding();
  const rows = [...document.querySelectorAll("a.row")];
  if (rows.length && (key === "j" || key === "k")) return step(rows, key === "j");
  const target = [...document.querySelectorAll("[data-key]")].find((each) => each.dataset.key === key);
  if (!target) return undefined;
  if (target.matches("summary")) return open(target.parentElement);
  if (target.matches("input")) { target.focus(); return target.select(); }
  return target.click();
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const from = event.target;
  if (from.matches("textarea") && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const button = from.form.querySelector(event.shiftKey ? ".save-approve" : ".save");
    if (button) { event.preventDefault(); button.click(); }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && writing(from)) { from.blur(); return; }
  if (writing(from) || one("dialog[open]")) return;
  const handled = ["?", "f", "j", "k"].includes(event.key)
    || [...document.querySelectorAll("[data-key]")].some((each) => each.dataset.key === event.key);
  if (handled) { event.preventDefault(); press(event.key); }
});

document.addEventListener("click", (event) => {
  const link = event.target.closest(".keys-link");
  if (link) { event.preventDefault(); showKeys(); }
});

for (const field of document.querySelectorAll("textarea[data-count]")) {
  const count = one(field.dataset.count);
  const tell = () => {
    const many = field.value.split(/\s+/).filter(Boolean).length;
    count.value = `${many} words`;
  };
  field.addEventListener("input", tell);
  tell();
}

// Typed words are kept in this browser until the desk has saved them: they outlive leaving the page,
// a reload, a conflict, a log-in and the end of the desk.
const KEPT = "panel-unsaved ";
const SENT = "panel-sent";
const fields = [...document.querySelectorAll("[data-keep]")];
// Not form.action: a button of that name hides it.
const pathOf = (form) => form.getAttribute("action").replace(/\/(decide|preview)$/, "");
const keyOf = (field) => `${KEPT}${pathOf(field.form)}#${field.id}`;
const saved = (field) => (field.hasAttribute("data-unsaved") ? null : field.defaultValue);
const unsaved = (field) => field.value !== saved(field);
let leaving = false;
let unkept = false;

function kept(key) {
  try { return JSON.parse(localStorage.getItem(key)); } catch { return null; }
}

function keep(field) {
  try {
    if (unsaved(field)) localStorage.setItem(keyOf(field), JSON.stringify({ text: field.value, at: Date.now() }));
    else localStorage.removeItem(keyOf(field));
    unkept = false;
  } catch { unkept = true; } // no storage: then the browser warns before the page is left
}

// What the last form sent has been saved once the page says that it is done.
function forgetSent() {
  const done = one(".done[data-path]");
  try {
    const sent = JSON.parse(sessionStorage.getItem(SENT));
    if (sent && done && done.dataset.path === sent.path) for (const key of sent.keys) localStorage.removeItem(key);
    if (done) sessionStorage.removeItem(SENT);
  } catch { /* no storage, nothing kept */ }
}

function tellRestored(form, at) {
  const said = document.createElement("p");
  said.className = "restored";
  said.setAttribute("role", "status");
  said.append(`Not saved yet: your words of ${new Date(at).toLocaleString()} are back. `);
  const discard = document.createElement("button");
  discard.type = "button";
  discard.className = "small";
  discard.textContent = "Discard them";
  discard.addEventListener("click", () => {
    for (const field of fields.filter((each) => each.form === form)) {
      field.value = field.defaultValue;
      field.removeAttribute("data-unsaved");
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    said.remove();
  });
  said.append(discard);
  form.prepend(said);
}

function restore() {
  const told = new Set();
  for (const field of fields) {
    const found = kept(keyOf(field));
    if (field.hasAttribute("data-unsaved")) keep(field);
    else if (found && found.text !== field.value) {
      field.value = found.text;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      const details = field.closest("details");
      if (details) details.open = true;
      if (!told.has(field.form)) tellRestored(field.form, found.at);
      told.add(field.form);
    } else if (found) keep(field);
  }
}

function listUnsaved() {
  const line = one(".unsaved");
  const here = new Set(fields.map((field) => pathOf(field.form)));
  const names = (() => { try { return Object.keys(localStorage); } catch { return []; } })();
  const paths = new Set(names.filter((name) => name.startsWith(KEPT)).map((name) => name.slice(KEPT.length).split("#")[0]));
  for (const path of [...paths].filter((each) => !here.has(each))) {
    const link = document.createElement("a");
    link.href = path;
    link.textContent = decodeURIComponent(path.replace("/take/", "").replace("/", " × "));
    line.append(link, " ");
    line.hidden = false;
  }
}

forgetSent();
for (const field of fields) field.addEventListener("input", () => keep(field));
restore();
listUnsaved();
window.addEventListener("beforeunload", (event) => {
  if (unkept && !leaving && fields.some(unsaved)) event.preventDefault();
});

// Approving or rejecting what is shown would pass over words that stand unsaved in the fields.
function passesOver(form) {
  const edit = one("#edit-form");
  const dirty = edit && form.closest(".actions") && fields.find((each) => each.form === edit && unsaved(each));
  if (!dirty) return false;
  const details = edit.closest("details");
  details.open = true;
  let said = edit.querySelector("[role=alert]");
  if (!said) {
    said = document.createElement("p");
    said.className = "problem";
    said.setAttribute("role", "alert");
    edit.prepend(said);
  }
  said.textContent = "These words are not saved. Save or discard them before you decide on the others.";
  dirty.focus();
  return true;
}

// A form sent twice would conflict with itself.
for (const form of document.querySelectorAll("form[method=post]")) {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent || passesOver(form)) { event.preventDefault(); return; }
    sent = true;
    leaving = true;
    const keys = fields.filter((field) => field.form === form).map(keyOf);
    try { sessionStorage.setItem(SENT, JSON.stringify({ path: pathOf(form), keys })); } catch { /* nothing kept */ }
  });
}
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
