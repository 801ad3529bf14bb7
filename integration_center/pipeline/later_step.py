"""A step that goes on with what an earlier sync left: its undo, the retry of its failures, the release of its plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from integration_center.database.sync_records import SyncRecord
from integration_center.pipeline.sync_step import SyncStep


@dataclass(frozen=True)
class LaterStep(SyncStep):
    """The one step of such a run.

    Attributes:
        source: the earlier sync.
    """

    LABEL: ClassVar[str]
    """What begins `triggered_by`, before the run of the earlier sync."""
    source: SyncRecord

    @property
    def days(self) -> Sequence[date]:
        """First and last day of the earlier sync."""
        return [self.source.partition_start, self.source.partition_end]

    @property
    def triggered_by(self) -> str:
        """What the run does, and with which earlier run."""
        return f"{self.LABEL}{self.source.run_id}"
