"""Applies a plan: sends its lines, completes the ledger, looks back, and ends the sync. A push and an undo both do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import polars as pl

from integration_center.database.figures import Figures
from integration_center.database.journal import JobJournal
from integration_center.database.sync_records import SyncStatus
from integration_center.errors import AccountError, PlanMissing, PlanOnly
from integration_center.pipeline.runs.run_endings import explain_interruption
from integration_center.pipeline.steps.api_reserve import build_write_options, short_of_calls
from integration_center.pipeline.steps.look_back import look_back
from integration_center.pipeline.steps.metadata import describe_counts
from integration_center.pipeline.steps.pushable_plan import TOGETHER
from integration_center.pipeline.steps.step_errors import find_made_at
from integration_center.pipeline.steps.stopping import Finish, end_waits_early, require_going_on
from integration_center.pipeline.steps.sync_step import SyncStep
from integration_center.progress import Phase, advance, phase
from integration_center.salesforce.client.usage import Usage
from integration_center.salesforce.org import Org
from integration_center.salesforce.read.snapshot import SnapshotKeeper
from integration_center.salesforce.write.forecast import Forecast
from integration_center.salesforce.write.options import WriteOptions
from integration_center.salesforce.write.push import forecast_push, push_updates
from integration_center.salesforce.write.read_back import WORTH_A_LOOK
from integration_center.salesforce.write.written_lines import WrittenLines
from integration_center.settings import Settings
from integration_center.store.frames import FrameFile
from integration_center.sync.held import find_stop, hold_rest, judge_canary_lines
from integration_center.sync.ledger import completing, hold, planned_updates
from integration_center.sync.limits import run_status
from integration_center.sync.marking import list_mapped
from integration_center.sync.outcomes import Outcome
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.tally import Tally, count_lines
from integration_center.wording.sentences import count


@dataclass(frozen=True)
class Applied:
    """What was done with a plan.

    Attributes:
        lines: the plan as it was sent.
        finish: turns its lines, given some after another, into those of the ledger.
        forecast: the API calls it was expected to take, if it came to that.
        schema: of the object, if something was sent.
        written_at: when everything was written, by the clock of the org's polling.
        written: how many records Salesforce took.
        held: why lines were held back, if some were.
        as_planned: the tally of a plan in which nothing was to be sent. Its run stored it, so it is the ledger already.
    """

    lines: pl.LazyFrame
    finish: Callable[[pl.DataFrame], pl.DataFrame] = lambda part: part
    forecast: Forecast | None = None
    schema: SObjectSchema | None = None
    written_at: float | None = None
    written: int = 0
    held: str | None = None
    as_planned: Tally | None = None


@dataclass(frozen=True)
class Stored:
    """The ledger of a plan that was applied.

    Attributes:
        file: the file, on this machine.
        address: where it is kept.
        tally: of its rows and lines by outcome.
        usage: what the org was asked for it.
        instance_url: where the records are.
    """

    file: FrameFile
    address: str
    tally: Tally
    usage: Usage
    instance_url: str

    @property
    def lines(self) -> pl.LazyFrame:
        """The ledger."""
        return self.file.scan()


@dataclass(frozen=True)
class Ended:
    """How a sync ended; `reason` says why it failed."""

    status: SyncStatus
    reason: str | None


def require_writing(settings: Settings) -> None:
    """Check that this installation may write.

    Raises:
        PlanOnly: it makes plans only.
    """
    if settings.plan_only:
        raise PlanOnly(
            "this installation only makes plans, so nothing is written to any org",
            setting="INTEGRATION_CENTER_PLAN_ONLY is set; unset it to write",
        )


def send_lines(
    step: SyncStep,
    org: Org,
    schema: SObjectSchema,
    lines: pl.LazyFrame,
    journal: JobJournal,
    keep_draft: Callable[[], None] = lambda: None,
) -> Applied:
    """Send the planned lines, if there are any and the org has calls to spare.

    Args:
        step: of the sync.
        org: where the records are.
        schema: of the object.
        lines: of the plan.
        journal: notes what is sent, for the next run should this one be cut off.
        keep_draft: stores, right before the first write, what the next run would need then.

    Raises:
        PlanMissing: the plan was applied already.
        PlanOnly: the installation makes plans only.
    """
    require_writing(step.installation.settings)
    updates = planned_updates(lines).collect()
    if updates.is_empty():
        return Applied(lines)
    options = build_write_options(step, org)
    forecast = forecast_push(updates, options)
    step.context.log.info(
        f"sending {count(updates.height, 'record')}: about {count(forecast.calls, 'API call')},"
        f" at most {forecast.total:,}"
    )
    if short := short_of_calls(org, forecast, step.installation.settings.api_reserve):
        return Applied(lines, lambda part: hold(part, short), forecast, held=short)
    keep_draft()
    journal.push_begun()
    if not step.installation.syncs.apply(step.run_id, step.slug):
        raise PlanMissing(f"{step.slug}: the plan was applied already. {TOGETHER}")
    canary = step.spec.canary
    if canary is None or updates.height <= canary:
        results = send_updates(step, org, schema, journal, updates, options)
        return Applied(
            lines, completing(results), forecast, schema, org.polling.clock(), count_lines(results)[Outcome.UPDATED]
        )
    first = send_updates(step, org, schema, journal, updates.head(canary), options)
    try:
        found = judge_canary(org, schema, lines, first)
    except AccountError as error:  # it was disconnected meanwhile: what was written is still booked
        stop = step.installation.stops.since(find_made_at(step.context) or datetime.now(UTC))
        found = stop.sentence if stop else f"the first records cannot be read back: {error}"
    if found:
        rest = f"{found}; the other {updates.height - canary:,} were not sent"
        step.context.log.warning(rest)
        held = partial(hold_rest, results=first, reason=rest)
        written = count_lines(first)[Outcome.UPDATED]
        return Applied(lines, held, forecast, schema, org.polling.clock(), written, rest)
    step.context.log.info(f"the org holds the first {count(canary, 'record')} as written; sending the others")
    others = send_updates(step, org, schema, journal, updates.slice(canary), options)
    results = pl.concat([first, others])
    written = count_lines(results)[Outcome.UPDATED]
    return Applied(lines, completing(results), forecast, schema, org.polling.clock(), written)


def judge_canary(org: Org, schema: SObjectSchema, lines: pl.LazyFrame, results: pl.DataFrame) -> str:
    """Read the first records back, and say what is wrong with them; empty when the org holds what was written."""
    ids = results["Id"].to_list()
    first = lines.filter(pl.col("record_id").is_in(ids)).collect()
    names = list_mapped(first.columns)
    fields = [field.name for name in names if (field := schema.get(name))]
    records = org.read_records(schema, fields, key=("Id", ids))
    return judge_canary_lines(first, results, records, schema)


def send_updates(
    step: SyncStep, org: Org, schema: SObjectSchema, journal: JobJournal, updates: pl.DataFrame, options: WriteOptions
) -> pl.DataFrame:
    """Send the updates, with progress in the run's log; the Results frame."""
    account, hold, made_at = step.account, step.hold, find_made_at(step.context)

    def show_progress(done: int, total: int) -> None:
        advance(done, total)
        step.context.log.info(f"sent {done:,} of {total:,}")
        step.installation.syncs.note_progress(step.run_id, step.slug, done, total)
        step.installation.leases.renew(account.org_id, step.spec.object, step.run_id)

    def may_go_on() -> None:
        require_going_on()
        step.installation.stops.require_none(since=made_at)
        hold.require()

    with phase(Phase.SEND, updates.height):
        return push_updates(
            org.with_polling(end_waits_early(org.polling)),
            schema,
            updates,
            journal=journal,
            options=options,
            progress=show_progress,
            may_go_on=may_go_on,
        )


def store_ledger(
    step: SyncStep,
    org: Org,
    applied: Applied,
    *,
    keys: Sequence[str] = (),
    snapshot: SnapshotKeeper | None = None,
) -> Stored:
    """Store the ledger of what was done, and look whether the org holds what was written; see `look_back`.

    Raises:
        LeaseLost: another run has taken over, and finds out itself what was written.
    """
    step.hold.require()
    with phase(Phase.FINISH):
        ledgers = step.installation.ledgers
        kept = ledgers.file(step.run_id, step.slug) if applied.as_planned else None
        seen: WrittenLines | None = None
        if kept and applied.as_planned:
            file, tally = kept, applied.as_planned
        else:
            finish = applied.finish
            if applied.schema and applied.written >= WORTH_A_LOOK:
                seen = WrittenLines(applied.schema, applied.lines.collect_schema().names(), applied.written)
                finish = noting(seen, finish)
            file, tally = ledgers.write_from(step.run_id, step.slug, applied.lines, finish)
        if applied.schema:
            file, tally = look_back(
                step,
                org,
                applied.schema,
                file,
                tally,
                keys=keys,
                snapshot=snapshot,
                written_at=applied.written_at,
                seen=seen,
            )
    note_calls_left(step, org.session.usage)
    address = ledgers.locate(step.run_id, step.slug) or str(file.path)
    return Stored(file, address, tally, org.session.usage, org.session.instance_url)


def noting(
    seen: WrittenLines, finish: Callable[[pl.DataFrame], pl.DataFrame]
) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return `finish` that also notes what it returns."""

    def finish_and_note(part: pl.DataFrame) -> pl.DataFrame:
        lines = finish(part)
        seen.note(lines)
        return lines

    return finish_and_note


def note_calls_left(step: SyncStep, usage: Usage) -> None:
    """Note what the org said of its API calls, for the console's metrics."""
    if usage.daily_left is not None and usage.daily_max is not None:
        Figures(step.installation.engine).note_calls_left(step.account.org_id, usage.daily_left, usage.daily_max)


def end_sync(
    step: SyncStep,
    journal: JobJournal,
    stored: Stored,
    finish: Finish,
    *,
    calls: int,
    superseded: bool = False,
    outdated: bool = False,
    held: str | None = None,
) -> Ended:
    """Close the sync's line in the log, and give the object up.

    Args:
        step: of the sync.
        journal: of what was sent.
        stored: its ledger.
        finish: of the block that a signal does not interrupt.
        calls: API calls of the whole sync.
        superseded: see `run_status`.
        outdated: see `run_status`.
        held: why lines were held back, if some were.

    Raises:
        LeaseLost: another run has taken over, and has closed the line.
    """
    step.hold.require()
    by_line = stored.tally.lines
    verdict, reason = run_status(by_line, step.spec.limits, superseded=superseded, outdated=outdated)
    if reason and (stop := held or find_stop(stored.lines)):
        reason = f"{reason}: {stop}"
    if by_line[Outcome.UNPROCESSED] or by_line[Outcome.UNKNOWN]:
        reason = explain_interruption(step.context.instance, step.run_id) or reason
    status = SyncStatus(verdict)
    step.installation.syncs.close(
        step.run_id, step.slug, status=status, counts=stored.tally.as_dict(), error=reason, api_calls=calls
    )
    # After the line is closed: until then the next run looks again, and corrects ledger and counts.
    journal.ledger_stored(complete=not by_line[Outcome.UNKNOWN])
    step.release_lease()
    finish.completed = status is SyncStatus.COMPLETED
    step.context.log.info(f"{status.value}: {describe_counts(by_line, stored.tally.refused)}")
    return Ended(status, reason)
