// Everything works without this file; it only makes menus close, forms send once, and texts copy.
"use strict";

document.documentElement.classList.add("scripted");

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
    return;
  }
  // An overlay has its own address; Escape goes where its ✕ goes.
  const close = document.querySelector("a[data-close]");
  if (close) close.click();
});

// A form that was sent is not sent twice by a second click; coming back to the page makes it usable again.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// <button type="button" data-copy="ID" hidden>: copies the text of the element with that id.
for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    const said = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = said; }, 2000);
  });
}

// <form method="get" data-filter="ID": what is chosen or typed narrows the part with that id at once, without a button.
let filtering = 0;
async function filter(form) {
  const mine = ++filtering;
  const fields = [...new FormData(form)].filter(([, value]) => value);
  const url = new URL(form.action);
  url.search = new URLSearchParams(fields);
  const before = new URLSearchParams(location.search);
  for (const kept of ["sort", "environment", "report", "object", "state", "q"]) {
    if (before.has(kept) && !form.elements[kept] && !url.searchParams.has(kept)) url.searchParams.set(kept, before.get(kept));
  }
  let page;
  try {
    const answer = await fetch(url, { headers: { accept: "text/html" }, signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok || answer.redirected) return form.submit();
    page = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch {
    return form.submit();
  }
  const shown = document.getElementById(form.dataset.filter);
  const fresh = page.getElementById(form.dataset.filter);
  if (mine !== filtering || !shown || !fresh) return; // a later choice is on its way
  const focused = document.activeElement && document.activeElement.id;
  history.replaceState(null, "", url);
  shown.replaceWith(fresh);
  followAll(fresh);
  if (focused) document.getElementById(focused)?.focus();
}
let typing = 0;
document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-filter]");
  if (!form) return;
  clearTimeout(typing);
  typing = setTimeout(() => filter(form), event.target.type === "search" ? 250 : 0);
});
document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-filter]");
  if (!form) return;
  event.preventDefault();
  filter(form);
});

// <div id="X" data-refresh="URL" data-every="MILLISECONDS">: filled with what URL shows under the same id, until that
// has no data-refresh any more. What did not change stays as it is, so that a screen reader says only what is new.
// With data-cells only the [data-cell] inside are filled, each by its id: an open menu elsewhere in it stays open.
const PATIENCE = 20000;
const LONGEST_PAUSE = 10000;
const waiting = new Map(); // part: what asks for it at once
const lost = new Map(); // part: what is said of it

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
    if (!part.isConnected) return sayLost(part, null);
    if (document.hidden) return void waiting.set(part, go); // until somebody looks again
    try {
      const more = await refresh(part);
      sayLost(part, null);
      if (more) follow(part);
    } catch (error) {
      if (error instanceof SignedOut) return sayLost(part, "You are signed out, so this page is not kept up to date.", true);
      const status = error instanceof Refused ? ` The console answered with status ${error.message}.` : "";
      sayLost(part, `Connection lost, trying again … What is shown here may be out of date.${status}`);
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

class Refused extends Error {}
class SignedOut extends Error {}

// Whether the part goes on being filled.
async function refresh(part) {
  const signal = AbortSignal.timeout(PATIENCE);
  const answer = await fetch(part.dataset.refresh, { headers: { accept: "text/html", "x-by-itself": "yes" }, signal });
  if (answer.redirected && new URL(answer.url).pathname === "/sign-in") throw new SignedOut();
  if (answer.status >= 500 || answer.status === 429) throw new Refused(String(answer.status));
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById(part.id);
  if (!answer.ok || !fresh) {
    location.assign(answer.url); // it leads to another page by now, or to one that says what is wrong
    return false;
  }
  if (fresh.hasAttribute("data-cells")) fillCells(part, fresh);
  else if (fresh.innerHTML !== part.innerHTML) {
    part.replaceChildren(...fresh.childNodes);
    followAll(part);
  }
  for (const { name } of [...part.attributes]) if (!fresh.hasAttribute(name)) part.removeAttribute(name);
  for (const { name, value } of fresh.attributes) part.setAttribute(name, value);
  return Boolean(part.dataset.refresh);
}

function fillCells(part, fresh) {
  const shown = [...part.querySelectorAll("[data-cell]")];
  const cells = [...fresh.querySelectorAll("[data-cell]")];
  if (shown.map((cell) => cell.id).join() !== cells.map((cell) => cell.id).join()) {
    // Rows came or went; whoever has a menu open or the focus here sees them a little later.
    if (!part.querySelector("details[open]") && !part.contains(document.activeElement)) part.replaceChildren(...fresh.childNodes);
    return;
  }
  shown.forEach((cell, place) => {
    if (cell.innerHTML === cells[place].innerHTML) return;
    const focused = cell.contains(document.activeElement);
    cell.replaceChildren(...cells[place].childNodes);
    if (focused) cell.querySelector("a, button")?.focus();
  });
}

// Says at the top of the page that a part of it is not kept up to date, or, with null, that it is again.
function sayLost(part, text, signIn = false) {
  const before = lost.size;
  if (text === null) lost.delete(part);
  else lost.set(part, text);
  part.toggleAttribute("data-lost", text !== null);
  const place = document.getElementById("connection");
  const said = lost.size ? [...lost.values()][0] : before ? "Connected again." : place.textContent;
  if (place.textContent === said) return;
  place.textContent = said;
  place.className = lost.size ? "lost" : said ? "found" : "";
  if (signIn) {
    const link = document.createElement("a");
    link.href = "/sign-in?" + new URLSearchParams({ next: location.pathname + location.search });
    link.textContent = "Sign in again";
    place.append(" ", link);
  }
  if (!lost.size) setTimeout(() => { if (!lost.size) { place.textContent = ""; place.className = ""; } }, 4000);
}
