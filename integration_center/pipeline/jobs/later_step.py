"""A step that goes on with what an earlier sync left: its undo, the retry of its failures, the release of its plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

import dagster as dg

from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.errors import PlanMissing, SyncFailed
from integration_center.installation import Installation
from integration_center.integration.environment import Environment
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.names import LaterJob, run_tags
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


def request_later(
    job: LaterJob, sync: SyncRecord, environment: Environment, prefix: str | None, triggered_by: str, **config: str
) -> RunRequest:
    """The run that goes on with what a sync left, in the code location whose jobs have the prefix.

    Args:
        job: what is done.
        sync: the earlier one.
        environment: the account that it wrote to.
        prefix: of the project that has the integration.
        triggered_by: who asks for it, as the log shows it.
        config: what the job needs to know besides the earlier sync.
    """
    named = {"run_id": sync.run_id, "slug": sync.slug, **config}
    tags = {**run_tags(sync.slug, environment, triggered_by), job.tag: sync.run_id}
    return RunRequest(
        job.job(environment, prefix), None, tags, run_config={"ops": {job.op(environment, prefix): {"config": named}}}
    )


def find_source(installation: Installation, run_id: str, slug: str) -> SyncRecord:
    """Find the earlier sync that a run is to go on with.

    Raises:
        PlanMissing: there is none.
    """
    sync = installation.syncs.get(run_id, slug)
    if sync is None:
        raise PlanMissing(f"there is no sync of {slug!r} in run {run_id}")
    return sync


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
