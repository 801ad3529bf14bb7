// Everything works without this file; it only makes menus close, forms send once, and texts copy.
"use strict";

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

// <div id="X" data-refresh="URL" data-every="MILLISECONDS">: filled with what URL shows under the same id, until that
// has no data-refresh any more. What did not change stays as it is, so that a screen reader says only what is new.
for (const part of document.querySelectorAll("[data-refresh]")) follow(part);

function follow(part) {
  setTimeout(async () => {
    try {
      const answer = await fetch(part.dataset.refresh, { headers: { accept: "text/html" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(part.id);
      if (!fresh) {
        location.assign(answer.url); // it leads to another page by now
        return;
      }
      if (fresh.innerHTML !== part.innerHTML) part.replaceChildren(...fresh.childNodes);
      for (const { name } of [...part.attributes]) if (!fresh.hasAttribute(name)) part.removeAttribute(name);
      for (const { name, value } of fresh.attributes) part.setAttribute(name, value);
      if (!part.dataset.refresh) return;
    } catch {
      // The console may be restarting; what is shown stays, and it is asked again.
    }
    follow(part);
  }, Number(part.dataset.every) || 1000);
}
