"""A step that goes on with what an earlier sync left: its undo, the retry of its failures, the release of its plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

import dagster as dg

from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.errors import SyncFailed
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.steps.applying import Ended, Stored
from integration_center.pipeline.steps.metadata import describe_results, describe_usage
from integration_center.pipeline.steps.sync_step import SyncStep
from integration_center.sync.schema import SObjectSchema


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


def describe_end(
    step: LaterStep, ended: Ended, stored: Stored, schema: SObjectSchema | None, spec: IntegrationSpec | None = None
) -> dict[str, Any]:
    """Return what Dagster shows of a step that has ended: its ledger, its results, and the use of the API.

    Raises:
        SyncFailed: its sync ended as Failed.
    """
    if ended.status is SyncStatus.FAILED:
        raise SyncFailed(f"{step.LABEL}run {step.source.run_id}, {step.slug}: {ended.reason}")
    return {
        "ledger": dg.MetadataValue.path(stored.address),
        **describe_results(stored.lines, stored.tally, stored.instance_url, schema, spec),
        **describe_usage(stored.usage),
    }
