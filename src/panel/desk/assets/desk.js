"use strict";
// Keyboard shortcuts and the word count. Everything works without this file, by mouse or by Tab.

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

// A form sent twice would conflict with itself.
for (const form of document.querySelectorAll("form[method=post]")) {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
}
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
