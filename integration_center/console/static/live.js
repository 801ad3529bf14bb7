// Keeps parts of a page up to date, and takes nothing away from the person who uses them meanwhile.
"use strict";

const PATIENCE = 20000;
const RETRY = 2000;
const AIMING = 400; // milliseconds from the last move to the press
const LONGEST_PAUSE = 10000;
const HEARD_LATELY = 30000;
const CONTROLS = "input, select, textarea";
const MARK = "does-";

class Refused extends Error {}
class SignedOut extends Error {}
class Replaced extends Error {}

// What a person chose or typed in a control.
function stateOf(control) {
  return control.type === "checkbox" || control.type === "radio" ? control.checked : control.value;
}

// Whether a control says something else than the server said.
function isChanged(control) {
  if (control.options) return [...control.options].some((option) => option.selected !== option.defaultSelected);
  return "checked" in control && control.checked !== control.defaultChecked || control.value !== control.defaultValue;
}

// What other scripts make of a page's elements; they get each part before it is shown.
const improvements = [];

// Makes a part of the page what the server says now. Elements that stay keep their focus; an open menu stays open, and
// a control of which isKept says so keeps what is in it.
function morph(part, fresh, isKept = isChanged) {
  for (const improve of improvements) improve(fresh);
  for (const place of [part, fresh]) markButtons(place);
  Idiomorph.morph(part, fresh, {
    callbacks: {
      beforeNodeMorphed: (shown, next) => {
        const isElement = shown.nodeType === Node.ELEMENT_NODE;
        if (isElement && shown.matches(".chart .said")) return false; // somebody reads it
        const control = isElement && shown.matches(CONTROLS) ? shown : null;
        if (control && (isKept(control) || control.ariaExpanded === "true")) return false;
        // Lists of 800 fields are compared at once where nothing is new.
        return !(control && control.options && !isChanged(control) && shown.isEqualNode(next));
      },
      beforeAttributeUpdated: (name, element, kind) => !(name === "open" && kind === "remove" && element.matches("details")),
    },
  });
  for (const each of part.querySelectorAll(`[id^=${MARK}]`)) each.removeAttribute("id");
  followAll(part);
}

// Gives the forms and buttons of a place ids by what they do. None of them becomes another one then, not under the
// finger of somebody who presses it, and not with the focus.
const marks = new Map();
function markButtons(place) {
  const seen = new Map();
  for (const each of place.querySelectorAll("form:not([id]), button:not([id])")) {
    const does = [each.tagName, each.getAttribute("formaction") ?? (each.form ?? each).getAttribute("action"), each.name, each.value].join(" ");
    seen.set(does, (seen.get(does) ?? 0) + 1);
    const mark = `${does} ${seen.get(does)}`;
    if (!marks.has(mark)) marks.set(mark, MARK + marks.size);
    each.setAttribute("id", marks.get(mark));
  }
}

// Whether somebody is on the way to another page: followed a link, or sent a form. What the page does by itself must not
// come in between. The page may stay all the same.
let leaving = false;
window.addEventListener("beforeunload", () => { leaving = true; });
const staying = [() => { leaving = false; }]; // what is done once somebody came back, or stopped the loading
const stay = () => { for (const act of staying) act(); };
window.addEventListener("pageshow", stay);
window.navigation?.addEventListener("navigateerror", stay);

// What is under a finger or a pressed mouse button stays where it is until it is released: the press would hit nothing.
// Nor does anything move by itself while somebody aims at a button: the press would hit its neighbour.
let isPressing = false;
let aimedAt = -AIMING;
const released = [];
for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
  document.addEventListener(kind, (event) => {
    isPressing = event.buttons > 0;
    if (event.target.closest?.("a, button, summary")) aimedAt = performance.now();
    if (!isPressing) setTimeout(() => { for (const go of released.splice(0)) go(); }); // after the click
  }, { capture: true, passive: true });
}
const untilReleased = () => isPressing ? new Promise((go) => { released.push(go); }) : null;

let heardAt = performance.now();
async function ask(url, options = {}) {
  const signals = [AbortSignal.timeout(PATIENCE), ...(options.signal ? [options.signal] : [])];
  const answer = await fetch(url, { ...options, signal: AbortSignal.any(signals) });
  heardAt = performance.now();
  return answer;
}

const sayStatus = (error) => error instanceof Refused ? ` The console answered with status ${error.message}.` : "";

// Whether an answer says nothing but that the console cannot answer just now.
function isFailure(answer) {
  return answer.status >= 500 || answer.status === 429;
}

async function fetchPage(url, options = {}) {
  const answer = await ask(url, { ...options, headers: { accept: "text/html", ...options.headers } });
  if (answer.redirected && new URL(answer.url).pathname === "/sign-in") throw new SignedOut();
  return { answer, page: new DOMParser().parseFromString(await answer.text(), "text/html") };
}

// <form method="get" data-filter="ID": what is chosen or typed narrows the part with that id at once, without a button.
let filtering = 0;
let acts = 0; // how often the page has shown what somebody's choice led to
async function filter(form) {
  const mine = ++filtering;
  const url = new URL(form.action);
  const before = new URLSearchParams(location.search);
  for (const kept of ["sort", "state"]) if (before.has(kept)) url.searchParams.set(kept, before.get(kept));
  const forms = document.querySelectorAll(`form[data-filter="${form.dataset.filter}"]`);
  for (const { name, type, value } of [...forms].flatMap((each) => [...each.elements])) {
    if (name && type !== "hidden" && value) url.searchParams.set(name, value);
  }
  let found;
  try {
    found = await fetchPage(url, { headers: { "x-parts": form.dataset.filter } });
    if (isFailure(found.answer)) throw new Refused(String(found.answer.status));
  } catch (error) {
    if (mine !== filtering || leaving) return;
    if (error instanceof SignedOut) return form.submit();
    typing = setTimeout(() => filter(form), RETRY);
    return sayLost(forms[0], "Connection lost, trying again … What is shown does not follow your choice yet.");
  }
  await untilReleased();
  if (mine !== filtering || leaving) return; // a later choice is on its way
  sayLost(forms[0], null);
  const shown = document.getElementById(form.dataset.filter);
  const fresh = found.page.getElementById(form.dataset.filter);
  if (!found.answer.ok || !shown || !fresh) return form.submit();
  history.replaceState(null, "", url);
  morph(shown, fresh);
  acts += 1;
}
let typing = 0;
document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-filter]");
  if (!form || !event.target.name) return;
  clearTimeout(typing);
  typing = setTimeout(() => filter(form), event.target.type === "search" ? 250 : 0);
});
document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-filter]");
  if (!form) return;
  event.preventDefault();
  filter(form);
});

// <div id="X" data-refresh="URL" data-every="MILLISECONDS">: made what URL shows under the same id, until that has no
// data-refresh any more. The same answer holds the parts with the ids in data-also, and they are made new with it.
const waiting = new Map(); // part: what asks for it at once
const lost = new Map(); // part: what is said of it
let clearing; // the timer that takes away what was said last
const followed = new WeakSet();
followAll(document);

// Follows the parts inside a place, and the place itself, which are not followed yet.
function followAll(place) {
  for (const part of [place, ...place.querySelectorAll("[data-refresh]")]) {
    if (!part.dataset || !part.dataset.refresh || followed.has(part)) continue;
    followed.add(part);
    follow(part);
  }
}

function follow(part, failures = 0) {
  const every = Number(part.dataset.every) || 1000;
  const pause = failures ? Math.min(1000 * 2 ** (failures - 1), LONGEST_PAUSE) : every;
  const go = async () => {
    clearTimeout(timer);
    waiting.delete(part);
    if (!part.isConnected || !part.dataset.refresh) {
      followed.delete(part);
      return sayLost(part, null);
    }
    if (document.hidden) return void waiting.set(part, go); // until somebody looks again
    try {
      const more = await refresh(part);
      sayLost(part, null);
      if (more) follow(part);
      else followed.delete(part);
    } catch (error) {
      if (error instanceof SignedOut) {
        waiting.set(part, go); // somebody may sign in again in another tab
        return sayLost(part, "You are signed out, so this page is not kept up to date.", "_self");
      }
      const isLost = `Connection lost, trying again … What is shown here may be out of date.${sayStatus(error)}`;
      sayLost(part, error instanceof Replaced ? error.message : isLost);
      follow(part, failures + 1);
    }
  };
  const timer = setTimeout(go, pause);
  waiting.set(part, go);
}

function askNow() {
  for (const go of [...waiting.values()]) go();
}
window.addEventListener("online", askNow);
window.addEventListener("offline", askNow); // a console on this machine answers all the same
document.addEventListener("visibilitychange", () => { if (!document.hidden) askNow(); });
window.addEventListener("pageshow", (event) => { if (event.persisted) askNow(); });

// Whether the part goes on being kept up to date.
async function refresh(part) {
  const asked = part.dataset.refresh;
  const before = acts;
  const { answer, page } = await fetchPage(asked, { headers: { "x-by-itself": "yes", "x-parts": part.id } });
  const others = (part.dataset.also || "").split(" ").filter(Boolean);
  if (isFailure(answer)) throw new Refused(String(answer.status));
  await untilReleased();
  if (leaving || performance.now() - aimedAt < AIMING) return true; // it asks again
  if (acts !== before) return true; // the answer may be older than what is shown
  const fresh = page.getElementById(part.id);
  if (!answer.ok || !fresh) { // it leads to another page by now, or to one that says what is wrong
    if (hasUnsent()) throw new Replaced(sayReplaced(page));
    lead(answer.redirected ? answer.url : location.href);
    return true;
  }
  for (const id of others) {
    const [shown, made] = [document.getElementById(id), page.getElementById(id)];
    if (shown && made) morph(shown, made);
  }
  morph(part, fresh);
  return Boolean(part.dataset.refresh);
}

// Leads to an address as a link to it does, unless somebody is on the way to another page already.
function lead(address) {
  const url = new URL(address);
  url.searchParams.delete("refresh");
  url.hash = ""; // else the page would only scroll
  if (!leaving) location.replace(url);
}

// Whether somebody typed or chose something that only this page knows.
function hasUnsent() {
  return [...document.querySelectorAll(`form[method=post] :is(${CONTROLS})`)].some(isChanged);
}

function sayReplaced(page) {
  const why = page.querySelector("#main .said")?.textContent ?? "It is another page by now.";
  return `This page is not kept up to date any more. ${why} What you typed is still here: copy it before you reload.`;
}

// Says at the top of the page that a part of it is not kept up to date, or, with null, that it is again. With the name
// of a window, there is a link to sign in there. What somebody pressed comes before what is kept up to date by itself.
function sayLost(part, text, signIn = "") {
  const before = lost.size;
  if (text === null) lost.delete(part);
  else lost.set(part, text);
  part.toggleAttribute("data-lost", text !== null);
  const place = document.getElementById("connection");
  const pressed = [...lost.keys()].find((one) => one.matches("form"));
  const said = lost.size ? lost.get(pressed) ?? [...lost.values()][0] : before ? "Connected again." : place.textContent;
  if (place.textContent === said) return;
  place.textContent = said;
  place.className = lost.size ? "lost" : said ? "found" : "";
  if (signIn) {
    const link = document.createElement("a");
    const next = signIn === "_self" ? location.pathname + location.search : "/";
    link.href = "/sign-in?" + new URLSearchParams({ next });
    link.target = signIn;
    link.textContent = "Sign in again";
    place.append(" ", link);
  }
  clearTimeout(clearing);
  if (!lost.size) clearing = setTimeout(() => { place.textContent = ""; place.className = ""; }, 4000);
}

// Whether the console answered a moment ago, and nothing happened since.
function isSurelyThere() {
  return navigator.onLine && !lost.size && performance.now() - heardAt < HEARD_LATELY;
}

// Whether a form can be sent: the console answers, and knows who is here. The page then carries the session's token of
// now. Where it cannot, nothing is sent and the page stays as it is, with all that was typed.
async function canSend(form) {
  let answer, token;
  try {
    answer = await ask("/token");
    token = await answer.text();
  } catch {
    sayLost(form, "Connection lost, so nothing was sent. What you typed is still here: try again once you are connected.");
    return false;
  }
  if (answer.status === 401 && new URL(form.action).pathname !== "/sign-in") {
    sayLost(form, "You are signed out, so nothing was sent. What you typed is still here: sign in in another tab, then try again.", "_blank");
    return false;
  }
  sayLost(form, null);
  if (answer.ok) for (const input of document.querySelectorAll("input[name=csrf_token]")) input.value = token;
  return true;
}
