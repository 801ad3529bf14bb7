"""Times as people read them: near ones in words, all with the exact time in UTC at hand."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from markupsafe import Markup, escape

from integration_center.wording.sentences import count

STAMP: Final = re.compile(r"(?:\bat )?((\d{4}-\d\d-\d\d) (\d\d:\d\d)(:\d\d)?) UTC\b")
"""A time within a sentence of ours."""
MINUTE, HOUR, DAY, WEEK = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1), timedelta(days=7)


def show_moment(moment: datetime) -> str:
    """`2026-11-25 08:00:03`, UTC."""
    return _to_utc(moment).strftime("%Y-%m-%d %H:%M:%S")


def _to_utc(moment: datetime) -> datetime:
    """Return a time in UTC. Reports and Salesforce mean UTC where they name no zone."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def say_moment(moment: datetime, now: datetime) -> str:
    """`12 minutes ago`, `yesterday 08:00`, `tomorrow 08:00`, `Fri 27 Nov 2026, 08:00`; clock times are UTC."""
    moment, now = moment.astimezone(UTC), now.astimezone(UTC)
    apart = abs(moment - now)
    past = moment <= now
    if apart < MINUTE:
        return "just now" if past else "in less than a minute"
    if apart < HOUR:
        return _count(round(apart / MINUTE), "minute", past=past)
    if past and apart < DAY / 2:
        return _count(round(apart / HOUR), "hour", past=past)
    return _name_day(moment, now) or f"{moment:%a} {moment.day} {moment:%b %Y, %H:%M}"


def _name_day(moment: datetime, now: datetime) -> str | None:
    """`yesterday 08:00`, `today 08:00`, `Fri 08:00`; None for a day that has no such name."""
    days = (moment.date() - now.date()).days
    if name := {-1: "yesterday", 0: "today", 1: "tomorrow"}.get(days):
        return f"{name} {moment:%H:%M}"
    return f"{moment:%a %H:%M}" if 0 < days < WEEK.days else None


def _count(number: int, unit: str, *, past: bool) -> str:
    said = count(number, unit)
    return f"{said} ago" if past else f"in {said}"


def mark_moment(moment: datetime, now: datetime) -> Markup:
    """A time in words as an element that says the exact time when it is pointed at."""
    exact = f"{show_moment(moment)} UTC"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment.astimezone(UTC).isoformat(timespec="seconds"), exact, say_moment(moment, now)
    )


def mark_stamp(moment: datetime) -> Markup:
    """Write a whole date and time as an element. It says UTC, which our script changes to the viewer's zone."""
    return Markup(f'<time datetime="{_to_utc(moment):%Y-%m-%dT%H:%M:%SZ}">{show_moment(moment)}</time>')  # noqa: S704


def mark_stamps(text: str, now: datetime | None) -> Markup:
    """Make each `2026-11-27 08:00 UTC` in a sentence an element, which our script shows in the viewer's zone.

    A near one is said in words, as elsewhere on a page: `today 08:00 UTC`. Without `now`, all are whole.
    """

    def mark(found: re.Match[str]) -> str:
        whole, day, minute, seconds = found.groups()
        exact = f"{day}T{minute}{seconds or ':00'}Z"
        try:
            near = _name_day(datetime.fromisoformat(exact), now.astimezone(UTC)) if now else None
        except ValueError:  # no date of the calendar
            return found[0]
        if near:
            return f'<time datetime="{exact}" title="{whole} UTC">{near}</time> <span class="utc">UTC</span>'
        return found[0].replace(f"{whole} UTC", f'<time datetime="{exact}">{whole} UTC</time>')

    return Markup(STAMP.sub(mark, escape(text)))  # noqa: S704 - the text is escaped


def show_span(span: timedelta) -> str:
    """`0.4 s`, `3 min 05 s` or `2 h 03 min`."""
    seconds = span.total_seconds()
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def say_left(seconds: float) -> str:
    """Say how long something still takes, as roughly as it is known: `about 20 seconds`, `about 3 minutes`."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 100:
        return f"about {round(seconds, -1):.0f} seconds"
    if seconds < 6_000:
        return f"about {round(seconds / 60)} minutes"
    return f"about {round(seconds / 3_600)} hours"
