"""Tries the failed records of a run again: those that Salesforce refused, and those that were never reached.

The retry is a run of its own, with its own line in the log and its own ledger of these records alone. It looks at the
org first, and leaves alone what somebody has changed since. It can be undone like any other run.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import dagster as dg
import polars as pl
from pydantic import Field

from integration_center.access.audit import Action
from integration_center.database.sync_records import RETRY_OF, SyncRecord, SyncStatus
from integration_center.errors import PlanMissing, PlanStale
from integration_center.installation import Installation
from integration_center.integration.environment import FIRST, Environment
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.jobs.account_jobs import build_account_jobs
from integration_center.pipeline.jobs.later_step import LaterStep, describe_end, find_source, request_later
from integration_center.pipeline.jobs.ledger_plan import LedgerPlan, send_ledger_plan
from integration_center.pipeline.jobs.undo import list_fields, require_settled, scanned_ledger
from integration_center.pipeline.judging import read_installed
from integration_center.pipeline.names import INSTALLATION, RETRY, resource_key
from integration_center.pipeline.runs.run_audit import note_run
from integration_center.pipeline.steps.applying import end_sync, require_writing, store_ledger
from integration_center.pipeline.steps.one_org import require_one_org
from integration_center.pipeline.steps.people import note_push
from integration_center.pipeline.steps.step_errors import open_resource, reported_errors
from integration_center.pipeline.steps.step_progress import describe_phases, step_progress
from integration_center.pipeline.steps.stopping import finishing_first, interruptible
from integration_center.pipeline.steps.sync_step import client_log
from integration_center.pipeline.steps.written_object import note_object
from integration_center.progress import Phase, phase
from integration_center.salesforce.org import Org
from integration_center.store.frames import read_slices, write_slices
from integration_center.sync.conflicts import mark_conflicts
from integration_center.sync.outcomes import Outcome
from integration_center.sync.retrying import TRIED_AGAIN, build_retry_lines, select_failed
from integration_center.sync.tally import Tally, tally_lines
from integration_center.wording.sentences import count

RUN_AGAIN = "Run the integration again instead: it tries them too"


class RetryConfig(dg.Config):
    """Run config of a retry. The launchpad shows what each field is."""

    run_id: str = Field(description="The whole id of the run whose failed records are tried again.")
    slug: str = Field(description="Which integration of that run.")


def count_failed(sync: SyncRecord) -> int:
    """Count the records of a run that a retry would look at."""
    return sync.count_lines(TRIED_AGAIN)


def require_retryable(installation: Installation, sync: SyncRecord) -> tuple[Environment, IntegrationSpec]:
    """Check that the failed records of a run can be tried again.

    Returns:
        The environment that the run wrote to, and the integration as its file says it now.

    Raises:
        PlanOnly: the installation makes plans only.
        PlanMissing: no record failed, the run is not over or was an undo, or its org or its integration is gone.
        PlanStale: a newer run wrote since, so that the values of this one may be old.
        NotConnected: its environment has no account.
    """
    require_writing(installation.settings)
    what = f"run {sync.run_id} of {sync.slug!r}"
    if sync.status is SyncStatus.RUNNING:
        raise PlanMissing(f"{what} is still going on; wait until it has ended")
    if sync.undoes:
        raise PlanMissing(f"{what} is an undo; undo the run {sync.undoes} again to write the rest back")
    if sync.applied_at is None or sync.environment is None or not count_failed(sync):
        raise PlanMissing(f"no record of {what} failed; there is nothing to try again")
    account = installation.accounts.get(sync.environment)
    if sync.org_id != account.org_id:
        raise PlanMissing(
            f"{what} wrote to org {sync.org_id}, and {sync.environment.title} is connected to {account.org_id} now;"
            " a retry is for the same org only"
        )
    for pushed in installation.syncs.pushed(sync.slug, account.org_id):  # the newest first
        if pushed.run_id == sync.run_id:
            break
        raise PlanStale(f"run {pushed.run_id} has written since {what}, so its values may be old. {RUN_AGAIN}")
    spec = read_installed(installation.settings).specs.get(sync.slug)
    if spec is None:
        raise PlanMissing(f"the integration {sync.slug!r} is gone or broken, so its records cannot be tried again")
    if (spec.environment, spec.object.lower()) != (sync.environment, sync.object.lower()):
        raise PlanStale(f"{sync.slug!r} writes to another account or object by now. {RUN_AGAIN}")
    return sync.environment, spec


def require_same_fields(ledger: pl.LazyFrame, slug: str, spec: IntegrationSpec) -> Sequence[str]:
    """Check that an integration still writes the fields of an earlier run, and return them.

    Raises:
        PlanStale: it writes other fields by now.
    """
    fields, mapped = list_fields(ledger), {mapping.field.lower() for mapping in spec.fields}
    if lost := [name for name in fields if name.lower() not in mapped]:
        raise PlanStale(f"{slug!r} no longer writes {', '.join(lost)}. {RUN_AGAIN}")
    return fields


def plan_retry(
    installation: Installation, org: Org, sync: SyncRecord, spec: IntegrationSpec, folder: Path
) -> LedgerPlan:
    """Read the records that failed in `sync`, and plan their retry. Nothing is written to the org.

    Args:
        installation: where log and ledgers are.
        org: that the sync wrote to.
        sync: whose records failed.
        spec: the integration.
        folder: for the plan's file; it must stay as long as the plan is used.

    Raises:
        PlanMissing: it is not known yet what the sync wrote, or its ledger is gone.
        PlanStale: the integration writes other fields by now, or no record holds its key any more.
        PlanError: the ledger is damaged.
        WrongOrg: another org answers than the one that the sync wrote to.
    """
    require_settled(installation, sync)
    with scanned_ledger(installation, sync) as ledger:
        failed = select_failed(ledger)
        ids = failed.select("record_id").collect()["record_id"]
        if ids.is_empty():
            raise PlanMissing(f"no record of run {sync.run_id} of {sync.slug!r} can be tried again")
        fields = require_same_fields(ledger, sync.slug, spec)
        require_one_org(installation.accounts.get(spec.environment), planned=sync.org_id, answering=org.identify())
        read_at, plan_id, tally, moved = datetime.now(UTC), uuid4().hex, Tally(), 0
        schema, keys = org.describe(sync.object), spec.key_fields
        names = [name for name in dict.fromkeys([*fields, *keys]) if schema.get(name) is not None]
        records = org.read_records(schema, names, key=("Id", ids.unique().to_list()))

        def plan(part: pl.DataFrame) -> pl.DataFrame:
            nonlocal tally, moved
            held = records.filter(pl.col("Id").is_in(part["record_id"].implode()))
            lines = build_retry_lines(part, held, schema)
            # The values before are those of now, so only a record whose key was changed is a conflict here.
            lines = mark_conflicts(lines, held, keys, schema).with_columns(pl.lit(plan_id).alias("plan_id"))
            tally += tally_lines(lines)
            moved += lines.filter(pl.col("outcome") == Outcome.CONFLICT, pl.col("error_fields").is_in(keys)).height
            return lines

        columns = build_retry_lines(failed.head(0).collect(), records.head(0), schema).schema
        file = write_slices(map(plan, read_slices(failed)), columns, folder / "retry.parquet")
    if moved == len(ids):
        raise PlanStale(
            f"no failed record of run {sync.run_id} holds its key in {' or '.join(keys)} now, so the key pairs of"
            f" {sync.slug!r} or the records were changed since. {RUN_AGAIN}"
        )
    return LedgerPlan(plan_id, file, tally, schema, read_at)


@dataclass(frozen=True)
class RetryStep(LaterStep):
    """The one step of a retry; `source` is the sync whose failed records it sends again."""

    LABEL = RETRY_OF


def describe_retry(sync: SyncRecord) -> str:
    """What the audit log says of the retry of a run."""
    return f"{count(count_failed(sync), 'failed record')} of run {sync.run_id}"


@contextmanager
def retry_step(context: dg.OpExecutionContext, config: RetryConfig, environment: Environment) -> Iterator[RetryStep]:
    """Open the step of a retry in `environment`, with its line in the log."""
    with reported_errors(context), open_resource(context) as installation:
        require_writing(installation.settings)
        source = find_source(installation, config.run_id, config.slug)
        wrote_to, spec = require_retryable(installation, source)
        if wrote_to is not environment:
            raise PlanMissing(
                f"run {config.run_id} of {config.slug!r} wrote to {wrote_to.title}; use the job {RETRY.job(wrote_to)}"
            )
        acted = Action.RETRIED, describe_retry(source)
        run_id = context.run.run_id
        note_run(context.instance, installation.audit, run_id, config.slug, environment=environment, acted=acted)
        step = RetryStep(context, installation, config.slug, spec, source)
        with client_log(context), step_progress(context, installation, config.slug), step.errors_reported():
            step.open()
            yield step


def build_retry_op(environment: Environment, prefix: str | None = None) -> dg.OpDefinition:
    """The op that sends the failed records of one run again in `environment`."""

    @dg.op(
        name=RETRY.op(environment, prefix),
        description=f"Sends the records again that one run could not write in {environment.title}.",
        required_resource_keys={INSTALLATION, resource_key(environment)},
        tags={"kind": "salesforce"},
    )
    def retry(context: dg.OpExecutionContext, config: RetryConfig) -> dg.Output[None]:
        with retry_step(context, config, environment) as step:
            with finishing_first(step.run_id) as finish:
                with step.installation.work_folder() as folder, step.connect() as org:
                    with phase(Phase.PLAN), interruptible():
                        # Again, with the lease held: of two retries at once, the second finds what the first one did.
                        require_retryable(step.installation, step.source)
                        plan = plan_retry(step.installation, org, step.source, step.spec, folder)
                    journal = step.open_journal(plan.plan_id)
                    applied = send_ledger_plan(step, org, plan, journal)
                    stored = store_ledger(step, org, applied, keys=step.spec.key_fields)
                    note_push(step, stored.lines)
                ended = end_sync(step, journal, stored, finish, calls=stored.usage.calls, held=applied.held)
            note_object(step, stored, plan.schema)
            return dg.Output(
                None,
                metadata={
                    "retried_run": step.source.run_id,
                    **describe_end(step, ended, stored, plan.schema, step.spec),
                    **describe_phases(context, step.installation, step.slug),
                },
            )

    return retry


def build_retry(prefix: str | None = None, environments: Sequence[Environment] = FIRST) -> dg.Definitions:
    """One job an environment, so that an unset Production stops no retry in Sandbox."""
    description = "Sends the failed records of one run to {account} again: `integration-center retry RUN`."
    return build_account_jobs(build_retry_op, RETRY.job, description, prefix, environments)


def request_retry(sync: SyncRecord, environment: Environment, spec: IntegrationSpec, triggered_by: str) -> RunRequest:
    """The run that tries the failed records of a run again."""
    return request_later(RETRY, sync, environment, spec.prefix, triggered_by)
