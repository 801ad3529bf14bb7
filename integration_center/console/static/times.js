// Shows times in the zone of the person who looks; the exact time in UTC stays in the title.
"use strict";

const NEXT_DAYS = 7;
const CLOCK = /^\d\d:\d\d:\d\d$/;
const STAMP = /^\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?( UTC)?$/;
const STAMPED = /(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC/g;
const WORDS = /^(yesterday|today|tomorrow|\w{3}( \d{1,2} \w{3} \d{4},)?) \d\d:\d\d$/; // others say how long ago it was

const write = (options) => new Intl.DateTimeFormat("en-GB", { hourCycle: "h23", ...options });
const clock = write({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minutes = write({ hour: "2-digit", minute: "2-digit" });
const weekday = write({ weekday: "short" });
const date = write({ day: "numeric", month: "short", year: "numeric" });
const named = write({ timeZoneName: "short" });
const zoneAt = (at) => named.formatToParts(at).find((part) => part.type === "timeZoneName").value;

const midnight = (at) => new Date(at.getFullYear(), at.getMonth(), at.getDate());
const padded = (number, digits = 2) => String(number).padStart(digits, "0");

// As the server says it, whose days begin at midnight UTC.
function sayWhen(at) {
  const days = Math.round((midnight(at) - midnight(new Date())) / 86400000);
  const near = { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days];
  const day = near ?? (days > 0 && days < NEXT_DAYS ? weekday.format(at) : `${weekday.format(at)} ${date.format(at)},`);
  return `${day} ${minutes.format(at)}`;
}

// A date and a time, written as the server writes it: with or without its seconds and its zone.
function writeStamp(at, seconds, zone) {
  const day = `${padded(at.getFullYear(), 4)}-${padded(at.getMonth() + 1)}-${padded(at.getDate())}`;
  return `${day} ${(seconds ? clock : minutes).format(at)}${zone ? ` ${zoneAt(at)}` : ""}`;
}
const writeStamps = (text) => text.replace(STAMPED, (_, day, time) => writeStamp(new Date(`${day}T${time}Z`), false, true));

function showLocally(place) {
  for (const time of place.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(time.dateTime);
    const said = time.textContent;
    const stamp = STAMP.exec(said);
    if (stamp) {
      time.title = stamp[2] ? said : `${said} UTC`;
      time.textContent = writeStamp(at, stamp[1], stamp[2]);
    } else if (CLOCK.test(said)) time.textContent = clock.format(at);
    else if (WORDS.test(said)) time.textContent = sayWhen(at);
    time.dataset.local = "";
  }
  for (const said of place.querySelectorAll(".utc")) said.textContent = zoneAt(new Date());
  for (const said of place.querySelectorAll(".zone")) said.textContent = named.resolvedOptions().timeZone;
  for (const said of place.querySelectorAll("[data-stamped]")) { // what is said of a picture
    said.ariaLabel = writeStamps(said.ariaLabel);
    for (const title of said.querySelectorAll("title")) title.textContent = writeStamps(title.textContent);
  }
}

improvements.push(showLocally);
showLocally(document);
