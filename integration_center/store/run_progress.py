"""Keep how far the steps of runs have come, in files that a terminal and the console can read while a run works.

The files are `<storage>/progress/<run id>.<step>.json`. They hold numbers and names of phases, and never a value.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter

from integration_center.progress import Phase, Seen, Spent

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepProgress:
    """How far one step of a run has come.

    Attributes:
        seen: what was seen last of each phase, in the order in which the phases began.
        now: the phase that the step is in, or was in last.
        spent: the time that each phase took.
        began_at: when the step began.
        noted_at: when all this was noted.
        slug: the integration that the step belongs to; None for the step that reads the report.
        ended: whether the step has ended.
    """

    seen: Sequence[Seen]
    now: Phase
    spent: Mapping[Phase, Spent]
    began_at: datetime
    noted_at: datetime
    slug: str | None = None
    ended: bool = False

    def seconds(self, phase: Phase, now: datetime) -> float:
        """Return how long a phase has lasted, at the time `now`."""
        spent = self.spent.get(phase, Spent()).seconds
        running = not self.ended and phase is self.now
        return spent + max((now - self.noted_at).total_seconds(), 0.0) if running else spent


CONTENT = TypeAdapter(StepProgress)


class ProgressFolder:
    """The progress of all runs of an installation.

    Args:
        storage: the folder of all stored frames.
    """

    def __init__(self, storage: Path) -> None:
        self._folder = storage / "progress"

    def note(self, run_id: str, step: str, progress: StepProgress) -> None:
        """Note how far a step has come. A full disk does not end the run: then nobody can see its progress."""
        path = self._folder / f"{run_id}.{step}.json"
        temp = path.with_suffix(".tmp")
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Unlike a frame, it need not outlive a power cut, so nobody waits for the disk.
            temp.write_bytes(CONTENT.dump_json(progress))
            temp.chmod(0o600)
            temp.replace(path)
        except OSError as error:
            logger.warning("the progress of the run is not kept: %s", error.strerror)

    def read(self, run_id: str, slug: str | None = None) -> list[StepProgress]:
        """Return how far the steps of a run have come, the step that began first at the beginning.

        Args:
            run_id: the run.
            slug: leave out the steps of other integrations; None for all steps.
        """
        found = []
        for path in self._folder.glob(f"{run_id}.*.json"):
            try:
                found.append(CONTENT.validate_json(path.read_bytes()))
            except (OSError, ValueError) as error:
                logger.debug("the progress in %s cannot be read (%s)", path, type(error).__name__)
        wanted = [step for step in found if slug is None or step.slug in (None, slug)]
        return sorted(wanted, key=lambda step: step.began_at)


def add_up(parts: Iterable[Mapping[Phase, Spent]]) -> dict[Phase, Spent]:
    """Add up the time that each phase took, in order of the phases."""
    sums: defaultdict[Phase, Spent] = defaultdict(Spent)
    for part in parts:
        for phase, spent in part.items():
            sums[phase] += spent
    return {phase: sums[phase] for phase in Phase if phase in sums}
