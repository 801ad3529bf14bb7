"""Plans made by the console: what a run would do, found by the same code, and nothing written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any

import polars as pl
from pydantic import PlainSerializer, PlainValidator, TypeAdapter

from integration_center.console.labels import Labels, find_labels
from integration_center.console.ledger import count_reasons
from integration_center.console.lookups import Answer
from integration_center.console.results import Reason
from integration_center.console.shared_answers import SharedAnswers
from integration_center.console.shell.context import Console
from integration_center.insights.source import last_full_day
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.steps.earlier_writes import read_writes
from integration_center.planning.newest_report import NewestReport, read_newest
from integration_center.planning.plan import build_plan
from integration_center.sync.limits import Verdict
from integration_center.sync.outcomes import Outcome
from integration_center.sync.sample import sample_changes
from integration_center.wording.sentences import count

KEPT = 900.0
"""Seconds; afterwards the org may hold something else."""
MOST = 20
SHOWN_RECORDS = 6
SHOWN_REASONS = 8
UNPLANNED = [outcome for outcome in Outcome if outcome is not Outcome.PLANNED]
READ_AGAIN: Mapping[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "Decimal": Decimal,
}
"""How values are read again that JSON does not know, by their type."""


def write_value(value: Any) -> Any:
    """Write a value of a record as JSON that says its type."""
    kind = type(value).__name__
    return {kind: str(value)} if kind in READ_AGAIN else value


def read_value(written: Any) -> Any:
    """Read what `write_value` wrote; a value as it is stays the same."""
    if not isinstance(written, dict):
        return written
    ((kind, text),) = written.items()
    return READ_AGAIN[kind](text)


Value = Annotated[Any, PlainSerializer(write_value), PlainValidator(read_value)]


@dataclass(frozen=True)
class PlannedSync:
    """What a run would do now.

    Attributes:
        spec: the integration that was planned.
        day: of the report.
        expected_day: the day that a run started now would ask for; another one than `day` means that it would fail.
        rows: report rows by outcome; lines: row and record by outcome.
        changes: a few changed fields: record Id, key, field, before, after.
        reasons: why rows are left alone, the most frequent first.
        held: what would stop the push.
        instance_url: of the org, for links to its records.
        labels: what people call the object and its fields.
    """

    spec: IntegrationSpec
    day: date
    expected_day: date
    rows: Mapping[str, int]
    lines: Mapping[str, int]
    changes: Sequence[Mapping[str, Value]]
    reasons: Sequence[Reason]
    verdicts: Sequence[Verdict]
    held: str | None
    api_calls: int
    read_at: datetime
    instance_url: str
    labels: Labels


FORM = TypeAdapter(PlannedSync)


def ask_plan(
    console: Console, key: str, spec: IntegrationSpec, *, slug: str | None, text_columns: frozenset[str]
) -> Answer[PlannedSync]:
    """Begin a new plan, off the request's thread.

    Args:
        console: the running console.
        key: what the plan is asked for again by.
        spec: the integration.
        slug: of a saved one, whose earlier syncs count.
        text_columns: of its report, kept as text: the keys of all its readers.
    """

    def work(tell: Callable[[str], None]) -> PlannedSync:
        tell(f"Reading the newest rows of {spec.report}")
        installation = console.interactive
        report = read_newest(installation.source(), installation.reports, spec.report, text_columns)
        return make_plan(console, spec, report, slug=slug, tell=tell)

    return _share_plans(console).ask(key, work)


def find_plan(console: Console, key: str) -> Answer[PlannedSync] | None:
    """The plan asked for by `key`, in any console; None when there is none, or it is too old."""
    return _share_plans(console).find(key)


def _share_plans(console: Console) -> SharedAnswers[PlannedSync]:
    return SharedAnswers("plan", FORM, console.lookups, console.notes, console.cipher, kept=KEPT, most=MOST)


def make_plan(
    console: Console, spec: IntegrationSpec, report: NewestReport, *, slug: str | None, tell: Callable[[str], None]
) -> PlannedSync:
    """Plan one integration against the org as it is now. Nothing is written.

    Raises:
        IntegrationCenterError: the org cannot be asked.
    """
    installation = console.interactive
    account = installation.accounts.get(spec.environment)

    def earlier(record_ids: pl.Series) -> Sequence[pl.DataFrame]:
        return read_writes(installation, slug, spec.environment, account.org_id, record_ids) if slug else ()

    tell(f"Reading {spec.object} and comparing {count(report.frame.height, 'row')} with it")
    with installation.work_folder() as folder, installation.connect(spec.environment) as org:
        plan = build_plan(
            spec,
            report.rows.lazy(),
            org,
            kind=report.info.kind,
            latest_by=report.info.latest_by,
            folder=folder,
            likely_types=report.likely_types,
            doubts=report.doubts,
            earlier=earlier,
        )
        calls = org.session.usage.calls
        lines = plan.lines.collect()
    labels = find_labels(console, spec.environment, spec.object)
    return PlannedSync(
        spec=spec,
        day=report.day,
        expected_day=last_full_day(console.now()),
        rows=plan.tally.rows.as_dict(),
        lines=plan.tally.lines.as_dict(),
        changes=sample_changes(lines, Outcome.PLANNED, Outcome.HELD, records=SHOWN_RECORDS),
        reasons=count_reasons(lines.lazy(), UNPLANNED, SHOWN_REASONS, labels.call(spec)),
        verdicts=plan.verdicts,
        held=plan.held,
        api_calls=calls,
        read_at=plan.read_at,
        instance_url=account.instance_url,
        labels=labels,
    )
