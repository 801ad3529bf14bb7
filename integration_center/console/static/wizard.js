// Everything works without this file; with it a change of a choice shows its consequences at once.
"use strict";

// Controls in an element with data-live="ID ID": when one changes, or a button with data-live is pressed, the form is
// sent in the background, and the parts with these ids become what the server makes of it. There is one request at a
// time: what was changed meanwhile follows in the next one, with all that the form holds by then.
const asked = [];
let pause, underWay;
let isSent; // whether the form was sent whole
let isUnsent; // whether something was typed or chosen since it was last sent
const UNSENT = "Connection lost. The last change has no effect yet; it is kept when you go on, once you are connected.";
const UNPRESSED = "Connection lost, so the button had no effect. Press it again once you are connected.";

function send(form, change) {
  if (change.go === "stay") {
    const earlier = asked.findIndex((each) => each.go === "stay");
    if (earlier >= 0) change.parts = new Set([...asked.splice(earlier, 1)[0].parts, ...change.parts]);
  }
  asked.push(change);
  if (!underWay) sendAll(form);
}

async function sendAll(form) {
  form.setAttribute("aria-busy", "true");
  while (asked.length) {
    underWay = new AbortController();
    await sendOne(form, asked.shift(), underWay.signal);
  }
  underWay = null;
  form.removeAttribute("aria-busy");
}

// The form is sent whole: what it holds is newer than what is under way.
document.addEventListener("submit", (event) => {
  if (event.target.id !== "wizard-form" || event.defaultPrevented) return;
  drop();
  isSent = true;
});
staying.push(() => { isSent = false; });

function drop() {
  clearTimeout(pause);
  asked.length = 0;
  underWay?.abort();
}

// Somebody goes elsewhere while a change still waits for its turn, or before a control was left.
window.addEventListener("beforeunload", () => {
  const form = document.getElementById("wizard-form");
  if (isSent || !isUnsent || !form) return;
  drop();
  const body = new URLSearchParams(new FormData(form));
  body.set("go", "stay");
  fetch(form.action, { method: "POST", body, keepalive: true, headers: { "x-parts": "save" } }).catch(() => {});
});

async function sendOne(form, { go, parts, focus, button }, signal) {
  const held = new Map([...form.elements].map((control) => [control, stateOf(control)]));
  const isNewer = (control) => held.has(control) && stateOf(control) !== held.get(control);
  const headers = { "x-parts": [...parts].join(" "), "x-lists": keptLists().join(" ") };
  const found = await post(form, go, { signal, headers });
  await untilReleased();
  if (!found || signal.aborted) return;
  acts += 1;
  const wizard = found.page.getElementById("wizard");
  if (!wizard) return hasUnsent() ? sayLost(form, sayReplaced(found.page)) : lead(location.href);
  const shown = [...parts].map((id) => [document.getElementById(id), found.page.getElementById(id)]);
  const isWhole = shown.every(([part, fresh]) => fresh || !part);
  sayWorking(isWhole ? "" : wizard.querySelector("[role=status]")?.textContent);
  if (!isWhole) {
    const isAsking = Boolean(wizard.dataset.refresh);
    if (!isAsking && ![...form.elements].some(isNewer)) return morph(document.getElementById("wizard"), wizard, () => false);
    // The org or the report is still being asked, or something newer has to be kept before a fault is shown.
    await new Promise((done) => setTimeout(done, isAsking ? Number(wizard.dataset.every) : 0));
    if (!signal.aborted) asked.unshift({ go: "stay", parts, focus, button });
    return;
  }
  for (const [part, fresh] of shown) if (part) morph(part, fresh, isNewer);
  if (focus && [button, document.body].includes(document.activeElement)) document.getElementById(focus)?.focus();
}

// The answer to the form; null where it did not get through, which the page says.
async function post(form, go, options, again = true) {
  const fields = new URLSearchParams(new FormData(form));
  fields.set("go", go);
  isUnsent = false;
  try {
    const found = await fetchPage(form.action, { method: "POST", body: fields, ...options });
    if (isFailure(found.answer) && !found.page.getElementById("wizard")) throw new Refused(String(found.answer.status));
    if (found.answer.status !== 403 || !again) {
      sayLost(form, null);
      return found;
    }
  } catch (error) {
    isUnsent = true;
    if (options.signal.aborted) return null;
    if (!(error instanceof SignedOut)) {
      sayLost(form, (go === "stay" ? UNSENT : UNPRESSED) + sayStatus(error));
      return null;
    }
  }
  // Somebody was signed out, or has signed in again since this page was made.
  return again && (await canSend(form)) ? post(form, go, options, false) : null;
}

// A page comes without the long lists that it has already, and without those that nobody has opened yet:
// <select data-list="NAME" data-value="CHOSEN"> holds only the options that are its own.
const full = "select[data-list]:not([data-value])";

function keptLists() {
  return [...new Set([...document.querySelectorAll(full)].map((select) => select.dataset.list))];
}

function fillLists(place) {
  for (const select of place.querySelectorAll("select[data-list][data-value]")) {
    const { list: name, value } = select.dataset;
    const kept = document.querySelector(`${full}[data-list="${name}"]`);
    if (!kept) continue; // until somebody opens it
    for (const option of select.querySelectorAll("[data-alone]")) option.remove();
    for (const each of kept.children) {
      if (!each.matches("[data-own]")) select.append(select.ownerDocument.importNode(each, true));
    }
    for (const option of select.options) {
      const isChosen = option.value === value;
      if (isChosen) offer(option);
      if (isChosen !== option.defaultSelected) option.defaultSelected = isChosen;
    }
    // What was added may have come chosen, and a list that loses that falls back to its first option.
    const chosen = [...select.options].find((option) => option.value === value);
    if (chosen) chosen.selected = true;
    delete select.dataset.value;
  }
}
// The list of another row says of this row's own choice that it is used already.
function offer(option) {
  option.disabled = false;
  if (!option.matches("[data-taken]")) return;
  option.textContent = option.textContent.replace(" – used already", "");
  option.removeAttribute("data-taken");
}
improvements.unshift(fillLists);
fillLists(document);

// Asks for the list of a field that somebody opens, and fills it in wherever it belongs. Whether it came.
async function fetchList(select) {
  const name = select.dataset.list;
  const url = new URL(select.form.action);
  url.searchParams.set("list", name);
  try {
    const asked = (await fetchPage(url, { headers: { "x-parts": "asked" } })).page.getElementById("asked");
    if (!asked) return false;
    if (!document.querySelector(`${full}[data-list="${name}"]`)) {
      asked.removeAttribute("id");
      asked.dataset.list = name;
      document.getElementById("main").append(document.importNode(asked, true));
    }
  } catch {
    sayLost(select.form, "Connection lost, so the list cannot be shown. Try again in a moment.");
    return false;
  }
  sayLost(select.form, null);
  for (const each of document.querySelectorAll(`select[data-list="${name}"][data-value]`)) each.dataset.value = each.value;
  fillLists(document);
  return true;
}

function sayWorking(text) {
  document.getElementById("working").textContent = text || "";
}

document.addEventListener("change", (event) => {
  const control = event.target;
  const live = control.closest("[data-live]");
  if (!live || !control.form) return;
  clearTimeout(pause);
  send(control.form, { go: "stay", parts: new Set(live.dataset.live.split(" ")) });
});

document.addEventListener("input", (event) => {
  if (event.target.form?.id === "wizard-form") isUnsent = true;
});

// While somebody types SQL, the parts that data-typing names follow.
document.addEventListener("input", (event) => {
  const control = event.target.closest("[data-typing]");
  if (!control || !control.form) return;
  clearTimeout(pause);
  const { form } = control;
  pause = setTimeout(() => send(form, { go: "stay", parts: new Set(control.dataset.typing.split(" ")) }), 600);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-live]");
  if (!button || !button.form) return;
  event.preventDefault();
  const parts = new Set(button.dataset.live.split(" "));
  send(button.form, { go: button.value, parts, focus: button.dataset.focus, button });
});
