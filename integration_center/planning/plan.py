"""Plan one sync: what a push would write to which record, and why the other rows are left alone."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from uuid import uuid4

import polars as pl
from polars.selectors import by_name

from integration_center.insights.catalogue import ColumnType, ReportKind
from integration_center.integration.spec import IntegrationSpec
from integration_center.planning.absent_people import AbsentPeople, expect_people
from integration_center.planning.fingerprint import fingerprint
from integration_center.planning.match_sample import has_altered_addresses
from integration_center.planning.org_fit import check_against_org
from integration_center.planning.plan_file import (
    Earlier,
    give_up_lines,
    hold_lines,
    hold_slices,
    leave_to_org,
    number_slices,
    plan_slices,
    write_lines,
)
from integration_center.planning.shaping import build_shaping, plan_shape, shape_report
from integration_center.planning.spelled_columns import spell_columns
from integration_center.progress import Phase, phase
from integration_center.salesforce.client.soql import is_indexed
from integration_center.salesforce.org import Org
from integration_center.salesforce.read.snapshot import SnapshotKeeper
from integration_center.salesforce.write.last_look import MARGIN
from integration_center.store.frames import FrameFile, count_height
from integration_center.store.reports import EVENTS
from integration_center.sync.absence import Absence, KnownPeople
from integration_center.sync.columns import BEFORE, DAY, LAST_SEEN, LEDGER_COLUMNS, MODSTAMP, OF_PAST, SOURCE_ROWS
from integration_center.sync.ledger import list_value_columns
from integration_center.sync.limits import MATCH_RATE, Verdict, judge, judge_absence
from integration_center.sync.mapping.doubts import Doubt, find_misread
from integration_center.sync.mapping.fitness import Fault
from integration_center.sync.mapping.missing_fields import MissingField
from integration_center.sync.marking import list_mapped
from integration_center.sync.match.keys import list_spellings
from integration_center.sync.match.match_rate import ALTERED
from integration_center.sync.past_events import Past, add_past_rows, find_past_rows
from integration_center.sync.people_sum import PeopleSum
from integration_center.sync.plan_terms import Terms, resolve_terms
from integration_center.sync.row_numbers import USUAL, RowNumbers
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.tally import Tally
from integration_center.sync.targets import resolve_keys

KEY_LIST_ROWS = 10_000
"""Above this many rows, reading the whole object takes fewer API calls than lists of keys."""


@dataclass(frozen=True)
class Plan:
    """What one run is going to do to one object.

    Attributes:
        plan_id: the id of the plan. The lines have it too, in column `plan_id` (String). Their column `org_time`
            (Datetime UTC) is the org's time just before it was read; null when the org does not report its time.
        file: the Lines frame, with at least one line per report row, in the order of the report.
        tally: the lines and rows per outcome.
        faults: why the integration does not fit the report or the object. If there are any, every line is held.
        missing: the mapped fields that the user cannot see, for the Salesforce admin.
        verdicts: the results of the integration's limits; empty when there are faults.
        read_at: when the org was read, UTC.
        describe_hash: see `fingerprint`.
        past_rows: the number of lines for rows of days that earlier runs applied, which must be written again.
        absent: the number of lines for people who dropped out of the report.
        people: the sum of the lines of the report's people; None where nobody can drop out, or rows of other days have
            lines too.
    """

    plan_id: str
    file: FrameFile
    tally: Tally
    schema: SObjectSchema
    faults: Sequence[Fault]
    missing: Sequence[MissingField]
    verdicts: Sequence[Verdict]
    read_at: datetime
    describe_hash: str
    past_rows: int = 0
    absent: int = 0
    people: PeopleSum | None = None

    @property
    def lines(self) -> pl.LazyFrame:
        """The Lines frame, read lazily."""
        return self.file.scan()

    @property
    def held(self) -> str | None:
        """The sentence that says why the plan is held; None when it is not."""
        reasons = [fault.message for fault in self.faults]
        reasons += [verdict.description for verdict in self.verdicts if not verdict.passed]
        return "; ".join(reasons) or None


def list_keys(spec: IntegrationSpec, rows: pl.DataFrame, schema: SObjectSchema) -> tuple[str, list[str]] | None:
    """Return a key field and the report's values for it, so that a small report need not read the whole object.

    None when the report is too long for that, or no key field is indexed. One key pair is enough, because a record
    must match all pairs.
    """
    if rows.height > KEY_LIST_ROWS:
        return None
    for pair in spec.keys:
        field = schema.get(pair.field)
        if field is None or not is_indexed(field):
            continue
        return field.name, list_spellings(rows.get_column(pair.column), field, ignore_invalid=spec.ignore_invalid)
    return None


def build_plan(
    spec: IntegrationSpec,
    rows: pl.LazyFrame,
    org: Org,
    *,
    kind: ReportKind,
    latest_by: str | None,
    folder: Path,
    likely_types: Mapping[str, ColumnType] | None = None,
    earlier: Earlier = lambda record_ids: (),
    snapshot: SnapshotKeeper | None = None,
    past: Past | None = None,
    known: KnownPeople | None = None,
    day: date | None = None,
    failing: pl.DataFrame | None = None,
    numbers: RowNumbers | None = None,
    doubts: Mapping[str, Doubt] | None = None,
) -> Plan:
    """Read the object and plan the rows against it. Nothing is written to the org.

    Args:
        spec: the integration.
        rows: the report's rows, with `_day` (Date).
        org: the connected org.
        kind: `snapshot` or `events`.
        latest_by: the column that orders rows with the same key, unless the integration names one.
        folder: the folder for the plan. Others must not be able to read it.
        likely_types: for text columns whose values all look like another type, that type by column.
        earlier: returns what earlier syncs wrote to some records: lines of their ledgers, the newest sync first.
        snapshot: where the records are kept from run to run, so that only changed records are read again.
        past: for an events report, the days that earlier runs applied.
        known: the people whom earlier syncs of the integration wrote; None where those who dropped out are left alone.
        day: the day of the run; the newest day of the rows when it is None.
        failing: the records that Salesforce refused in earlier runs; see `find_failing`.
        numbers: the numbers of the rows in their files; None where `row` + `HEADER_ROWS` says them.
        doubts: by column, what its values may mean besides what they say.

    Raises:
        ConfigurationError: a value cannot be calculated, or the org does not accept the integration's condition.
        SchemaMismatch: the object, or a field of the condition, is missing.
    """
    read_at = datetime.now(UTC)
    with phase(Phase.ORG_READ):
        schema = org.describe(spec.object)
    org_time = org.session.usage.org_time
    dtypes = {name: dtype for name, dtype in rows.collect_schema().items() if name != DAY}
    asked, spec = spec, spell_columns(spec, dtypes)
    spec = spec.model_copy(update={"latest_by": spec.latest_by or latest_by})
    height = count_height(rows)
    newest = rows.select(pl.col(DAY).max()).collect().item()
    day = day or newest or read_at.date()
    shape = plan_shape(spec, rows, day, likely_types or {})
    dtypes |= shape.dtypes if shape else {}
    faults, missing = check_against_org(spec, schema, dtypes, org, likely_types=likely_types or {}, rows=rows)
    faults += [*(shape.faults if shape else ()), *find_misread(spec, schema, doubts or {})]
    people: AbsentPeople | None = None
    made_of: pl.Series | None = None
    absences: list[Absence] = []
    seen: PeopleSum | None = None
    plan_id = uuid4().hex
    verdicts: list[Verdict] = []
    has_past = False
    if faults:
        slices = hold_slices(rows, spec, schema, "; ".join(fault.message for fault in faults))
    else:
        named = spec.named_fields
        fields = [field.name for name in named if (field := schema.get(name))]
        resolve = partial(
            resolve_terms,
            spec,
            schema,
            latest_by=spec.latest_by,
            kind=kind,
            newest=newest,
            likely_types=None if shape else likely_types,  # the columns of a shaped report are other ones
        )
        terms = resolve(dtypes, shape=build_shaping(shape, schema))
        planned = shape_report(shape, rows, terms, by_day=kind == EVENTS and spec.window is None) if shape else rows
        made_of = planned.select(SOURCE_ROWS).collect().to_series() if spec.rows == "all" else None
        planned = with_past_rows(planned, past, terms) if past else planned
        has_past = past is not None and count_height(planned) > height
        dtypes |= {name: dtype for name, dtype in planned.collect_schema().items() if name in dtypes}
        terms = resolve(dtypes)
        people = expect_people(spec, known, rows, terms, day, kind)
        due = people.list_due() if people else []
        key = list_keys(spec, planned.collect(), schema) if count_height(planned) <= KEY_LIST_ROWS else None
        read = partial(
            org.read_records,
            schema,
            fields,
            where=spec.where,
            expected_rows=org.prove_condition(schema, spec.where) if spec.where else None,
        )
        records = read(key=key, snapshot=snapshot)
        if key and due:
            records = pl.concat([records, read(key=("Id", due))]).unique("Id", keep="first").sort("Id")
        for place in range(records.width):  # to look up texts in pieces takes twenty times as long
            records.replace_column(place, records.to_series(place).rechunk())

        def list_absent(
            people: AbsentPeople, total: PeopleSum, matched: Callable[[], pl.Series], there: pl.DataFrame, first: int
        ) -> pl.DataFrame | None:
            nonlocal seen
            seen = None if has_past else total  # rows of other days have lines, but their keys are not in the report
            found = people.find(matched, seen)
            absences.append(found)
            return None if found.people.is_empty() else people.build_lines(found, there, first)

        slices = plan_slices(
            planned,
            records,
            terms,
            edits_converted=cache(org.may_edit_converted_leads),
            absent=partial(list_absent, people) if people else None,
        )
        del records
    added: dict[str, tuple[pl.Expr, pl.DataType]] = {
        "plan_id": (pl.lit(plan_id), pl.String()),
        "org_time": (pl.lit(org_time, dtype=MODSTAMP), MODSTAMP),
    }
    if past or spec.window:
        # A window's lines belong to the day of the run, as rows of the past do.
        added[OF_PAST] = pl.lit(True) if spec.window else pl.col("row") >= height, pl.Boolean()
    if numbers or has_past:
        numbers = numbers or USUAL
        slices = number_slices(slices, numbers, height)
        added |= {name: (pl.lit(None, dtype), dtype) for name, dtype in numbers.columns.items()}
    if made_of is not None:
        added[SOURCE_ROWS] = pl.lit(made_of).get(pl.col("row"), null_on_oob=True), pl.UInt32()
    if people:
        added[LAST_SEEN] = pl.lit(None, dtype=pl.Date), pl.Date()
    columns = {**LEDGER_COLUMNS, **list_value_columns(spec, schema), **{name: each[1] for name, each in added.items()}}
    in_work = write_lines(
        add_columns(slices, {name: each[0] for name, each in added.items()}),
        pl.Schema(columns),
        folder / "plan.parquet",
        spec.limits,
    )
    if not faults:
        in_work = leave_to_org(in_work, earlier, schema, spec.limits)
        if failing is not None:
            in_work = give_up_lines(in_work, failing, spec.give_up_after, spec.limits)
        verdicts = explain_few_matches(judge(in_work.figures, spec.limits), spec, rows, schema, org)
        verdicts += [judge_absence(found.known, found.dropped, spec.limits) for found in absences]
        if broken := "; ".join(verdict.description for verdict in verdicts if not verdict.passed):
            in_work = hold_lines(in_work, broken, spec.limits)
    absent = sum(found.people.height for found in absences)
    return Plan(
        plan_id=plan_id,
        file=in_work.file,
        tally=in_work.tally,
        schema=schema,
        faults=faults,
        missing=missing,
        verdicts=verdicts,
        read_at=read_at,
        describe_hash=fingerprint(asked, schema),
        past_rows=in_work.file.scan().select(pl.col(OF_PAST).sum()).collect().item() - absent if past else 0,
        absent=absent,
        people=seen,
    )


def add_columns(slices: Iterable[pl.DataFrame], added: Mapping[str, pl.Expr]) -> Iterator[pl.DataFrame]:
    """Add columns to slices of lines. A column that a slice has stays as it is."""
    for lines in slices:
        yield lines.with_columns(
            value.alias(name) for name, value in added.items() if name not in lines.columns
        ).select(*(name for name in lines.columns if name not in added), *added)


def explain_few_matches(
    verdicts: Sequence[Verdict], spec: IntegrationSpec, rows: pl.LazyFrame, schema: SObjectSchema, org: Org
) -> list[Verdict]:
    """Add to a failed match rate whether the org's addresses are those of a sandbox, and return all verdicts.

    This takes one call, and only for a plan that is held anyway. No call is made if the look-up would scan the object.
    """
    keys = resolve_keys(spec, schema)
    if all(verdict.passed for verdict in verdicts if verdict.name == MATCH_RATE) or not all(
        is_indexed(key.field) for key in keys
    ):
        return list(verdicts)
    if not has_altered_addresses(rows.collect(), keys, schema, org, where=spec.where):
        return list(verdicts)
    return [
        replace(verdict, description=f"{verdict.description}; {ALTERED}") if verdict.name == MATCH_RATE else verdict
        for verdict in verdicts
    ]


def with_past_rows(rows: pl.LazyFrame, past: Past, terms: Terms) -> pl.LazyFrame:
    """Append the rows of other days that affect the plan to the rows of the run."""
    if not past.versions:
        return rows
    own = rows.select(by_name(DAY, *terms.columns)).collect()
    found = find_past_rows(own, past, terms)
    return add_past_rows(own, found).lazy() if found.height else rows


def read_fields(spec: IntegrationSpec, lines: pl.LazyFrame) -> list[str]:
    """Return the fields that a plan depends on: the keys, as the integration spells them, and the mapped fields."""
    names = [*spec.key_fields, *list_mapped(lines.collect_schema(), BEFORE)]
    return list({name.lower(): name for name in names}.values())


def read_since(lines: pl.LazyFrame) -> datetime | None:
    """Return the org's time from which on a record may have changed without the plan's knowledge.

    The clock of the `Date` header may differ from the clock that stamps records, and may be ahead by any amount. The
    plan has certainly seen what is stamped up to its newest record, or up to the header's time if that is earlier.
    None when the object's records do not have the time of their last change.
    """
    newest: datetime | None
    org_time: datetime | None
    newest, org_time = lines.select(pl.col("modstamp", "org_time").max()).collect().row(0)
    if newest is None or org_time is None:
        return newest
    # A push looks `MARGIN` further back. This end makes it read records after `newest`, but not all stamped with it.
    return min(org_time, newest + MARGIN + timedelta(seconds=1))
