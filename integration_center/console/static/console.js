// Everything works without this file; it only makes menus close, buttons and forms work once, and texts copy.
"use strict";

document.documentElement.classList.add("scripted");
if (navigator.clipboard) document.documentElement.classList.add("copies");

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

// A chart says of which run the bar is that is pointed at or has the focus.
for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, (event) => {
    const bar = event.target.closest(".chart a");
    if (bar) bar.closest(".chart").querySelector(".said").textContent = bar.getAttribute("aria-label");
  });
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
    return;
  }
  // Escape goes where the link at the top goes; not where it stops the loading, or somebody may lose what is typed.
  const close = document.querySelector("a[data-close]");
  if (close && !leaving && !event.target.matches(CONTROLS) && !hasUnsent()) close.click();
});

// The second press of a double click whose first one led here was meant for the page before. What is in the same place
// now is often the opposite: Switch on in place of Pause.
let isPressed = false;
document.addEventListener("click", (event) => {
  if (event.detail < 2) isPressed = true;
  if (isPressed) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, { capture: true });

// A form is sent once, however often its button is pressed. Where the console was not heard of for a while, or somebody
// typed into the form, the page first finds out whether the console takes it: nothing that was typed is lost then.
let sent = new WeakSet();
const checked = new WeakSet();
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || checked.delete(form)) return;
  if (sent.has(form)) return event.preventDefault();
  sent.add(form);
  if (isSurelyThere() && ![...form.elements].some((each) => each.matches(CONTROLS) && isChanged(each))) return;
  event.preventDefault();
  const button = event.submitter;
  leaving = true;
  const isTaken = await canSend(form);
  leaving = false;
  if (isTaken && (!button || button.form === form)) {
    checked.add(form);
    form.requestSubmit(button);
    return;
  }
  sent.delete(form);
  if (isTaken) sayLost(form, "The page has changed meanwhile, so nothing was sent. Look at it, then press again.");
});
staying.push(() => {
  sent = new WeakSet();
  isPressed = false;
});

// <button type="button" data-copy="ID">: copies the text of the element with that id.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.dataset.says ??= button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = button.dataset.says; }, 2000);
});
