// Makes long lists searchable: in place of a list with many options there is a field to type in, and the list below it
// shows what fits. The list itself stays in the page, hidden, and is what the form sends.
import Combobox from "./combobox-nav-3.0.2.js";

const FEW = 30; // a list of so many options needs no search
const SEARCH = "input[data-chooses]";
const ROOM = 320;
const USED = " – used already";

const list = document.createElement("div");
Object.assign(list, { id: "choices", className: "choices", hidden: true });
list.setAttribute("role", "listbox");
list.setAttribute("aria-label", "Choices");
const count = document.createElement("p");
count.className = "hidden-text";
count.setAttribute("role", "status");
document.getElementById("main").append(list, count);

let open = null; // the combobox whose list is shown

// Puts a field for searching in front of each long list of a place, which may be a page not shown yet. The field takes
// the id of the list, so that labels and whatever else names the list lead to it.
function makeSearchable(place) {
  for (const holder of place.querySelectorAll("select[id]:not([multiple], [hidden]), input[id][list]:not([hidden])")) {
    if (optionsOf(holder).length <= FEW && !isUnfetched(holder)) continue;
    const search = holder.ownerDocument.createElement("input");
    for (const { name, value } of holder.attributes) {
      if (/^(id|aria-.*|placeholder|required|disabled)$/.test(name)) search.setAttribute(name, value);
    }
    holder.id = `${holder.id}-chosen`;
    holder.hidden = true;
    holder.removeAttribute("required");
    const marks = { type: "text", autocomplete: "off", spellcheck: "false", "data-chooses": holder.id, value: nameChosen(holder) };
    const none = [...optionsOf(holder)].find((option) => !option.value);
    if (none) search.placeholder = none.textContent.trim();
    const says = { role: "combobox", "aria-controls": list.id, "aria-expanded": "false", "aria-autocomplete": "list", "aria-haspopup": "listbox" };
    for (const [name, value] of Object.entries({ ...marks, ...says })) search.setAttribute(name, value);
    holder.before(search);
  }
}

// Whether most options of a list are still on the server.
function isUnfetched(holder) {
  return holder.matches("[data-list][data-value]");
}

function optionsOf(holder) {
  return (holder.options ? holder : holder.list ?? document.getElementById(holder.getAttribute("list")))?.options ?? [];
}

// What a list shows of an option: a label, and what is beside it in grey.
function describe(option, holder) {
  const text = option.textContent.trim() || option.value;
  if (!holder.options) return { label: text, grey: text === option.value ? "" : option.value };
  const beside = text.indexOf(` · ${option.value}`);
  return beside > 0 ? { label: text.slice(0, beside), grey: text.slice(beside + 3) } : { label: text, grey: "" };
}

// The options as they are now: in lists that share them, what one has chosen no other can choose.
function readOptions(holder) {
  const kind = holder.name?.replace(/\d+$/, "");
  const isOnce = kind === "field-";
  const alike = isOnce ? document.querySelectorAll(`select[name^="${kind}"]`) : [];
  const taken = new Set([...alike].filter((other) => other !== holder).map((other) => other.value));
  return [...optionsOf(holder)].map((option) => {
    const parent = option.closest("optgroup");
    const isTaken = isOnce && option.value && taken.has(option.value);
    const { label, grey } = describe(option, holder);
    const plain = grey.replace(USED, "");
    return {
      label: label.replace(USED, ""),
      grey: isTaken ? plain + USED : plain,
      value: option.value,
      group: parent?.label ?? "",
      isOwn: Boolean(parent?.matches("[data-own]")),
      disabled: isTaken || (option.disabled && !option.matches("[data-taken]")),
    };
  });
}

function nameChosen(holder) {
  const chosen = holder.value && [...optionsOf(holder)].find((option) => option.value === holder.value);
  if (!chosen) return holder.value;
  const [label, grey] = Object.values(describe(chosen, holder)).map((text) => text.replace(USED, ""));
  return grey ? `${label} · ${grey}` : label;
}

// The options that hold each word that was typed; those that begin with it come first in their group.
function find(options, typed) {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return options;
  const whole = words.join(" ");
  const fits = ({ value, label, grey }) => value && words.every((word) => `${label} ${grey} ${value}`.toLowerCase().includes(word));
  const rank = ({ value, label }) => [label, value].some((text) => text.toLowerCase() === whole) ? 0 : label.toLowerCase().startsWith(whole) ? 1 : 2;
  const groups = [...new Set([...options].sort((a, b) => a.isOwn - b.isOwn).map((option) => option.group))];
  return groups.flatMap((group) => options.filter((option) => option.group === group && fits(option)).sort((a, b) => rank(a) - rank(b)));
}

const holderOf = (search) => document.getElementById(search.dataset.chooses);

function show(search, typed = "") {
  if (open?.input !== search) close();
  const holder = holderOf(search);
  if (isUnfetched(holder)) return void fetchFor(search, holder);
  const found = find(readOptions(holder), typed);
  const shown = found.map((option, place) => {
    const line = document.createElement("div");
    Object.assign(line, { id: `choice-${place}`, textContent: option.label });
    line.setAttribute("role", "option");
    line.dataset.value = option.value;
    if (option.disabled) line.setAttribute("aria-disabled", "true");
      if (option.grey) line.append(" ", Object.assign(document.createElement("span"), { className: "beside", textContent: option.grey }));
    return line;
  });
  list.replaceChildren(...groupLines(found, shown));
  count.textContent = found.length === 1 ? "1 choice" : `${found.length} choices`;
  list.hidden = false;
  lay(search);
  if (!open) {
    open = new Combobox(search, list, { tabInsertsSuggestions: false, firstOptionSelectionMode: "active" });
    open.start();
  } else open.resetSelection();
  if (!typed) markChosen(shown.find((line) => line.dataset.value === holder.value), search);
}

const fetching = new Set();
async function fetchFor(search, holder) {
  if (fetching.has(holder)) return;
  fetching.add(holder);
  const came = await fetchList(holder);
  fetching.delete(holder);
  if (document.activeElement !== search) came ? leave(search) : choose(search, holder.value);
  else if (came) show(search, search.value === nameChosen(holder) ? "" : search.value);
}

function groupLines(found, shown) {
  const groups = new Map();
  found.forEach(({ group }, place) => groups.set(group, [...(groups.get(group) ?? []), shown[place]]));
  if (!found.length) return [Object.assign(document.createElement("p"), { textContent: "Nothing fits." })];
  return [...groups].flatMap(([name, lines], place) => {
    if (!name) return lines;
    const [group, title] = [document.createElement("div"), document.createElement("div")];
    Object.assign(title, { id: `choices-${place}`, className: "title", textContent: name });
    title.setAttribute("role", "presentation");
    group.setAttribute("role", "group");
    group.setAttribute("aria-labelledby", title.id);
    group.append(title, ...lines);
    return [group];
  });
}

function markChosen(line, search) {
  open.clearSelection();
  if (!line) return;
  line.setAttribute("aria-selected", "true");
  search.setAttribute("aria-activedescendant", line.id);
  list.scrollTop = line.offsetTop - list.clientHeight / 2;
}

// Lays the list below its field, or above where there is more room.
function lay(search) {
  const at = search.getBoundingClientRect();
  const below = window.innerHeight - at.bottom - 12;
  const isBelow = below >= Math.min(ROOM, at.top - 12);
  list.style.maxHeight = `${Math.min(ROOM, Math.max(isBelow ? below : at.top - 12, 120))}px`;
  list.style.minWidth = `${at.width}px`;
  list.style.left = `${Math.max(8, Math.min(at.left, document.documentElement.clientWidth - list.offsetWidth - 8)) + window.scrollX}px`;
  list.style.top = `${(isBelow ? at.bottom + 4 : at.top - 4 - list.offsetHeight) + window.scrollY}px`;
}

function close() {
  if (!open) return;
  open.stop();
  open = null;
  list.hidden = true;
  list.replaceChildren();
  count.textContent = "";
}

function choose(search, value) {
  const holder = holderOf(search);
  const isNew = holder.value !== value;
  const option = holder.options && [...holder.options].find((each) => each.value === value);
  if (option) option.disabled = false; // else it would not be sent
  holder.value = value;
  search.value = nameChosen(holder);
  close();
  if (isNew) for (const kind of ["input", "change"]) holder.dispatchEvent(new Event(kind, { bubbles: true }));
}

// What was typed counts where it names an option, or where the form takes any text; else the choice is as before.
function leave(search) {
  const holder = holderOf(search);
  if (!holder) return;
  const options = readOptions(holder);
  const typed = search.value.trim();
  if (typed === nameChosen(holder)) return close();
  if (isUnfetched(holder)) return void fetchFor(search, holder); // what was typed is looked up once the list is there
  const is = (text) => text.toLowerCase() === typed.toLowerCase();
  const named = typed && options.find((option) => !option.disabled && (is(option.value) || is(option.label)));
  if (named) return choose(search, named.value);
  const isTaken = !holder.options || (!typed && options.some(({ value }) => !value));
  choose(search, isTaken ? typed : holder.value);
}

const on = (kind, act, capture = true) => document.addEventListener(kind, (event) => {
  if (event.target instanceof Element && event.target.matches(SEARCH)) act(event.target, event);
}, { capture });

on("click", (search) => { if (!open) show(search); });
on("focus", (search) => search.select());
on("input", (search) => show(search, search.value), false); // after the combobox, which unmarks all options
on("focusout", leave);
on("change", (search, event) => event.stopPropagation()); // the list says so itself
on("keydown", (search, event) => {
  if (event.key === "Escape" && open) {
    search.value = nameChosen(holderOf(search));
    close();
  } else if (["ArrowDown", "ArrowUp", "Enter"].includes(event.key) && !open) show(search);
  else {
    if (event.key === "Enter") event.preventDefault(); // sends no form
    return;
  }
  event.preventDefault();
  event.stopPropagation();
});
list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
list.addEventListener("combobox-commit", (event) => choose(open.input, event.target.dataset.value));
window.addEventListener("resize", () => { if (open) lay(open.input); });
window.addEventListener("pageshow", () => { // a browser that comes back may fill in what was chosen before
  for (const search of document.querySelectorAll(SEARCH)) search.value = nameChosen(holderOf(search));
});

improvements.push(makeSearchable);
makeSearchable(document);
