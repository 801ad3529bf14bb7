"""A run to start: its job, its days, its tags."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from integration_center.pipeline.names import PARTITION_TAG, range_tags


@dataclass(frozen=True)
class RunRequest:
    """What to run.

    Attributes:
        job: the job's name.
        days: first and last UTC day, the same for one day; None for a job without partitions.
        assets: a part of the job's assets; all when empty.
        run_config: as Dagster takes it.
    """

    job: str
    days: tuple[date, date] | None
    tags: dict[str, str]
    assets: tuple[dg.AssetKey, ...] = ()
    run_config: dict[str, Any] | None = None

    @property
    def all_tags(self) -> dict[str, str]:
        """The tags with the partition: a range is one run by its range tags."""
        if self.days is None:
            return self.tags
        first, last = self.days
        if first == last:
            return {**self.tags, PARTITION_TAG: first.isoformat()}
        return {**self.tags, **range_tags(first, last)}
