// Shows times in the zone of the person who looks; the exact time in UTC stays in the title.
"use strict";

const NEXT_DAYS = 7;
const CLOCK = /^\d\d:\d\d:\d\d$/;
const WORDS = /^(yesterday|today|tomorrow|\w{3}( \d{1,2} \w{3} \d{4},)?) \d\d:\d\d$/; // others say how long ago it was

const write = (options) => new Intl.DateTimeFormat("en-GB", { hourCycle: "h23", ...options });
const clock = write({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minutes = write({ hour: "2-digit", minute: "2-digit" });
const weekday = write({ weekday: "short" });
const date = write({ day: "numeric", month: "short", year: "numeric" });
const zone = write({ timeZoneName: "short" }).formatToParts().find((part) => part.type === "timeZoneName").value;

const midnight = (at) => new Date(at.getFullYear(), at.getMonth(), at.getDate());

// As the server says it, whose days begin at midnight UTC.
function sayWhen(at) {
  const days = Math.round((midnight(at) - midnight(new Date())) / 86400000);
  const near = { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days];
  const day = near ?? (days > 0 && days < NEXT_DAYS ? weekday.format(at) : `${weekday.format(at)} ${date.format(at)},`);
  return `${day} ${minutes.format(at)}`;
}

function showLocally(place) {
  for (const time of place.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(time.dateTime);
    if (CLOCK.test(time.textContent)) time.textContent = clock.format(at);
    else if (WORDS.test(time.textContent)) time.textContent = sayWhen(at);
    time.dataset.local = "";
  }
  for (const said of place.querySelectorAll(".utc")) said.textContent = zone;
}

improvements.push(showLocally);
showLocally(document);
