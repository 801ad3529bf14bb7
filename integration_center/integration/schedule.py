"""When an integration runs: cron in a time zone, quiet times, pauses, and a deadline for its report."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter
from pydantic import AfterValidator, BeforeValidator

DEFAULT_SCHEDULE = "0 8 * * *"
DEFAULT_ZONE = "UTC"
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
SPAN = re.compile(r"\s*(\d\d:\d\d)\s*(?:-|–|to|and)\s*(\d\d:\d\d)\s*")
DAY = timedelta(days=1)
LOOKED_AHEAD = timedelta(days=8)
"""The time in which the longest wait between two runs is looked for: a night and a weekend are in it."""


def check_schedule(schedule: str) -> str:
    """The cron expression with single blanks.

    Raises:
        ValueError: it is none, or its time never comes.
    """
    plain = " ".join(schedule.split())
    if plain.count(" ") != 4 or not croniter.is_valid(plain):
        raise ValueError(
            f"{schedule!r} is no cron expression of five fields; expected is one such as {DEFAULT_SCHEDULE!r}"
        )
    if next_run(plain, datetime.now(UTC)) is None:
        raise ValueError(f"{schedule!r} is a time that never comes; name another day")
    return plain


def check_zone(name: str) -> str:
    """Check the name of a time zone, and return it.

    Raises:
        ValueError: there is no such zone.
    """
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # what is not there is a KeyError, and a folder's name an OSError
        raise ValueError(f"{name!r} is no time zone; expected is a name such as 'Europe/Berlin' or 'UTC'") from None
    return name


def check_clock(text: str) -> str:
    """Check a time of the day, and return it.

    Raises:
        ValueError: it is none.
    """
    if not CLOCK.fullmatch(text):
        raise ValueError(f"{text!r} is no time of the day; expected is one such as '12:00'")
    return text


def check_span(text: str) -> str:
    """Check a quiet time, and return it as `22:00-06:00`.

    Raises:
        ValueError: it is none.
    """
    found = SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no quiet time; expected are two times of the day such as '22:00-06:00'")
    first, last = check_clock(found[1]), check_clock(found[2])
    if first == last:
        raise ValueError(f"{text!r} is no quiet time: it begins when it ends, so nothing would ever run")
    return f"{first}-{last}"


def next_run(schedule: str, now: datetime, timezone: str = DEFAULT_ZONE) -> datetime | None:
    """The first time of a valid cron expression after `now`, UTC; None when it never comes, such as 30 February."""
    return _step(schedule, now, timezone, back=False)


@cache
def longest_wait(schedule: str) -> timedelta:
    """The longest time between two of the next runs of a valid cron expression."""
    times = croniter(schedule, datetime.now(UTC))
    runs = [times.get_next(datetime), times.get_next(datetime)]
    while runs[-1] - runs[0] < LOOKED_AHEAD:
        runs.append(times.get_next(datetime))
    return max(later - earlier for earlier, later in pairwise(runs))


@lru_cache(maxsize=2_048)  # asked for many integrations at once, mostly with the same schedule
def last_run(schedule: str, now: datetime, timezone: str = DEFAULT_ZONE) -> datetime | None:
    """The last time of a valid cron expression up to `now`, UTC; None when there was none."""
    return _step(schedule, now + timedelta(microseconds=1), timezone, back=True)


def _step(schedule: str, now: datetime, timezone: str, *, back: bool) -> datetime | None:
    zone = ZoneInfo(timezone)
    times = croniter(schedule, now.astimezone(zone))
    try:
        while True:
            found: datetime = (times.get_prev if back else times.get_next)(datetime)
            if _counts(schedule, found):
                return found.astimezone(UTC)
    except CroniterBadDateError:
        return None


def _counts(schedule: str, moment: datetime) -> bool:
    """Whether a time counts. Of a time that the clock shows twice, Dagster runs the second, and every hour both."""
    if schedule.split()[1] == "*":
        return True
    return moment.replace(fold=0).utcoffset() == moment.replace(fold=1).utcoffset() or moment.fold == 1


@dataclass(frozen=True)
class RunTimes:
    """When an integration runs by itself.

    Attributes:
        schedule: a cron expression.
        timezone: in which all times of the day are read.
        quiet: spans of the day such as `22:00-06:00` in which nothing starts.
        arrive_by: the time of the day until which its report is waited for; None when it is not waited for.
        after: the slug of the integration after whose runs it starts, instead of at the times of `schedule`.
        paused_until: the first day on which it runs again; None when it is not paused.
    """

    schedule: str
    timezone: str = DEFAULT_ZONE
    quiet: Sequence[str] = ()
    arrive_by: str | None = None
    after: str | None = None
    paused_until: date | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.timezone)

    @property
    def expression(self) -> str:
        """The cron expression with its zone, as one text."""
        return self.schedule if self.timezone == DEFAULT_ZONE else f"{self.schedule} {self.timezone}"

    @property
    def resumes(self) -> datetime | None:
        """When a pause ends, UTC: at the beginning of its day; None without a pause."""
        if self.paused_until is None:
            return None
        return datetime.combine(self.paused_until, time(), self.zone).astimezone(UTC)

    def is_paused(self, moment: datetime) -> bool:
        """Return whether no run starts by itself at `moment`."""
        return self.resumes is not None and moment < self.resumes

    def next(self, now: datetime) -> datetime | None:
        """Return the first time after `now` at which a run may start, UTC.

        None when no time is known: it starts after another integration, or its time never comes.
        """
        if self.after is not None:
            return None
        if self.resumes is not None and now < self.resumes:
            now = self.resumes - timedelta(microseconds=1)
        found = next_run(self.schedule, now, self.timezone)
        return None if found is None else self.quiet_until(found) or found

    def last(self, now: datetime) -> datetime | None:
        """Return the last time of the schedule up to `now`, UTC; None where a pause covers it, or none was due."""
        if self.after is not None:
            return None
        found = last_run(self.schedule, now, self.timezone)
        return None if found is None or self.is_paused(found) else found

    def deadline(self, since: datetime) -> datetime:
        """Return when a wait that began at `since` ends, UTC: the next time that the clock shows `arrive_by`."""
        return since if self.arrive_by is None else self._next_at(since, self.arrive_by)

    def quiet_until(self, moment: datetime) -> datetime | None:
        """When the quiet time ends in which `moment` is, UTC; None outside of quiet times."""
        end: datetime | None = None
        for _ in self.quiet:  # quiet times may follow each other
            found = next(filter(None, (self._end_of(span, end or moment) for span in self.quiet)), None)
            if found is None:
                break
            end = found
        return end

    def say(self, moment: datetime) -> str:
        """A moment as people of the integration's time zone read it: `08:00`, or `08:00 Europe/Berlin`."""
        shown = f"{moment.astimezone(self.zone):%H:%M}"
        return f"{shown} UTC" if self.timezone == DEFAULT_ZONE else f"{shown} {self.timezone}"

    def _end_of(self, span: str, moment: datetime) -> datetime | None:
        first, last = span.split("-")
        shown = f"{moment.astimezone(self.zone):%H:%M}"
        inside = first <= shown < last if first < last else shown >= first or shown < last
        if not inside:
            return None
        return self._next_at(moment, last)

    def _next_at(self, moment: datetime, clock: str) -> datetime:
        """Return the first time after `moment` at which the clock shows `clock`, UTC.

        A time that the clock shows twice counts twice. One that it leaves out counts as much later as clocks are moved.
        """
        day, shown = moment.astimezone(self.zone).date(), time.fromisoformat(clock)
        while True:
            first, second = (datetime.combine(day, shown.replace(fold=fold), self.zone) for fold in (0, 1))
            for found in (first, second) if is_shown(second) else (first,):
                if found.astimezone(UTC) > moment:
                    return found.astimezone(UTC)
            day += DAY


def is_shown(moment: datetime) -> bool:
    """Return whether clocks of the moment's time zone ever show its time: one hour of a day in spring is left out."""
    return moment.astimezone(UTC).astimezone(moment.tzinfo).replace(tzinfo=None) == moment.replace(tzinfo=None, fold=0)


def take_one_span(value: object) -> object:
    """One quiet time may be written without a list."""
    return (value,) if isinstance(value, str) else value


def check_spans(spans: tuple[str, ...]) -> tuple[str, ...]:
    """Check quiet times, and return them as `22:00-06:00`.

    Raises:
        ValueError: one of them is none, or nothing is left of the day.
    """
    found = tuple(map(check_span, spans))
    times, midnight = RunTimes(DEFAULT_SCHEDULE, quiet=found), datetime(2026, 1, 1, tzinfo=UTC)
    if all(times.quiet_until(midnight + timedelta(minutes=minute)) for minute in range(24 * 60)):
        raise ValueError("the quiet times are the whole day, so nothing would ever run; make them shorter")
    return found


Schedule = Annotated[str, AfterValidator(check_schedule)]
Zone = Annotated[str, AfterValidator(check_zone)]
Clock = Annotated[str, AfterValidator(check_clock)]
QuietTimes = Annotated[tuple[str, ...], BeforeValidator(take_one_span), AfterValidator(check_spans)]
