"use strict";
// Nothing that is typed is lost. The desk keeps it as a draft in its journal while one types; until it
// says that it has, and while the desk is gone, this browser keeps it.

const KEPT = `panel-unsaved ${document.body.dataset.desk} `; // no other editor's, nor workspace's
const EVERY = 3000; // milliseconds between two drafts of one take
const fields = all("[data-keep]");
const forms = [...new Set(fields.map((field) => field.form))];
// Not form.action: a button of that name hides it.
const path = forms.length ? forms[0].getAttribute("action").replace(/\/(decide|draft)$/, "") : null;
const said = one(".kept");
const isRadio = (field) => field.matches("[type=radio]");
const saved = (field) => (isRadio(field) ? field.defaultChecked : field.defaultValue);
const now = (field) => (isRadio(field) ? field.checked : field.value);
const unsaved = (field) => field.hasAttribute("data-unsaved") || now(field) !== saved(field);
let leaving = false;
let unkept = false;
let timer = 0;
let sentAt = 0;
let sending = false;

function read(name) {
  try { return JSON.parse(localStorage.getItem(name)); } catch { return null; }
}

const nameOf = (field) => field.dataset.keep || field.name;

function values() {
  const held = {};
  for (const field of fields) if (!isRadio(field) || field.checked) held[nameOf(field)] = field.value;
  return held;
}

function keepHere() {
  try { localStorage.setItem(KEPT + path, JSON.stringify(values())); unkept = false; } catch { unkept = true; }
}

function forgetHere(sent) {
  if (JSON.stringify(values()) !== sent) return;
  try { localStorage.removeItem(KEPT + path); } catch { /* nothing was kept */ }
  unkept = false;
}

function post(where, held) {
  const body = new URLSearchParams({ ...held, quotes: "1" });
  return fetch(`${where}/draft`, { method: "POST", body, headers: { Accept: "application/json" } });
}

// What this browser kept of other takes while the desk was gone is the desk's again.
async function handOver() {
  for (const name of Object.keys(localStorage).filter((each) => each.startsWith(KEPT) && each !== KEPT + path)) {
    const answer = await post(name.slice(KEPT.length), read(name) ?? {});
    if (answer.ok && !answer.redirected) localStorage.removeItem(name);
  }
}

async function send() {
  timer = 0;
  if (leaving) return;
  if (sending) { later(); return; }
  sending = true;
  sentAt = Date.now();
  const held = values();
  let asks = false;
  try {
    const answer = await post(path, held);
    asks = answer.redirected; // for a name, or a token: it was started anew
    if (!answer.ok || answer.redirected) throw new Error(answer.statusText);
    const { saved_at: at } = await answer.json();
    said.textContent = at ? `Unsaved words kept, ${at.slice(11, 16)} UTC` : "";
    forgetHere(JSON.stringify(held));
  } catch {
    const why = asks ? "The desk asks who you are: open it in another tab" : "The desk does not answer";
    said.textContent = unkept ? `Not saved. ${why}` : `${why}; kept in this browser`;
    later(); // until it answers
  }
  sending = false;
}

function later() {
  if (!timer) timer = setTimeout(send, Math.max(700, sentAt + EVERY - Date.now()));
}

function restore() {
  const found = read(KEPT + path);
  if (!found) return;
  if (JSON.stringify(found) === JSON.stringify(values())) { forgetHere(JSON.stringify(found)); return; }
  const held = fields.filter((field) => nameOf(field) in found);
  if (!held.length) return; // it was typed on another page about this take
  for (const field of held) {
    if (isRadio(field)) field.checked = found[nameOf(field)] === field.value;
    else field.value = found[nameOf(field)];
    if (now(field) !== saved(field)) field.setAttribute("data-unsaved", "");
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  if (fields.some((field) => field.id === "note" && unsaved(field))) one("#again").open = true;
  if (fields.some((field) => field.form?.id === "edit-form" && unsaved(field))) edit(true);
  said.textContent = "Your words are back. The desk had not kept them yet";
  const text = one("#text"); // once htmx listens: these words are checked, not those of the page
  if (text) window.addEventListener("load", () => text.dispatchEvent(new Event("input", { bubbles: true })));
}

// What was sent is decided once a page says so.
const done = one(".done[data-path]");
if (done) try { localStorage.removeItem(KEPT + done.dataset.path); } catch { /* nothing was kept */ }

if (!one(".login")) handOver().catch(() => { /* it does not answer, or nothing is kept: later */ });

const hurry = () => navigator.sendBeacon(`${path}/draft`, new URLSearchParams({ ...values(), quotes: "1" }));

if (path && said) {
  for (const each of all(".no-script")) each.hidden = true;
  for (const field of fields) {
    field.addEventListener("input", () => { keepHere(); later(); });
    if (isRadio(field)) field.addEventListener("change", () => { keepHere(); later(); });
  }
  restore();
  // A tab that was hidden may have waited for long: what is due is sent once it is seen again.
  for (const kind of ["focus", "online"]) window.addEventListener(kind, () => { if (timer) { clearTimeout(timer); send(); } });
  for (const kind of ["pagehide", "visibilitychange"]) {
    window.addEventListener(kind, () => {
      if (!leaving && timer && (kind === "pagehide" || document.hidden)) hurry();
    });
  }
}
window.addEventListener("beforeunload", (event) => {
  if (unkept && !leaving && fields.some(unsaved)) event.preventDefault();
});

// Approving or rejecting what is shown would pass over words that are not decided.
function passesOver(form) {
  const own = one("#edit-form");
  const dirty = own && form.closest(".bar") && fields.find((each) => each.form === own && unsaved(each));
  if (!dirty || form.querySelector("[value=undo]")) return false;
  edit(true);
  let told = own.querySelector("[role=alert]");
  if (!told) {
    told = document.createElement("p");
    told.className = "problem";
    told.setAttribute("role", "alert");
    own.prepend(told);
  }
  told.textContent = "These words are not saved. Save or discard them before you decide on the others.";
  return true;
}

// A form sent twice would conflict with itself.
for (const form of all("form[method=post]")) {
  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent || passesOver(form)) { event.preventDefault(); return; }
    sent = true;
    leaving = true;
    clearTimeout(timer);
    if (!path || !said) return;
    if (event.submitter?.name === "discard") {
      try { localStorage.removeItem(KEPT + path); } catch { /* nothing was kept */ }
    } else if (timer) hurry(); // what this form does not decide on
  });
}
