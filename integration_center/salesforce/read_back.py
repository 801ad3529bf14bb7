"""Looks, right after a push, whether the org holds what was written.

A flow or trigger of the org may change a record in the very transaction that writes it, and under the same
SystemModstamp. So whoever wants to know what the records hold has to read all of them again. One composite call tells
nearly as much: how many records the connected user has changed since, the sums and bounds of their fields, and a
thousand of them in full (SOQL and SOSL Reference, "Aggregate Functions"). Where all of that is as it was written, the
next read can leave these rows out; the weekly full read has the last word.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import isclose
from typing import Any

import polars as pl

from integration_center.errors import TerminalError, TransientError
from integration_center.frames import FrameFile
from integration_center.salesforce.fields import parse_records
from integration_center.salesforce.ground import build_id_queries
from integration_center.salesforce.org import Org
from integration_center.salesforce.query import QUERIES_A_CALL, Query, follow_pages, read_first_pages
from integration_center.salesforce.snapshot import AUTHOR, STAMP, OwnWrites, SnapshotKeeper, Span
from integration_center.salesforce.soql import build_select, join_conditions, quote, write_moment
from integration_center.sync.columns import AFTER, BEFORE, CHANGED
from integration_center.sync.conflicts import mark_conflicts
from integration_center.sync.outcomes import OUTCOME, Outcome
from integration_center.sync.schema import NUMBER_TYPES, SObjectField, SObjectSchema

logger = logging.getLogger(__name__)

SAMPLE = 1_000
"""Records read in full: a change to one in two hundred of those written is found with 99 % certainty."""
SETTLE_SECONDS = 1.0
"""Stamps are whole seconds. What the user writes after this look must not bear the second of the last row written."""
MEASURES: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "COUNT": pl.Expr.count,
    "SUM": pl.Expr.sum,
    "MIN": pl.Expr.min,
    "MAX": pl.Expr.max,
}
SUM_TOLERANCE = 1e-9
"""Doubles do not add up to the same sum in every order."""


@dataclass(frozen=True)
class ReadBack:
    """What the org holds of what was written.

    Attributes:
        written: records that were updated.
        looked_at: of them, those read in full.
        fields: how many of these records differ in which fields (`A,B`); `Id` counts the records that were not there.
        doubt: why the rest may hold other values, too; None when nothing says so.
        span: when the records written were stamped, where there is no doubt.
    """

    written: int
    looked_at: int = 0
    fields: Mapping[str, int] = field(default_factory=dict)
    doubt: str | None = None
    span: Span | None = None

    @property
    def altered(self) -> int:
        """Records read in full that do not hold what was written."""
        return sum(self.fields.values())

    @property
    def sentence(self) -> str:
        """For the run's log."""
        if self.altered:
            named = ", ".join(f"{name} ({count:,})" for name, count in self.fields.items())
            return (
                f"{self.altered:,} of {self.looked_at:,} records read back do not hold what was written: {named}; a"
                " flow, trigger or other user of the org changes them"
            )
        if self.doubt:
            return f"what was written is read again next time: {self.doubt}"
        return f"{self.looked_at:,} records read back hold what was written, and the sums of all {self.written:,} agree"


@dataclass(frozen=True)
class Total:
    """A function over the records written, and what it must come to."""

    function: str
    field: SObjectField
    expected: Any = None

    @property
    def soql(self) -> str:
        """As it is selected."""
        return f"{self.function}({self.field.name})"

    def fits(self, answer: Any, schema: SObjectSchema) -> bool:
        """Whether the org's answer is what was expected."""
        match self.function:
            case "COUNT":
                return bool(answer == self.expected)
            case "SUM":
                return isinstance(answer, int | float | None) and isclose(
                    answer or 0, self.expected or 0, rel_tol=SUM_TOLERANCE, abs_tol=SUM_TOLERANCE
                )
        held = parse_records([{self.field.name: answer}], [self.field.name], schema).item()
        return bool(held == self.expected)


def read_back(
    org: Org,
    schema: SObjectSchema,
    ledger: pl.LazyFrame,
    count: int,
    *,
    keys: Sequence[str],
    where: str | None,
    user_id: str,
    since: datetime,
) -> ReadBack:
    """Compare what was written with what the org says it holds: one API call.

    Args:
        org: where the records are.
        schema: their object.
        ledger: of the push: a complete Lines frame.
        count: of its lines that are `updated`.
        keys: the integration's key fields, in its order and in any case.
        where: the condition that its records meet.
        user_id: the connected user.
        since: a SystemModstamp after which all was written; whoever else wrote as this user since makes for doubt.
    """
    described = _find_mapped(ledger, schema)
    wanted = [Total(function, each) for each in described if each.aggregatable for function in choose_functions(each)]
    sums, sample = _collect(ledger, described, wanted, count)
    totals = [replace(total, expected=sums[total.soql].item()) for total in wanted]
    condition = join_conditions(where, f"{AUTHOR} = {quote(user_id)}", f"{STAMP} > {write_moment(since)}")
    functions = ["COUNT(Id)", f"MIN({STAMP})", f"MAX({STAMP})", *(total.soql for total in totals)]
    keys = [schema.require(key).name for key in keys]
    names = list(dict.fromkeys([*keys, *(each.name for each in described)]))
    while len(queries := build_id_queries(schema.name, names, sample["record_id"].to_list())) >= QUERIES_A_CALL:
        sample = sample.gather_every(2)  # the call has to have room for the sums
    logger.info("looking in %.0f s whether the org holds what was written to %d records", SETTLE_SECONDS, count)
    org.polling.sleep(SETTLE_SECONDS)
    try:
        asked = [Query(build_select(functions, schema.name, condition)), *map(Query, queries)]
        summary, *pages = read_first_pages(org.session, asked)
        rows = [row for page in pages for part in follow_pages(org.session, page) for row in part]
        altered = _find_altered(sample, parse_records(rows, ["Id", *names], schema), keys, schema)
        found = ReadBack(count, sample.height, altered)
        if altered:
            return replace(found, doubt="the org changes what is written to it")
        answers: Mapping[str, Any] = next(iter(summary["records"]), {})
        return _judge_totals(found, [answers.get(f"expr{n}") for n in range(len(functions))], totals, schema)
    except (TerminalError, TransientError) as error:  # what was written stands, whatever comes of the look
        return ReadBack(count, doubt=f"the org does not tell ({error})")


def _judge_totals(found: ReadBack, answers: Sequence[Any], totals: Sequence[Total], schema: SObjectSchema) -> ReadBack:
    """`found` with the span of the rows written where count and totals are as expected, else with a doubt."""
    changed, first, last, *rest = answers
    if changed != found.written:
        return replace(found, doubt=f"the connected user has changed {changed} records since, not {found.written}")
    differing = [total.soql for total, answer in zip(totals, rest, strict=True) if not total.fits(answer, schema)]
    if differing:
        return replace(found, doubt=f"{', '.join(differing)} of the records written is another one in the org")
    bounds = parse_records([{STAMP: first}, {STAMP: last}], [STAMP], schema).to_series()
    if bounds.null_count():
        return replace(found, doubt=f"the org does not tell {STAMP} of the records written")
    return replace(found, span=Span(bounds[0], bounds[1]))


def prove_writes(
    org: Org, schema: SObjectSchema, ledger: FrameFile, count: int, keeper: SnapshotKeeper, *, keys: Sequence[str]
) -> ReadBack | None:
    """Look whether the org holds what a push wrote, and if so note it beside the snapshot the push was planned by.

    Args:
        org: where the records are.
        schema: their object.
        ledger: of the push.
        count: of its lines that are `updated`.
        keeper: of the snapshot.
        keys: the integration's key fields, in its order.

    Returns:
        What was found; None when nothing was looked at, because there is no snapshot to keep up to date, or the object
        does not tell who changed its records.
    """
    info, author, stamp = keeper.find(), schema.get(AUTHOR), schema.get(STAMP)
    if info is None or info.stamped_at is None or keeper.find_writes(info) is not None:
        return None  # a later push is not noted beside an earlier one: its rows are read again
    if author is None or not author.filterable or stamp is None or not stamp.aggregatable:
        return None
    found = read_back(
        org,
        schema,
        ledger.scan(),
        count,
        keys=keys,
        where=info.basis.where,
        user_id=info.basis.user_id,
        # Rows may be stamped with the very second in which a job of the read was made, but not with that of a row read.
        since=max(info.stamped_at - timedelta(seconds=1), info.newest or info.stamped_at),
    )
    if found.span:
        keeper.note_writes(OwnWrites(info.read_at, found.span, count), ledger)
    return found


def _find_mapped(ledger: pl.LazyFrame, schema: SObjectSchema) -> list[SObjectField]:
    names = (name.removeprefix(BEFORE) for name in ledger.collect_schema().names() if name.startswith(BEFORE))
    return [schema.require(name) for name in names]


def _collect(
    ledger: pl.LazyFrame, described: Sequence[SObjectField], totals: Sequence[Total], count: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What was written, in one pass: the totals, and records from all parts of the report.

    Returns:
        A row with each total under its SOQL; and `record_id`, `key` and, under its name, what each field should hold.
    """
    written = ledger.filter(pl.col("outcome") == Outcome.UPDATED).select(
        "record_id",
        "key",
        *(
            pl.when(CHANGED + each.name).then(AFTER + each.name).otherwise(BEFORE + each.name).alias(each.name)
            for each in described
        ),
    )
    step = max(count // SAMPLE, 1)
    sums, sample = pl.collect_all(
        [
            written.select(
                pl.len(), *(MEASURES[total.function](pl.col(total.field.name)).alias(total.soql) for total in totals)
            ),
            written.gather_every(step, count % step),
        ]
    )
    return sums, sample


def choose_functions(described: SObjectField) -> Sequence[str]:
    """Which functions tell something of a field that does not hang on how the org sorts text."""
    if described.type in NUMBER_TYPES:
        return ("COUNT", "SUM", "MIN", "MAX")
    return ("COUNT", "MIN", "MAX") if described.type in ("date", "datetime") else ("COUNT",)


def _find_altered(
    sample: pl.DataFrame, records: pl.DataFrame, keys: Sequence[str], schema: SObjectSchema
) -> Counter[str]:
    """How many of the sample do not hold what was written, by the fields that differ; `Id` of those not there."""
    names = [name for name in sample.columns if name not in ("record_id", "key")]
    lines = sample.select(
        "record_id",
        "key",
        pl.lit(Outcome.PLANNED, dtype=OUTCOME).alias("outcome"),
        *(pl.lit(None, dtype=pl.String).alias(name) for name in ("reason", "error_fields")),
        *(pl.col(name).alias(BEFORE + name) for name in names),
    )
    settled = mark_conflicts(lines, records, keys, schema)
    gone = pl.col("record_id").is_in(records["Id"].implode()).not_()
    differing = settled.select(pl.when(gone).then(pl.lit("Id")).otherwise("error_fields")).to_series()
    return Counter(differing.drop_nulls().to_list())
