"""Undoes a sync: writes the values from before it back, where the records still hold what it wrote.

The undo is a run of its own, with its own line in the log and its own ledger, sent by the same machinery as a push:
lease, journal, reserve of API calls. It may therefore be killed, looked up, and undone like any other.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import uuid4

import dagster as dg
import polars as pl

from integration_center.database.journal import JobJournal, unfinished
from integration_center.database.sync_records import UNDO_OF, SyncRecord, SyncStatus
from integration_center.errors import PlanMissing, SyncFailed
from integration_center.installation import Installation
from integration_center.integration.spec import Environment, FieldMapping, IntegrationSpec, KeyPair
from integration_center.pipeline.api_reserve import build_write_options, short_of_calls
from integration_center.pipeline.judging import read_folder
from integration_center.pipeline.look_back import look_back
from integration_center.pipeline.metadata import describe_counts, describe_results, describe_usage
from integration_center.pipeline.names import resource_key, undo_job, undo_op
from integration_center.pipeline.one_org import require_one_org
from integration_center.pipeline.push import send_updates
from integration_center.pipeline.run_audit import note_run
from integration_center.pipeline.step_errors import reported_errors
from integration_center.pipeline.sync_step import SyncStep, client_log
from integration_center.planning.plan import fingerprint
from integration_center.salesforce.org import Org
from integration_center.salesforce.write.push import forecast_push
from integration_center.sync.columns import CHANGED
from integration_center.sync.ledger import complete, count_lines, hold, planned_updates, tally, tally_lines
from integration_center.sync.limits import run_status
from integration_center.sync.outcomes import WRITTEN, Outcome
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.undoing import build_undo_lines


class UndoConfig(dg.Config):
    """Run config of an undo.

    Attributes:
        run_id: the whole id of the run to undo.
        slug: which of its integrations.
    """

    run_id: str
    slug: str


@dataclass(frozen=True)
class UndoPlan:
    """What an undo would write.

    Attributes:
        lines: see `build_undo_lines`, with the plan's id in `plan_id`.
        read_at: when the org was read, UTC.
    """

    plan_id: str
    lines: pl.DataFrame
    schema: SObjectSchema
    read_at: datetime


def require_undoable(installation: Installation, sync: SyncRecord) -> Environment:
    """The environment in which `sync` can be undone.

    Raises:
        PlanMissing: it wrote nothing, is not over, wrote to another org than the one connected now, or its ledger is
            gone; says which.
        NotConnected: its environment has no account.
    """
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


def find_ledger(installation: Installation, sync: SyncRecord) -> pl.DataFrame:
    """The ledger of the sync.

    Raises:
        PlanMissing: it is gone or damaged.
    """
    ledger = installation.ledgers.find(sync.run_id, sync.slug)
    if ledger is None:
        raise PlanMissing(f"run {sync.run_id} has no ledger of {sync.slug!r} any more (they are kept for 90 days)")
    return ledger


def read_writes_of(installation: Installation, sync: SyncRecord) -> pl.DataFrame:
    """The ledger of a sync that updated records.

    Raises:
        PlanMissing: it is gone or damaged, names no record that was updated, or does not yet say what a run that was
            cut off has written.
    """
    what = f"run {sync.run_id} of {sync.slug!r}"
    ledger = find_ledger(installation, sync)
    left = unfinished(installation.engine, sync.org_id or "", sync.object)
    if any((work.run_id, work.slug) == (sync.run_id, sync.slug) for work in left):
        raise PlanMissing(
            f"{what} was cut off, and what it wrote is not known yet; `integration-center plan {sync.slug}` finds it"
            " out, then undo it"
        )
    if not count_lines(ledger).written:
        raise PlanMissing(f"{what} updated no record; there is nothing to undo")
    return ledger


def plan_undo(installation: Installation, org: Org, sync: SyncRecord) -> UndoPlan:
    """Read the records that `sync` updated, and plan its undo. Nothing is written.

    Raises:
        PlanMissing: there is nothing to undo.
        WrongOrg: another org answers than the one that the sync wrote to.
    """
    ledger = read_writes_of(installation, sync)
    account = installation.accounts.get(require_undoable(installation, sync))
    require_one_org(account, planned=sync.org_id, answering=org.identify())
    read_at, plan_id = datetime.now(UTC), uuid4().hex
    schema = org.describe(sync.object)
    wrote = ledger.filter(pl.col("outcome").is_in(WRITTEN))
    names = [name for name in _fields(ledger) if schema.get(name) is not None]
    records = org.read_records(schema, names, key=("Id", wrote["record_id"].to_list()))
    lines = build_undo_lines(ledger, records, schema).with_columns(pl.lit(plan_id).alias("plan_id"))
    return UndoPlan(plan_id, lines, schema, read_at)


def describe_integration(sync: SyncRecord, environment: Environment, ledger: pl.DataFrame) -> IntegrationSpec:
    """The integration as its ledger shows it: its file may have changed since, or be gone."""
    return IntegrationSpec(
        name=sync.name,
        environment=environment,
        report=sync.report,
        object=sync.object,
        keys=(KeyPair(column="Id", field="Id"),),
        fields=tuple(FieldMapping(column=name, field=name) for name in _fields(ledger)),
    )


def _fields(ledger: pl.DataFrame) -> list[str]:
    return [name.removeprefix(CHANGED) for name in ledger.columns if name.startswith(CHANGED)]


@dataclass(frozen=True)
class UndoStep(SyncStep):
    """The one step of an undo; `undone` is the sync that it undoes."""

    undone: SyncRecord

    @property
    def days(self) -> Sequence[date]:
        """First and last day of the sync that it undoes."""
        return [self.undone.partition_start, self.undone.partition_end]

    @property
    def triggered_by(self) -> str:
        """What it undoes."""
        return f"{UNDO_OF}{self.undone.run_id}"


@contextmanager
def undo_step(context: dg.OpExecutionContext, config: UndoConfig, environment: Environment) -> Iterator[UndoStep]:
    """Open the step of an undo in `environment`, with its line in the log."""
    with reported_errors(context), context.resources.installation.open() as installation:
        run_id = context.run.run_id
        note_run(
            context.instance, installation.audit, run_id, config.slug, environment=environment, undoes=config.run_id
        )
        undone = installation.syncs.get(config.run_id, config.slug)
        if undone is None:
            raise PlanMissing(f"there is no sync of {config.slug!r} in run {config.run_id}")
        wrote_to = require_undoable(installation, undone)
        if wrote_to is not environment:
            raise PlanMissing(
                f"run {config.run_id} of {config.slug!r} wrote to {wrote_to.title}; undo it with the job"
                f" {undo_job(wrote_to)}"
            )
        spec = describe_integration(undone, environment, find_ledger(installation, undone))
        if (now := read_folder(installation.settings.defs).specs.get(config.slug)) is not None:
            # How records are sent is the file's to say: an undo that a duplicate rule refuses would help nobody.
            spec = spec.model_copy(update={"batch_size": now.batch_size, "duplicate_rules": now.duplicate_rules})
        step = UndoStep(context, installation, config.slug, spec, undone)
        with client_log(context), step.errors_reported():
            step.open()
            yield step


def send_undo(step: UndoStep, org: Org, plan: UndoPlan, journal: JobJournal) -> pl.DataFrame:
    """Send the planned lines, if there are any and the org has calls to spare; the lines with their results."""
    lines, syncs = plan.lines, step.installation.syncs
    syncs.planned(
        step.run_id,
        step.slug,
        plan_id=plan.plan_id,
        counts=tally(lines),
        org_id=step.account.org_id,
        read_at=plan.read_at,
        describe_hash=fingerprint(step.spec, plan.schema),
        api_calls=org.session.usage.calls,
    )
    # The draft: what the next run on the object needs, should this one be killed.
    step.installation.ledgers.write(step.run_id, step.slug, lines)
    updates = planned_updates(lines)
    if updates.is_empty():
        return lines
    options = build_write_options(step, org)
    if short := short_of_calls(org, forecast_push(updates, options), step.installation.settings.api_reserve):
        return hold(lines, short)
    journal.push_begun()
    syncs.apply(step.run_id, step.slug)
    return complete(lines, send_updates(step, org, plan.schema, journal, updates, options))


def build_undo_op(environment: Environment) -> dg.OpDefinition:
    """The op that undoes one sync in `environment`."""

    @dg.op(
        name=undo_op(environment),
        description=f"Writes back what one sync changed in {environment.title}, where it still stands.",
        required_resource_keys={"installation", resource_key(environment)},
        tags={"kind": "salesforce"},
    )
    def undo(context: dg.OpExecutionContext, config: UndoConfig) -> dg.Output[None]:
        with undo_step(context, config, environment) as step:
            with step.connect() as org:  # which first settles what earlier runs left in doubt
                plan = plan_undo(step.installation, org, step.undone)
                journal = step.open_journal(plan.plan_id)
                lines = send_undo(step, org, plan, journal)
                step.installation.ledgers.write(step.run_id, step.slug, lines)
                counted = look_back(step, org, plan.schema, tally_lines(lines))
                usage, instance_url = org.session.usage, org.session.instance_url
            by_line = counted.lines
            verdict, reason = run_status(by_line, step.spec.limits)
            status = SyncStatus(verdict)
            step.installation.syncs.close(
                step.run_id, step.slug, status=status, counts=counted.as_dict(), error=reason, api_calls=usage.calls
            )
            # After the line is closed: until then the next run looks again, and corrects ledger and counts.
            journal.ledger_stored(complete=not by_line[Outcome.UNKNOWN])
            step.release_lease()
            context.log.info(f"{status.value}: {describe_counts(by_line)}")
            if status is SyncStatus.FAILED:
                raise SyncFailed(f"undo of run {step.undone.run_id}, {step.slug}: {reason}")
            return dg.Output(
                None,
                metadata={
                    "undone_run": step.undone.run_id,
                    "ledger": dg.MetadataValue.path(step.installation.ledgers.path(step.run_id, step.slug)),
                    **describe_results(lines.lazy(), counted, instance_url),
                    **describe_usage(usage),
                },
            )

    return undo


def build_undo() -> dg.Definitions:
    """One job an environment, so that an unset Production stops no undo in Sandbox."""
    jobs = []
    for environment in Environment:
        op = build_undo_op(environment)
        graph = dg.GraphDefinition(name=undo_job(environment), node_defs=[op])
        jobs.append(
            graph.to_job(
                name=undo_job(environment),
                description=f"Undoes one sync in {environment.title}; `integration-center undo` shows its plan first.",
            )
        )
    return dg.Definitions(jobs=jobs)
