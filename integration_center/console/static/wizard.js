// Everything works without this file; with it a change of a choice shows its consequences at once.
"use strict";

// A control with data-live="ID ID": when it changes, or is clicked, the form is sent in the background, and these
// parts are replaced by what the server makes of it. The focus stays, or goes to the element that data-focus names.
let sending = 0;
let pause;

async function send(form, control, go) {
  const fields = new URLSearchParams(new FormData(form));
  fields.set("go", go);
  const mine = ++sending;
  let answer, text;
  try {
    answer = await fetch(form.action, { method: "POST", body: fields, headers: { accept: "text/html" } });
    text = await answer.text();
  } catch {
    sayLost(form, "Connection lost. The last change has no effect yet; it is kept when you go on, once you are connected.");
    return true;
  }
  sayLost(form, null);
  if (!answer.ok) return false;
  if (mine !== sending) return true; // a later change is on its way
  const page = new DOMParser().parseFromString(text, "text/html");
  const parts = control.dataset.live.split(" ").map((id) => [document.getElementById(id), page.getElementById(id)]);
  if (parts.some(([shown, fresh]) => shown && !fresh)) return showWhole(page); // progress, or a fault
  const focus = control.dataset.focus || (document.activeElement && document.activeElement.id);
  for (const [shown, fresh] of parts) {
    if (!shown) continue;
    for (const open of shown.querySelectorAll("details[open]")) {
      const key = open.querySelector("[id]");
      const same = key && fresh.querySelector("#" + CSS.escape(key.id));
      if (same && same.closest("details")) same.closest("details").open = true;
    }
    shown.replaceWith(fresh);
    followAll(fresh);
  }
  for (const button of document.querySelectorAll("button[data-copy]")) if (navigator.clipboard) button.hidden = false;
  const next = focus && document.getElementById(focus);
  if (next) next.focus();
  return true;
}

// The page has none of the parts any more: it is shown whole, and followed while it is progress.
function showWhole(page) {
  const shown = document.getElementById("wizard");
  const fresh = page.getElementById("wizard");
  if (!shown || !fresh) return false;
  shown.replaceWith(fresh);
  followAll(fresh);
  return true;
}

document.addEventListener("change", (event) => {
  const control = event.target.closest("[data-live]");
  if (!control || control.tagName === "BUTTON" || !control.form) return;
  clearTimeout(pause);
  send(control.form, control, "stay");
});

// While somebody types SQL, the parts that data-typing names follow; the text itself is left alone.
document.addEventListener("input", (event) => {
  const control = event.target.closest("[data-typing]");
  if (!control || !control.form) return;
  clearTimeout(pause);
  const { form } = control;
  pause = setTimeout(() => send(form, { dataset: { live: control.dataset.typing } }, "stay"), 600);
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-live]");
  if (!button || !button.form) return;
  event.preventDefault();
  if (!(await send(button.form, button, button.value))) window.location.reload();
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("#missing button[data-copy]");
  if (!button || !navigator.clipboard) return;
  navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
});
