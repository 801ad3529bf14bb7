"""Releases a held plan: sends it as it was shown, once, although a limit held it or an approval was required.

The release is a run of its own, with its own line in the log and its own ledger, sent by the same machinery as a push.
What somebody changed in the org since the plan was made is a `conflict`, as in any push.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
from pydantic import Field

from integration_center.access.audit import Action
from integration_center.database.sync_records import RELEASE_OF, SyncRecord, SyncStatus
from integration_center.errors import PlanHeld, PlanMissing, PlanStale
from integration_center.installation import Installation
from integration_center.integration.environment import FIRST, Environment
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.assets.push import apply_plan
from integration_center.pipeline.jobs.account_jobs import build_account_jobs
from integration_center.pipeline.jobs.later_step import LaterStep, describe_end, find_source
from integration_center.pipeline.jobs.undo import scanned_ledger
from integration_center.pipeline.judging import read_installed
from integration_center.pipeline.names import INSTALLATION, RELEASE, push_key, resource_key
from integration_center.pipeline.runs.run_audit import note_run
from integration_center.pipeline.steps.applying import Applied, Ended, Stored, end_sync, require_writing, store_ledger
from integration_center.pipeline.steps.people import note_push
from integration_center.pipeline.steps.pushable_plan import OwnPlan, check_newest, check_own, take_days
from integration_center.pipeline.steps.step_errors import open_resource, reported_errors
from integration_center.pipeline.steps.stopping import finishing_first
from integration_center.pipeline.steps.sync_step import client_log
from integration_center.pipeline.steps.written_object import note_object
from integration_center.store.frames import FrameFile, rewrite_frame
from integration_center.sync.held import reopen_held
from integration_center.sync.ledger import count_outdated
from integration_center.sync.outcomes import Outcome

LONGEST = timedelta(hours=24)
"""How long after the org was read a held plan may be released."""
AGAIN = "Run the integration again, and release that plan"


class ReleaseConfig(dg.Config):
    """Run config of a release. The launchpad shows what each field is."""

    run_id: str = Field(description="The whole id of the run whose plan is held.")
    slug: str = Field(description="Which integration of that run.")
    reason: str = Field(description="Why it is released, for the audit log.")


def require_releasable(installation: Installation, sync: SyncRecord, now: datetime) -> Environment:
    """The environment in which the plan of `sync` can be released.

    Raises:
        PlanMissing: it is not held, was released already, or its ledger or org is gone; says which.
        PlanStale: it is too old, or there is a newer one.
        NotConnected: its environment has no account.
    """
    what = f"run {sync.run_id} of {sync.slug!r}"
    if sync.plan_id is None or sync.read_at is None or sync.environment is None:
        raise PlanMissing(f"{what} made no plan; there is nothing to release")
    if released := installation.syncs.latest_push(sync.slug, sync.plan_id):
        raise PlanMissing(f"the plan of {what} was applied already, by run {released.run_id}")
    if not sync.held and sync.status is not SyncStatus.WAITING:
        raise PlanMissing(f"{what} is not held: it ended as {sync.status.value}; there is nothing to release")
    if now - sync.read_at > LONGEST:
        hours = (now - sync.read_at) // timedelta(hours=1)
        raise PlanStale(f"{what} read the org {hours} hours ago, and a plan may be released for 24. {AGAIN}")
    newest = installation.syncs.newest_planned_day(sync.slug, sync.environment)
    if newest is not None and newest > sync.partition_end:
        raise PlanStale(f"{what} is of {sync.partition_end}, and there is a plan of {newest} already. {AGAIN}")
    account = installation.accounts.get(sync.environment)
    if sync.org_id != account.org_id:
        raise PlanMissing(
            f"{what} planned for org {sync.org_id}, and {sync.environment.title} is connected to {account.org_id} now"
        )
    for pushed in installation.syncs.pushed(sync.slug, account.org_id):
        if (pushed.applied_at or pushed.started_at) > sync.read_at:
            raise PlanStale(f"run {pushed.run_id} has pushed after the plan of {what} was made. {AGAIN}")
    return sync.environment


def require_approved(installation: Installation, sync: SyncRecord) -> None:
    """Check that somebody approved a plan that waits for it. The console and the command line note who did.

    Raises:
        PlanHeld: nobody did.
    """
    if sync.status is not SyncStatus.WAITING:
        return
    approvals = installation.audit.list(slug=sync.slug, actions={Action.APPROVED})
    if not any((entry.detail or "").startswith(name_plan(sync)) for entry in approvals):
        raise PlanHeld(
            f"the plan of run {sync.run_id} of {sync.slug!r} waits for approval",
            command=f"approve it in the console or by `integration-center release {sync.run_id}`",
        )


def name_plan(sync: SyncRecord) -> str:
    """How the audit log names the plan of a run: with this its entry begins."""
    return f"plan of run {sync.run_id}"


@dataclass(frozen=True)
class ReleaseStep(LaterStep):
    """The one step of a release; `source` is the sync whose plan it sends."""

    LABEL = RELEASE_OF

    @property
    def plan(self) -> OwnPlan:
        """The held plan."""
        held = self.source
        if held.plan_id is None or held.read_at is None:  # `require_releasable` has looked
            raise PlanMissing(f"run {held.run_id} of {self.slug!r} made no plan")
        return OwnPlan(
            held.plan_id, held.run_id, held.org_id, held.describe_hash, held.counts, held.api_calls, held.read_at
        )


@contextmanager
def release_step(
    context: dg.OpExecutionContext, config: ReleaseConfig, environment: Environment
) -> Iterator[ReleaseStep]:
    """Open the step of a release in `environment`, with its line in the log."""
    with reported_errors(context), open_resource(context) as installation:
        require_writing(installation.settings)
        held = find_source(installation, config.run_id, config.slug)
        if held.environment is not environment:
            wanted = held.environment.title if held.environment else "no environment"
            raise PlanMissing(f"run {config.run_id} of {config.slug!r} planned for {wanted}; use the job of that")
        spec = find_spec(installation, config.slug)
        step = ReleaseStep(context, installation, config.slug, spec, held)
        with client_log(context), step.errors_reported():
            require_releasable(installation, held, datetime.now(UTC))
            require_approved(installation, held)
            acted = Action.RELEASED, f"{name_plan(held)}: {config.reason}"
            note_run(context.instance, installation.audit, step.run_id, step.slug, environment=environment, acted=acted)
            step.open()
            yield step


def find_spec(installation: Installation, slug: str) -> IntegrationSpec:
    """The integration as its file says it now.

    Raises:
        PlanMissing: it is gone, or broken.
    """
    spec = read_installed(installation.settings).specs.get(slug)
    if spec is None:
        raise PlanMissing(f"the integration {slug!r} is gone or broken, so its plan cannot be released")
    return spec


def read_held_lines(step: ReleaseStep, folder: Path) -> FrameFile:
    """Write the held plan to `folder`, with the lines that were held as planned ones.

    Raises:
        PlanMissing: the plan holds no record to write: the integration does not fit the report or the object.
    """
    with scanned_ledger(step.installation, step.source) as ledger:
        file = rewrite_frame(ledger, reopen_held, folder / "released.parquet")
    planned = file.scan().select((pl.col("outcome") == Outcome.PLANNED).any()).collect().item()
    if not planned:
        raise PlanMissing(
            f"the plan of run {step.source.run_id} of {step.slug!r} has no record to write: {step.source.held}. Correct"
            " that, and run the integration again"
        )
    return file


def send_released(step: ReleaseStep) -> tuple[Ended, Stored, Applied]:
    """Send the held plan, store the ledger, and end the sync."""
    plan = step.plan
    journal = step.open_journal(plan.plan_id)
    with finishing_first(step.run_id) as finish:
        with step.installation.work_folder() as folder, step.connect() as org:  # which takes the lease
            # Again, with the lease held: of two releases at once, the second one finds what the first one did.
            require_releasable(step.installation, step.source, datetime.now(UTC))
            lines = read_held_lines(step, folder).scan()
            check_own(step, plan, lines)
            events = take_days(step, plan)
            if events:
                check_newest(step, plan)
            applied = apply_plan(step, org, plan, journal, lines, folder)
            snapshot = step.snapshot if applied.schema else None
            stored = store_ledger(step, org, applied, keys=step.spec.key_fields, snapshot=snapshot)
            note_push(step, stored.lines)
        outdated = events and count_outdated(stored.lines) > 0
        ended = end_sync(step, journal, stored, finish, calls=stored.usage.calls, outdated=outdated, held=applied.held)
    note_object(step, stored, applied.schema)
    return ended, stored, applied


def build_release_op(environment: Environment, prefix: str | None = None) -> dg.OpDefinition:
    """The op that releases one held plan in `environment`."""

    @dg.op(
        name=RELEASE.op(environment, prefix),
        description=f"Sends one held plan to {environment.title}, as it was shown.",
        required_resource_keys={INSTALLATION, resource_key(environment)},
        tags={"kind": "salesforce"},
    )
    def release(context: dg.OpExecutionContext, config: ReleaseConfig) -> dg.Output[None]:
        with release_step(context, config, environment) as step:
            ended, stored, applied = send_released(step)
            metadata = {
                "released_run": step.source.run_id,
                **describe_end(step, ended, stored, applied.schema, step.spec),
            }
            for day in dict.fromkeys(step.days):
                context.log_event(
                    dg.AssetMaterialization(push_key(step.slug), partition=day.isoformat(), metadata=metadata)
                )
            return dg.Output(None, metadata=metadata)

    return release


def build_release(prefix: str | None = None, environments: Sequence[Environment] = FIRST) -> dg.Definitions:
    """One job an account, so that an unset Production stops no release in Sandbox."""
    description = "Releases one held plan in {account}: `integration-center release RUN`."
    return build_account_jobs(build_release_op, RELEASE.job, description, prefix, environments)
