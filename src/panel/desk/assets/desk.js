"use strict";
// Keyboard shortcuts, editing in place, the word count, and selecting rows. Deciding works without
// this file, by mouse or by Tab.

const one = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
// A choice of a form that writes is part of what is typed there; the queue's boxes are not.
const writing = (element) => element.matches("input:not([type=checkbox], [type=radio]), textarea, select, form[method=post]:not(#many) input");
const seen = (element) => element.checkVisibility();

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

// --- the queue ---------------------------------------------------------------------------------

const rows = all("a.row");
let lastPicked = null;

function step(forward) {
  const at = rows.findIndex((row) => rowOf(row).contains(document.activeElement));
  const next = at < 0 ? (forward ? 0 : rows.length - 1) : at + (forward ? 1 : -1);
  const row = rows[Math.max(0, Math.min(rows.length - 1, next))];
  row.focus();
  rowOf(row).scrollIntoView({ block: "nearest" });
}

const rowOf = (link) => link.closest("tr, li");
const boxOf = (row) => rowOf(row).querySelector("[name=pick]");

function tellPicked() {
  const many = all("[name=pick]:checked").length;
  const said = one(".picked");
  if (said) said.textContent = many ? `${many} selected` : "";
}

function pick(range) {
  const at = rows.findIndex((row) => rowOf(row).contains(document.activeElement));
  if (at < 0 || !boxOf(rows[at])) return;
  if (range && lastPicked !== null) {
    const [from, to] = [Math.min(at, lastPicked), Math.max(at, lastPicked)];
    for (const row of rows.slice(from, to + 1)) boxOf(row).checked = true;
  } else {
    const box = boxOf(rows[at]);
    box.checked = !box.checked;
  }
  lastPicked = at;
  tellPicked();
}

for (const box of all("[name=pick]")) {
  box.addEventListener("click", (event) => {
    const at = rows.findIndex((row) => boxOf(row) === box);
    if (event.shiftKey && lastPicked !== null) {
      const [from, to] = [Math.min(at, lastPicked), Math.max(at, lastPicked)];
      for (const row of rows.slice(from, to + 1)) boxOf(row).checked = box.checked;
    }
    lastPicked = at;
    tellPicked();
  });
}
tellPicked();

// --- a take ------------------------------------------------------------------------------------

let finding = -1;
function nextFinding() {
  const marks = all(".take mark[id]").filter(seen);
  if (!marks.length) return;
  finding = (finding + 1) % marks.length;
  marks[finding].focus();
  marks[finding].scrollIntoView({ block: "center" });
}

function open(details) {
  details.open = true;
  const field = details.querySelector("textarea, input:not([type=hidden]), select");
  field.focus();
  if (!details.matches(".up")) field.scrollIntoView({ block: "center" });
}

// The words are edited where they stand: what shows them and what edits them change places.
function edit(editing, at = "#text") {
  for (const each of all(".reading")) each.hidden = editing;
  for (const each of all(".editing")) each.hidden = !editing;
  if (!editing) return;
  const field = one(at).matches("fieldset") ? one(`${at} input:checked`) || one(`${at} input`) : one(at);
  field.focus();
  if (field.matches("#text")) field.setSelectionRange(0, 0);
  field.scrollIntoView({ block: "nearest" });
}

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest("a");
  if (link?.matches(".keys-link")) { event.preventDefault(); showKeys(); }
  if (link?.matches(".edit-link") && one("#edit-form")) { event.preventDefault(); edit(true, new URL(link.href).hash || "#text"); }
  if (link?.matches(".to-again")) { event.preventDefault(); open(one("#again")); }
  if (link?.matches(".stop-editing")) { event.preventDefault(); edit(false); one("main").focus(); }
  const words = event.target.closest(".words.take");
  if (words && !link && one("#edit-form") && getSelection().isCollapsed) edit(true);
});

const wrong = one("#edit-form [autofocus]");
if (one("#edit-form") && !one("#edit-form").hidden && (wrong || !one("[autofocus]"))) edit(true, wrong ? `#${wrong.id}` : one(location.hash || "#text") ? location.hash || "#text" : "#text");

// --- keys --------------------------------------------------------------------------------------

// What is typed ahead is no command: from the moment that a form is sent, until the page that follows
// stands and no key has been pressed for a while.
const REST = 300; // milliseconds
const SENT = "panel-sent";
const whole = document.documentElement;
let resting = 0;

function rest() {
  whole.dataset.keys = "off";
  clearTimeout(resting);
  resting = setTimeout(() => { delete whole.dataset.keys; }, REST);
}

let follows = Boolean(one(".done"));
try {
  follows ||= sessionStorage.getItem(SENT) === "1";
  sessionStorage.removeItem(SENT);
} catch { /* no storage: the page says that something is done */ }
if (follows) rest();

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method !== "post") return;
  clearTimeout(resting);
  resting = 0;
  whole.dataset.keys = "off";
  try { sessionStorage.setItem(SENT, "1"); } catch { /* as above */ }
});

// A digit chooses a reason; any other sign begins the words.
function reject(details, key) {
  const chosen = details.querySelectorAll("[name=reason]")[Number(key) - 1];
  if (key >= "0" && key <= "9") {
    if (!chosen) return true;
    chosen.checked = true;
  }
  one("#why").focus();
  return Boolean(chosen);
}

function press(key) {
  if (key === "?") return showKeys();
  if (key === "f") return nextFinding();
  if (rows.length && (key === "j" || key === "k")) return step(key === "j");
  if (rows.length && ["x", "X", " "].includes(key)) return pick(key === "X");
  const row = document.activeElement.closest("tr"); // what a row has of its own comes first
  const there = all("[data-key]").filter((each) => each.dataset.key === key && (seen(each) || each.matches("a.unseen:not([hidden]), .fold *")));
  const target = there.find((each) => row?.contains(each)) || there[0];
  if (!target) {
    const said = { u: one(".nothing").dataset.u || "Nothing to undo: nothing that you did in this session stands.", U: "Nothing to redo." }[key];
    if (said) one(".nothing").textContent = said;
    return undefined;
  }
  if (target.matches("summary")) return open(target.parentElement);
  if (target.matches("input, textarea")) {
    if (!seen(target)) target.closest("details").open = true;
    target.focus();
    return target.matches("input") ? target.select() : undefined;
  }
  return target.click();
}

function leave(from) {
  const back = one("[data-leaves]");
  if (back) { back.click(); return true; }
  const details = from.closest("details.up");
  if (details) { details.open = false; one("main").focus(); return true; }
  if (writing(from)) { from.blur(); return true; }
  if (one("#edit-form") && !one("#edit-form").hidden) { edit(false); return true; }
  return false;
}

const ROW_KEYS = ["j", "k", "x", "X", " "];
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const from = event.target;
  if (from.matches("textarea, input") && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const inside = event.shiftKey ? ".save-approve" : ".save, #reject button";
    const button = [...from.form?.elements ?? []].find((each) => each.matches(inside));
    if (button) { event.preventDefault(); button.click(); }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (whole.dataset.keys === "off" && !writing(from) && (event.key.length === 1 || event.key === "Enter")) {
    event.preventDefault();
    if (resting) rest();
    return;
  }
  if (event.key === "Enter" && from.matches("[data-enter]")) {
    event.preventDefault();
    one(from.dataset.enter).click();
    return;
  }
  if (event.key === "Escape" && !one("dialog[open]") && leave(from)) { event.preventDefault(); return; }
  const rejecting = one("details.up[open]");
  if (rejecting && event.key.length === 1 && event.key !== " " && (!writing(from) || from.matches("[type=radio]"))) {
    if (reject(rejecting, event.key)) event.preventDefault();
    return;
  }
  if (event.key === "Enter" && one("#progress") && !from.closest("a, button")) {
    one(".nothing").textContent = "Not yet: the desk is still at work on this page.";
    return;
  }
  if (writing(from) || one("dialog[open]")) return;
  if (event.repeat && !ROW_KEYS.includes(event.key)) return; // held down: pressed once
  if (event.key === " " && !from.matches("a.row")) return;
  const handled = ["?", "f", "u", "U"].includes(event.key) || (rows.length && ROW_KEYS.includes(event.key))
    || all("[data-key]").some((each) => each.dataset.key === event.key);
  if (handled) { event.preventDefault(); press(event.key); }
});

for (const button of all("[data-folds]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const those = all(button.dataset.folds);
    const opens = !those.some((each) => each.open);
    for (const each of those) each.open = opens;
    button.firstChild.textContent = opens ? "Fold all " : "Unfold all ";
  });
}

// A finding in the words that are edited shows its phrase. Spans count characters, not their halves.
document.addEventListener("click", (event) => {
  const phrase = event.target.closest("[data-from]");
  if (!phrase) return;
  const field = one("#text");
  const begun = field.value.length - field.value.trimStart().length;
  const signs = [...field.value.trimStart()];
  const at = (place) => begun + signs.slice(0, Number(place)).join("").length;
  field.setSelectionRange(at(phrase.dataset.to), at(phrase.dataset.to));
  field.blur();
  field.focus(); // brings its end into view
  field.setSelectionRange(at(phrase.dataset.from), at(phrase.dataset.to));
});

// A new link stands below the preview: shown, selected, and copied at a press.
const link = one("#link[autofocus]");
if (link) { link.focus(); link.select(); link.scrollIntoView({ block: "center" }); }
for (const button of all("[data-copies]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const field = one(button.dataset.copies);
    field.select();
    let copied = false;
    try { await navigator.clipboard.writeText(field.value); copied = true; } catch { copied = document.execCommand("copy"); }
    button.textContent = copied ? "Copied" : "Press Ctrl+C";
  });
}

for (const field of all("textarea[data-count]")) {
  const count = one(field.dataset.count);
  const tell = () => { count.value = `${field.value.split(/\s+/).filter(Boolean).length} words`; };
  field.addEventListener("input", tell);
  tell();
}

window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
