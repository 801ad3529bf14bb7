"""What became of the runs when everything was stopped. Apart from `ending_runs`, whose imports take seconds."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from integration_center.wording.sentences import count

NAMED = 20


@dataclass
class EndedRuns:
    """What was done with the runs so far. It can be read at any moment.

    Attributes:
        listed: whether Dagster's storage listed its runs.
        found: the names of all that it listed, as `name (id)`.
        queued: the runs that left the queue, as `name (id)`.
        asked: the runs under way that were asked to end, by id.
        not_reached: the runs under way that could not be asked.
        ended: the ids of those that have ended since.
        backfills: the number of backfills that start no further runs.
    """

    listed: bool = False
    found: list[str] = field(default_factory=list)
    queued: list[str] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)
    not_reached: list[str] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    backfills: int = 0

    @property
    def open(self) -> list[str]:
        """The names of the runs of which nothing is known yet."""
        known = {*self.queued, *self.asked.values(), *self.not_reached}
        return [name for name in self.found if name not in known]

    @property
    def sentences(self) -> list[str]:
        """What was done, for people."""
        if not self.listed:
            return [
                "Dagster's storage did not answer, so runs under way could not be asked to end. They send nothing more:"
                " each part of a push is checked against the stop."
            ]
        said = []
        if self.queued:
            said.append(f"{count_runs(self.queued)} left the queue: {name_runs(self.queued)}.")
        ended = [name for run_id, name in self.asked.items() if run_id in self.ended]
        ending = [name for run_id, name in self.asked.items() if run_id not in self.ended]
        if ended:
            said.append(f"{count_runs(ended)} under way ended: {name_runs(ended)}.")
        if ending:
            asked = count_runs(ending)
            said.append(f"{asked} asked to end, still writing down what Salesforce took: {name_runs(ending)}.")
        if self.open:
            said.append(
                f"{count_runs(self.open)} still being ended, and will send nothing more: {name_runs(self.open)}."
            )
        if self.not_reached:
            said.append(f"Could not be asked to end, and will send nothing more: {name_runs(self.not_reached)}.")
        if self.backfills:
            said.append(f"{count(self.backfills, 'backfill')} will start no further runs.")
        return said or ["No run was under way or in the queue."]


def count_runs(names: Sequence[str]) -> str:
    """`3 runs`."""
    return count(len(names), "run")


def name_runs(names: Sequence[str]) -> str:
    """Name the first runs, and count the others."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
