"""Undoes a sync: writes the values from before it back, where the records still hold what it wrote.

The undo is a run of its own, with its own line in the log and its own ledger, sent by the same machinery as a push:
lease, journal, reserve of API calls. It may therefore be killed, looked up, and undone like any other.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import dagster as dg
import polars as pl
from pydantic import Field

from integration_center.access.audit import Action
from integration_center.database.journal import unfinished
from integration_center.database.sync_records import UNDO_OF, SyncRecord, SyncStatus
from integration_center.errors import PlanMissing
from integration_center.installation import Installation
from integration_center.integration.environment import FIRST, Environment
from integration_center.integration.mapping import FieldMapping, KeyPair
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.jobs.account_jobs import build_account_jobs
from integration_center.pipeline.jobs.later_step import LaterStep, describe_end, find_source
from integration_center.pipeline.jobs.ledger_plan import LedgerPlan, send_ledger_plan
from integration_center.pipeline.judging import read_installed
from integration_center.pipeline.names import INSTALLATION, UNDO, resource_key
from integration_center.pipeline.runs.run_audit import note_run
from integration_center.pipeline.steps.applying import end_sync, require_writing, store_ledger
from integration_center.pipeline.steps.one_org import require_one_org
from integration_center.pipeline.steps.people import note_undo
from integration_center.pipeline.steps.step_errors import open_resource, reported_errors
from integration_center.pipeline.steps.step_progress import describe_phases, step_progress
from integration_center.pipeline.steps.stopping import finishing_first, interruptible
from integration_center.pipeline.steps.sync_step import client_log
from integration_center.pipeline.steps.written_object import note_object
from integration_center.progress import Phase, phase
from integration_center.salesforce.org import Org
from integration_center.store.frames import read_slices, write_slices
from integration_center.sync.marking import list_mapped
from integration_center.sync.outcomes import WRITTEN
from integration_center.sync.row_numbers import keep_numbers
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.tally import Tally, tally_lines
from integration_center.sync.undoing import build_undo_lines


class UndoConfig(dg.Config):
    """Run config of an undo. The launchpad shows what each field is."""

    run_id: str = Field(description="The whole id of the run to undo.")
    slug: str = Field(description="Which integration of that run.")


def require_undoable(installation: Installation, sync: SyncRecord) -> Environment:
    """The environment in which `sync` can be undone.

    Raises:
        PlanOnly: the installation makes plans only.
        PlanMissing: it wrote nothing, is not over, wrote to another org than the one connected now, or its ledger is
            gone; says which.
        NotConnected: its environment has no account.
    """
    require_writing(installation.settings)
    what = f"run {sync.run_id} of {sync.slug!r}"
    if sync.status is SyncStatus.RUNNING:
        raise PlanMissing(f"{what} is still going on; wait until it has ended")
    if sync.status is SyncStatus.PLANNED:
        raise PlanMissing(f"{what} was a dry run and wrote nothing; there is nothing to undo")
    if sync.held:
        raise PlanMissing(f"{what} was held and wrote nothing; there is nothing to undo")
    if sync.applied_at is None or sync.environment is None:
        raise PlanMissing(f"{what} ended as {sync.status.value} without a write; there is nothing to undo")
    account = installation.accounts.get(sync.environment)
    if sync.org_id != account.org_id:
        raise PlanMissing(
            f"{what} wrote to org {sync.org_id}, and {sync.environment.title} is connected to {account.org_id} now;"
            " an undo is for the same org only"
        )
    return sync.environment


def require_settled(installation: Installation, sync: SyncRecord) -> None:
    """Check that it is known what the sync wrote.

    Raises:
        PlanMissing: the run was cut off.
    """
    left = unfinished(installation.engine, sync.org_id or "", sync.object)
    if any((work.run_id, work.slug) == (sync.run_id, sync.slug) for work in left):
        raise PlanMissing(
            f"run {sync.run_id} of {sync.slug!r} was cut off, and what it wrote is not known yet. The next run or"
            " plan finds it out; undo it then",
            command=f"run: integration-center plan {sync.slug}",
        )


@contextmanager
def scanned_ledger(installation: Installation, sync: SyncRecord) -> Iterator[pl.LazyFrame]:
    """The ledger of the sync, for reading some of it after another in the block.

    Raises:
        PlanMissing: it is gone.
        PlanError: it is damaged.
    """
    if not installation.ledgers.has(sync.run_id, sync.slug):
        raise PlanMissing(f"run {sync.run_id} has no ledger of {sync.slug!r} any more (they are kept for 90 days)")
    with installation.ledgers.scanned(sync.run_id, sync.slug) as ledger:
        yield ledger


def plan_undo(installation: Installation, org: Org, sync: SyncRecord, folder: Path) -> LedgerPlan:
    """Read the records that `sync` updated, and plan its undo. Nothing is written to the org.

    Args:
        installation: where log and ledgers are.
        org: that the sync wrote to.
        sync: to undo.
        folder: for the plan's file; it must stay as long as the plan is used.

    Raises:
        PlanMissing: there is nothing to undo, or it is not known yet what the sync wrote.
        PlanError: the ledger is damaged.
        WrongOrg: another org answers than the one that the sync wrote to.
    """
    require_settled(installation, sync)
    with scanned_ledger(installation, sync) as ledger:
        # A line whose person was erased on request has no record any more.
        wrote = ledger.filter(pl.col("outcome").is_in(WRITTEN) & pl.col("record_id").is_not_null())
        ids = wrote.select("record_id").collect()["record_id"]
        if ids.is_empty():
            raise PlanMissing(f"run {sync.run_id} of {sync.slug!r} updated no record; there is nothing to undo")
        account = installation.accounts.get(require_undoable(installation, sync))
        require_one_org(account, planned=sync.org_id, answering=org.identify())
        read_at, plan_id = datetime.now(UTC), uuid4().hex
        schema = org.describe(sync.object)
        names = [name for name in list_fields(ledger) if schema.get(name) is not None]
        planner = UndoPlanner(plan_id, schema, org.read_records(schema, names, key=("Id", ids.to_list())))
        columns = planner.plan(wrote.head(0).collect()).schema
        file = write_slices(map(planner.plan, read_slices(wrote)), columns, folder / "undo.parquet")
    return LedgerPlan(plan_id, file, planner.tally, schema, read_at)


@dataclass
class UndoPlanner:
    """Plans an undo, some lines of the ledger after another.

    Attributes:
        records: as the org holds them now.
        tally: of the lines planned so far; their number is the next line's row.
    """

    plan_id: str
    schema: SObjectSchema
    records: pl.DataFrame
    tally: Tally = field(default_factory=Tally)

    def plan(self, wrote: pl.DataFrame) -> pl.DataFrame:
        """The undo's lines of some lines of the ledger."""
        records = self.records.filter(pl.col("Id").is_in(wrote["record_id"].implode()))
        lines = build_undo_lines(keep_numbers(wrote), records, self.schema).with_columns(
            pl.col("row") + pl.lit(self.tally.lines.total, pl.UInt32), pl.lit(self.plan_id).alias("plan_id")
        )
        self.tally += tally_lines(lines)
        return lines


def describe_integration(sync: SyncRecord, environment: Environment, ledger: pl.LazyFrame) -> IntegrationSpec:
    """The integration as its ledger shows it: its file may have changed since, or be gone."""
    return IntegrationSpec(
        name=sync.name,
        environment=environment,
        report=sync.report,
        object=sync.object,
        keys=(KeyPair(column="Id", field="Id"),),
        fields=tuple(FieldMapping(column=name, field=name) for name in list_fields(ledger)),
    )


def list_fields(ledger: pl.LazyFrame) -> list[str]:
    """The fields that the sync was to write."""
    return list_mapped(ledger.collect_schema())


@dataclass(frozen=True)
class UndoStep(LaterStep):
    """The one step of an undo; `source` is the sync that it undoes."""

    LABEL = UNDO_OF


@contextmanager
def undo_step(context: dg.OpExecutionContext, config: UndoConfig, environment: Environment) -> Iterator[UndoStep]:
    """Open the step of an undo in `environment`, with its line in the log."""
    with reported_errors(context), open_resource(context) as installation:
        run_id = context.run.run_id
        acted = Action.UNDID, f"run {config.run_id}"
        note_run(context.instance, installation.audit, run_id, config.slug, environment=environment, acted=acted)
        require_writing(installation.settings)
        undone = find_source(installation, config.run_id, config.slug)
        wrote_to = require_undoable(installation, undone)
        if wrote_to is not environment:
            raise PlanMissing(
                f"run {config.run_id} of {config.slug!r} wrote to {wrote_to.title}; undo it with the job"
                f" {UNDO.job(wrote_to)}"
            )
        with scanned_ledger(installation, undone) as ledger:
            spec = describe_integration(undone, environment, ledger)
        if (now := read_installed(installation.settings).specs.get(config.slug)) is not None:
            # How records are sent is the file's to say: an undo that a duplicate rule refuses would help nobody.
            kept = {"batch_size": now.batch_size, "duplicate_rules": now.duplicate_rules, "prefix": now.prefix}
            spec = spec.model_copy(update=kept)
        step = UndoStep(context, installation, config.slug, spec, undone)
        with client_log(context), step_progress(context, installation, config.slug), step.errors_reported():
            step.open()
            yield step


def build_undo_op(environment: Environment, prefix: str | None = None) -> dg.OpDefinition:
    """The op that undoes one sync in `environment`."""

    @dg.op(
        name=UNDO.op(environment, prefix),
        description=f"Writes back what one sync changed in {environment.title}, where nobody has changed it since.",
        required_resource_keys={INSTALLATION, resource_key(environment)},
        tags={"kind": "salesforce"},
    )
    def undo(context: dg.OpExecutionContext, config: UndoConfig) -> dg.Output[None]:
        with undo_step(context, config, environment) as step:
            with finishing_first(step.run_id) as finish:
                # Connecting settles earlier runs first.
                with step.installation.work_folder() as folder, step.connect() as org:
                    with phase(Phase.PLAN), interruptible():
                        plan = plan_undo(step.installation, org, step.source, folder)
                    journal = step.open_journal(plan.plan_id)
                    stored = store_ledger(step, org, send_ledger_plan(step, org, plan, journal))
                    note_undo(step, step.source, stored.lines)
                ended = end_sync(step, journal, stored, finish, calls=stored.usage.calls)
            note_object(step, stored)
            return dg.Output(
                None,
                metadata={
                    "undone_run": step.source.run_id,
                    **describe_end(step, ended, stored, plan.schema),
                    **describe_phases(context, step.installation, step.slug),
                },
            )

    return undo


def build_undo(prefix: str | None = None, environments: Sequence[Environment] = FIRST) -> dg.Definitions:
    """One job an account, so that an unset Production stops no undo in Sandbox."""
    description = "Undoes one sync in {account}; `integration-center undo` shows its plan first."
    return build_account_jobs(build_undo_op, UNDO.job, description, prefix, environments)
