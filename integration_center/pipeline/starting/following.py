"""Decides when an integration starts that follows another one: once a run of that one has completed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.integration.schedule_words import say_pause
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.starting.arrivals import Decision, Memory, Start

LOOKED_AT = 50
"""Runs of the other integration that one look sees at most. A look comes every 20 seconds."""


@dataclass(frozen=True)
class Following:
    """One look at an integration that starts after another one.

    Attributes:
        runs: of the other integration, the newest first.
        last_day: the newest day that a run of this integration has completed; None where none has.
        events: whether its report is one of events, of which each day is needed.
        written_at: when its file was written, UTC. Runs that ended before never start it.
    """

    slug: str
    spec: IntegrationSpec
    runs: Sequence[SyncRecord]
    last_day: date | None
    events: bool
    now: datetime
    written_at: datetime

    def decide(self, memory: Memory) -> Decision:
        """Decide which runs start now."""
        times = self.spec.times
        begun = memory if memory.expression == self._name else replace(Memory(self._name), asked=self._written)
        if times.is_paused(self.now):
            return Decision(replace(begun, asked=self.now.isoformat()), note=say_pause(times))
        since = datetime.fromisoformat(begun.asked or self._written)
        completed = [run for run in self.runs if is_completed(run) and run.ended_at and run.ended_at > since]
        if not completed:
            return Decision(begun, note=f"no run of {times.after} has completed since")
        if quiet := times.quiet_until(self.now):
            return Decision(begun, note=f"quiet until {times.say(quiet)}")
        ended = max(run.ended_at for run in completed if run.ended_at)
        return Decision(replace(begun, asked=ended.isoformat()), self._list_starts(completed, ended))

    @property
    def _name(self) -> str:
        return f"after {self.spec.times.after}"

    @property
    def _written(self) -> str:
        return self.written_at.isoformat()

    def _list_starts(self, completed: Sequence[SyncRecord], ended: datetime) -> list[Start]:
        """List the runs to ask for: of a snapshot the newest day, unless a newer one has completed; of events all."""
        by_day = {run.partition_end: run for run in reversed(completed)}
        newest = max(by_day)
        older = sorted(day for day in by_day if self.last_day and day <= self.last_day and day != newest)
        overtaken = self.last_day is not None and newest < self.last_day
        starts = [] if overtaken and not self.events else [Start(self._key(by_day[newest]), newest, ended)]
        return starts + [Start(self._key(by_day[day]), day) for day in older if self.events]

    def _key(self, run: SyncRecord) -> str:
        return f"{self.slug}:after:{run.run_id}"


def is_completed(run: SyncRecord) -> bool:
    """Return whether a run wrote what it was to write. Plans, undos, retries and failed runs are none."""
    return run.status is SyncStatus.COMPLETED and run.is_of_report
