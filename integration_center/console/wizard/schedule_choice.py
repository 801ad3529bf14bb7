"""A schedule by choice: every day, Monday to Friday, every hour or few hours, after another one, or by cron."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from integration_center.integration.schedule import DEFAULT_SCHEDULE

CHOICES: Mapping[str, str] = {
    "daily": "Every day",
    "weekdays": "Monday to Friday",
    "hourly": "Every hour",
    "hours": "Every few hours",
    "after": "After another integration",
    "cron": "Advanced (cron)",
}
HOURS = (2, 3, 4, 6, 8, 12)
TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
DAILY = re.compile(r"(\d{1,2}) (\d{1,2}) \* \* (\*|1-5|MON-FRI|mon-fri)")
HOURLY = re.compile(r"0 (?:\*|\*/(\d{1,2})) \* \* \*")


@dataclass(frozen=True)
class ScheduleChoice:
    """A schedule as the form shows it.

    Attributes:
        kind: one of `CHOICES`.
        time: `HH:MM`, in the integration's time zone, of every day and of Monday to Friday.
        hours: between two runs.
    """

    kind: str = "daily"
    time: str = "08:00"
    hours: int = 4


def read_choice(schedule: str, after: str = "") -> ScheduleChoice:
    """Read the choice that a cron expression, or the integration `after` which it runs, is; `cron` for all others."""
    if after:
        return ScheduleChoice("after")
    plain = " ".join(schedule.split())
    if found := DAILY.fullmatch(plain):
        minute, hour = int(found[1]), int(found[2])
        if minute < 60 and hour < 24:
            return ScheduleChoice("daily" if found[3] == "*" else "weekdays", f"{hour:02d}:{minute:02d}")
    if found := HOURLY.fullmatch(plain):
        hours = int(found[1] or 1)
        if hours == 1:
            return ScheduleChoice("hourly")
        if hours in HOURS:
            return ScheduleChoice("hours", hours=hours)
    return ScheduleChoice("cron")


def write_after(form: Mapping[str, str], earlier: Sequence[str]) -> str:
    """Write after which integration a form lets this one run: the first of `earlier` until one is chosen, else none."""
    if form["schedule-kind"] != "after":
        return ""
    return form.get("after", "") or next(iter(earlier), "")


def write_schedule(form: Mapping[str, str], before: str) -> str:
    """Write the cron expression of a form.

    Args:
        form: as it was sent; a form without a choice has a cron expression only.
        before: the expression that the form showed. Another one in its place was typed, so it counts.
    """
    typed = form.get("schedule", before)
    kind = form.get("schedule-kind", "cron")
    if kind == "cron" or typed != before:
        return typed
    if kind == "after":
        return DEFAULT_SCHEDULE
    if kind == "hourly":
        return "0 * * * *"
    if kind == "hours":
        hours = form.get("schedule-hours", "")
        every = int(hours) if hours.isdecimal() and int(hours) in HOURS else HOURS[0]
        return f"0 */{every} * * *"
    found = TIME.fullmatch(form.get("schedule-time", "").strip())
    if found is None:
        return typed
    return f"{int(found[2])} {int(found[1])} * * {'*' if kind == 'daily' else '1-5'}"
