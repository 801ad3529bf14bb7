"""Decides when an integration starts that waits for its report, or that has quiet times. Knows nothing of sensors."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Protocol

from integration_center.errors import IntegrationCenterError
from integration_center.insights.source import Mark, last_full_day
from integration_center.integration.schedule_words import say_pause
from integration_center.integration.spec import IntegrationSpec

SETTLED = timedelta(seconds=10)
"""How long a file must have been left alone before it is read: it may still be written."""


@dataclass(frozen=True)
class Memory:
    """What is remembered from one look to the next: the sensor's cursor.

    Attributes:
        expression: the schedule with its zone, when it was looked at last.
        asked: the last time of the schedule for which a run was asked for, ISO 8601.
        since: the time of the schedule since which the report is waited for, ISO 8601.
        day: the newest day that was run, or would have been.
        marks: of the days that were run, by day: a change means that the report was dropped again.
        identities: of the data that was run, by day.
        seen: marks that were new at the last look, by day: the files may still have been written then.
        looked: when reports were last looked at that had been run already, ISO 8601.
    """

    expression: str = ""
    asked: str | None = None
    since: str | None = None
    day: str | None = None
    marks: Mapping[str, str] = field(default_factory=dict)
    identities: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[str, str] = field(default_factory=dict)
    looked: str | None = None

    @classmethod
    def read(cls, cursor: str | None) -> "Memory":
        """Read a cursor; an empty memory where there is none, or one of another version."""
        try:
            found = json.loads(cursor or "{}")
            return cls(**found)
        except (ValueError, TypeError):
            return cls()

    def write(self) -> str:
        """The cursor that remembers this."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Start:
    """A run to ask for.

    Attributes:
        key: the same for the same run: it is asked for once.
        day: the UTC day.
        tick: the time of the schedule; None for a report that was dropped again.
    """

    key: str
    day: date
    tick: datetime | None = None


@dataclass(frozen=True)
class Wait:
    """A run that is due, and waits.

    Attributes:
        since: when it was due, UTC; until: when it starts at the latest, UTC.
        reason: what it waits for, as a sentence.
    """

    day: date
    since: datetime
    until: datetime
    reason: str


@dataclass(frozen=True)
class Decision:
    """What a look found.

    Attributes:
        memory: for the next look.
        starts: the runs to ask for.
        wait: what is waited for, if a run is due.
        note: why nothing starts, where nothing is due.
    """

    memory: Memory
    starts: Sequence[Start] = ()
    wait: Wait | None = None
    note: str = ""


class Reports(Protocol):
    """What is asked about the integration's report."""

    def marks(self, days: Sequence[date]) -> Mapping[date, Mark]:
        """The marks of those of `days` that have data."""
        ...

    def identity(self, day: date) -> str:
        """The identity of the data of a day that has data."""
        ...

    def describe_missing(self, day: date) -> str:
        """What was looked for, and what is there."""
        ...


@dataclass(frozen=True)
class Look:
    """One look at an integration.

    Attributes:
        written_at: when its file was written, UTC: times of a schedule before that were never due.
        watched: the days before the newest whose reports may be dropped again, too.
        pause: how long the source is left alone between two looks for reports that were dropped again.
    """

    slug: str
    spec: IntegrationSpec
    reports: Reports
    now: datetime
    written_at: datetime
    watched: int = 0
    pause: timedelta = timedelta()

    def decide(self, memory: Memory) -> Decision:
        """Decide what starts now, and what is waited for."""
        times, last = self.spec.times, self.spec.times.last(self.now)
        if times.is_paused(self.now):
            return Decision(memory, note=say_pause(times))
        if last is None:
            return Decision(memory, note="its first time is still to come")
        if memory.expression != times.expression:
            memory = self._begin(memory, last)
        if memory.asked is None or last > datetime.fromisoformat(memory.asked):
            return self._decide_due(memory, last)
        if quiet := times.quiet_until(self.now):
            return Decision(memory, note=f"quiet until {times.say(quiet)}")
        if times.arrive_by and self.spec.rerun_on_change and memory.day:
            return self._find_changed(memory, date.fromisoformat(memory.day))
        return Decision(memory)

    def _begin(self, memory: Memory, last: datetime) -> Memory:
        """Begin with a schedule that is new, or another one than before."""
        begun = replace(memory, expression=self.spec.times.expression, since=None)
        if last >= self.written_at:
            return begun
        return self._remember(replace(begun, asked=last.isoformat()), last_full_day(last))

    def _decide_due(self, memory: Memory, last: datetime) -> Decision:
        times, day = self.spec.times, last_full_day(last)
        since = datetime.fromisoformat(memory.since) if memory.since else last
        if last_full_day(since) != day:  # a newer day takes the place of one that never came
            since = last
        memory = replace(memory, since=since.isoformat())
        until = max(times.deadline(since), since)
        if quiet := times.quiet_until(self.now):
            return Decision(memory, wait=Wait(day, since, max(until, quiet), f"quiet until {times.say(quiet)}"))
        start = Start(f"{self.slug}:{since.isoformat()}", day, since)
        asked = replace(memory, asked=last.isoformat(), since=None, seen={})
        if times.arrive_by is None:
            return Decision(replace(asked, day=day.isoformat()), [start])
        try:
            mark = self.reports.marks([day]).get(day)
            if mark is not None and self._is_settled(mark, memory, day):
                return Decision(self._remember(asked, day), [start])
            missing = "" if mark else self.reports.describe_missing(day)
        except IntegrationCenterError as error:  # the run itself says it again, at the deadline
            mark, missing = None, str(error)
        if self.now >= until and mark is None:
            return Decision(replace(asked, day=day.isoformat(), marks={}, identities={}), [start])
        seen = {day.isoformat(): mark.text} if mark else {}
        landed = f"report {self.spec.report!r} of {day} has just landed, and may still grow"
        return Decision(replace(memory, seen=seen), wait=Wait(day, since, until, missing or landed))

    def _remember(self, memory: Memory, day: date) -> Memory:
        """Remember the reports as they are, so that a later drop is known as another one."""
        try:
            marks = self.reports.marks(self._watch(day))
            identity = {day.isoformat(): self.reports.identity(day)} if day in marks else {}
        except IntegrationCenterError:  # a day that is not known counts as one without data
            marks, identity = {}, {}
        named = {each.isoformat(): mark.text for each, mark in marks.items()}
        return replace(memory, day=day.isoformat(), marks=named, identities=identity, seen={})

    def _find_changed(self, memory: Memory, day: date) -> Decision:
        """Find the days whose reports were dropped again since they were run."""
        if memory.looked and self.now - datetime.fromisoformat(memory.looked) < self.pause:
            return Decision(memory)
        memory = replace(memory, looked=self.now.isoformat())
        starts: list[Start] = []
        marks, identities, seen = dict(memory.marks), dict(memory.identities), {}
        try:
            for each, mark in self.reports.marks(self._watch(day)).items():
                name = each.isoformat()
                if marks.get(name) == mark.text:
                    continue
                if not self._is_settled(mark, memory, each):
                    seen[name] = mark.text
                    continue
                identity = self.reports.identity(each)
                if identities.get(name) != identity:
                    starts.append(Start(f"{self.slug}:{name}:{identity}", each))
                marks[name], identities[name] = mark.text, identity
        except IntegrationCenterError as error:
            return Decision(replace(memory, marks=marks, identities=identities), starts, note=str(error))
        kept = {each.isoformat() for each in self._watch(day)}
        return Decision(
            replace(
                memory,
                marks={name: text for name, text in marks.items() if name in kept},
                identities={name: text for name, text in identities.items() if name in kept},
                seen=seen,
            ),
            starts,
        )

    def _watch(self, day: date) -> list[date]:
        return [day - timedelta(days=number) for number in range(self.watched, -1, -1)]

    def _is_settled(self, mark: Mark, memory: Memory, day: date) -> bool:
        """Whether files are complete: nobody has written them for a while, or they were the same at the last look."""
        if mark.modified is not None and mark.modified <= self.now - SETTLED:
            return True
        return memory.seen.get(day.isoformat()) == mark.text
