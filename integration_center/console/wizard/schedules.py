"""When an integration runs: chosen without cron, and said in a sentence."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from integration_center.console.wizard.drafts import Draft
from integration_center.console.wizard.specs import read_option
from integration_center.integration.schedule import DEFAULT_SCHEDULE, RunTimes, check_schedule, check_zone
from integration_center.integration.spec import IntegrationSpec

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


def say_next_run(draft: Draft, now: datetime) -> str:
    """When the integration would run next, in a sentence."""
    if not read_option(draft, "enabled"):
        return "It is disabled, so it runs only when somebody starts it."
    if after := read_option(draft, "after"):
        return f"After saving, it runs when {after} has completed."
    try:
        schedule, zone = check_schedule(read_option(draft, "schedule")), check_zone(read_option(draft, "timezone"))
        pause = read_option(draft, "paused_until")
        times = RunTimes(schedule, zone, paused_until=date.fromisoformat(pause) if pause else None)
        tick = times.next(now)
    except ValueError as error:
        return f"{error}."
    if tick is None:
        return "Its time never comes."
    return f"After saving, the next run is {tick:%Y-%m-%d %H:%M} UTC."


def say_next(spec: IntegrationSpec, now: datetime) -> str:
    """Say when an integration runs next, as a sentence."""
    if not spec.enabled:
        return "It is disabled: it runs only by Run Now."
    if spec.after:
        return f"It runs when {spec.after} has completed."
    tick = spec.times.next(now)
    return f"Its next run is {tick:%Y-%m-%d %H:%M} UTC." if tick else "It is started by its condition."
