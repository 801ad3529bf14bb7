"""Looks, right after a push, whether the org holds what was written.

A flow or trigger of the org may change a record in the very transaction that writes it, and under the same
SystemModstamp. So whoever wants to know what the records hold has to read all of them again. One composite call tells
nearly as much: how many records the connected user has changed since, the sums and bounds of their fields, and a
thousand of them in full (SOQL and SOSL Reference, "Aggregate Functions"). Where all of that is as it was written, the
next read can leave these rows out; the weekly full read has the last word. Where too much of the sample is not, all
records written are read, so that the ledger says of each what became of it.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from integration_center.errors import TerminalError, TransientError
from integration_center.salesforce.client.cells import parse_records
from integration_center.salesforce.client.retry_policy import RetryPolicy
from integration_center.salesforce.client.soql import build_select, join_conditions, quote, write_moment
from integration_center.salesforce.org import Org
from integration_center.salesforce.read.rest import QUERIES_A_CALL, Query, follow_pages, read_first_pages
from integration_center.salesforce.read.snapshot import AUTHOR, STAMP, OwnWrites, SnapshotKeeper, Span
from integration_center.salesforce.write.last_look import MARGIN, build_id_queries
from integration_center.salesforce.write.totals import MEASURES, Total, choose_functions
from integration_center.store.frames import FrameFile
from integration_center.sync.columns import AFTER, BEFORE, CHANGED, OUTCOME
from integration_center.sync.conflicts import mark_conflicts
from integration_center.sync.ledger import count_lines
from integration_center.sync.outcomes import Outcome
from integration_center.sync.overridden import mark_overridden
from integration_center.sync.schema import SObjectField, SObjectSchema

logger = logging.getLogger(__name__)

SAMPLE = 1_000
"""Records read in full: a change to one in two hundred of those written is found with 99 % certainty."""
SETTLE_SECONDS = 1.0
"""Stamps are whole seconds. What the user writes after this look must not bear the second of the last row written."""
WORTH_A_LOOK = 200
"""Records written from which on a sample is worth its call: as many as one call of sObject Collections writes."""
OVERRIDDEN_SHARE = 0.02
"""Where the org changed more than this share of the sample again, all records written are read."""
SAMPLE_SECONDS = 5.0
"""How long a sample may take to come; more where sums over many records come with it."""
SUMMED_A_SECOND = 50_000
ALL_SECONDS = 60.0
"""How long an answer may take when all records written are read."""
ALL_DEADLINE = 600.0
"""How long a Bulk query for all records written may run."""


@dataclass(frozen=True)
class ReadBack:
    """What the org holds of what was written.

    Attributes:
        written: records that were updated.
        looked_at: of them, those read in full.
        fields: how many of these records differ in which fields (`A,B`); `Id` counts the records that were not there.
        overridden: of the records read in full, those that hold another value in a field that was sent.
        doubt: why the rest may hold other values, too; None when nothing says so.
        unread: the org did not answer; `doubt` says what it said.
        span: when the records written were stamped, where there is no doubt.
        records: those read in full.
    """

    written: int
    looked_at: int = 0
    fields: Mapping[str, int] = field(default_factory=dict)
    overridden: int = 0
    doubt: str | None = None
    unread: bool = False
    span: Span | None = None
    records: pl.DataFrame = field(default_factory=pl.DataFrame, repr=False, compare=False)

    @property
    def altered(self) -> int:
        """Records read in full that do not hold what was written."""
        return sum(self.fields.values())

    @property
    def complete(self) -> bool:
        """Whether all records written were read in full."""
        return self.looked_at == self.written

    @property
    def widespread(self) -> bool:
        """Whether the org changes so much that it has to be known of which records."""
        return self.overridden > (0 if self.complete else OVERRIDDEN_SHARE * self.looked_at)

    @property
    def sentence(self) -> str:
        """For the run's log."""
        if self.unread:
            return f"what was written could not be read back, and counts as written: {self.doubt}"
        if self.altered:
            named = ", ".join(f"{name} ({count:,})" for name, count in self.fields.items())
            return (
                f"{self.altered:,} of {self.looked_at:,} records read back do not hold what was written: {named}; a"
                " flow, trigger or other user of the org changes them"
            )
        if self.doubt:
            return f"what was written is read again next time: {self.doubt}"
        if self.span is None:
            return f"{self.looked_at:,} of {self.written:,} records read back hold what was written"
        return f"{self.looked_at:,} records read back hold what was written, and the sums of all {self.written:,} agree"


@dataclass(frozen=True)
class Own:
    """The condition that only what was written meets.

    Attributes:
        where: the condition that the integration's records meet.
        user_id: the connected user.
        since: a SystemModstamp after which all was written; whoever else wrote as this user since makes for doubt.
    """

    where: str | None
    user_id: str
    since: datetime

    @property
    def condition(self) -> str | None:
        """As SOQL."""
        stamped = f"{STAMP} > {write_moment(self.since)}"
        return join_conditions(self.where, f"{AUTHOR} = {quote(self.user_id)}", stamped)


def read_back(
    org: Org,
    schema: SObjectSchema,
    ledger: pl.LazyFrame,
    count: int,
    *,
    keys: Sequence[str],
    own: Own | None = None,
) -> ReadBack:
    """Compare what was written with what the org says it holds: one API call, and once more where that fails.

    Args:
        org: where the records are.
        schema: their object.
        ledger: of the push: a complete Lines frame.
        count: of its lines that are `updated`.
        keys: the integration's key fields, in its order and in any case.
        own: what was written, so that its sums are compared too; None for a sample alone.
    """
    described = _find_mapped(ledger, schema)
    summed = described if own else []
    wanted = [Total(function, each) for each in summed if each.aggregatable for function in choose_functions(each)]
    sums, sample = _collect(ledger, wanted, count)
    totals = [replace(total, expected=sums[total.soql].item()) for total in wanted]
    functions = ["COUNT(Id)", f"MIN({STAMP})", f"MAX({STAMP})", *(total.soql for total in totals)]
    keys = [schema.require(key).name for key in keys]
    names = list(dict.fromkeys([*keys, *(each.name for each in described)]))
    while len(queries := build_id_queries(schema.name, names, sample["record_id"].to_list())) >= QUERIES_A_CALL:
        sample = sample.gather_every(2)  # the call has to have room for the sums
    if own:
        logger.info("reading back what was written to %d records in %.0f s", count, SETTLE_SECONDS)
        org.polling.sleep(SETTLE_SECONDS)
    hasty = org.with_retries(_hurry(org.session.retries, SAMPLE_SECONDS + (count / SUMMED_A_SECOND if own else 0)))
    sums_query = [Query(build_select(functions, schema.name, own.condition))] if own else []
    try:
        answered = read_first_pages(hasty.session, [*sums_query, *map(Query, queries)])
        pages = answered[len(sums_query) :]
        rows = [row for page in pages for part in follow_pages(hasty.session, page) for row in part]
        records = parse_records(rows, ["Id", *names], schema)
        altered = _find_altered(sample, records, keys, schema)
        overridden = count_lines(mark_overridden(sample, records, schema))[Outcome.OVERRIDDEN]
        found = ReadBack(count, sample.height, altered, overridden, records=records)
        if altered:
            return replace(found, doubt="the org changes what is written to it")
        if not own:
            return found
        answers: Mapping[str, Any] = next(iter(answered[0]["records"]), {})
        return _judge_totals(found, [answers.get(f"expr{n}") for n in range(len(functions))], totals, schema)
    except (TerminalError, TransientError) as error:  # what was written stands, whatever comes of the look
        return ReadBack(count, doubt=f"the org does not tell ({error})", unread=True)


def read_written(org: Org, schema: SObjectSchema, ledger: pl.LazyFrame, since: datetime | None) -> pl.DataFrame:
    """Read all records that were written, by the cheapest way.

    Args:
        org: where the records are.
        schema: their object.
        ledger: of the push.
        since: a SystemModstamp after which all was written; None when it is unknown.

    Returns:
        A Records frame with the mapped fields; other records may stand in it.

    Raises:
        TransientError, TerminalError: the org does not give them.
    """
    ids = ledger.filter(pl.col("outcome") == Outcome.UPDATED).select("record_id").collect()["record_id"]
    hasty = org.with_retries(_hurry(org.session.retries, ALL_SECONDS))
    hasty.polling = replace(org.polling, deadline=min(org.polling.deadline, ALL_DEADLINE))
    return hasty.read_records(
        schema,
        [each.name for each in _find_mapped(ledger, schema)],
        key=("Id", ids.to_list()),
        where=f"{STAMP} >= {write_moment(since - MARGIN)}" if since else None,
        expected_rows=len(ids) if since else None,
    )


def _hurry(retries: RetryPolicy, seconds: float) -> RetryPolicy:
    """Rules for a look that a push can do without: an answer within `seconds`, and one retry at once."""
    return replace(
        retries,
        read_timeout=min(retries.read_timeout, seconds),
        attempts=min(retries.attempts, 2),
        wait_max=min(retries.wait_max, 1.0),
        retry_after_max=min(retries.retry_after_max, 1.0),
    )


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
        own=Own(
            info.basis.where,
            info.basis.user_id,
            # Rows may be stamped with the second in which a job of the read was made, but not with that of a row read.
            since=max(info.stamped_at - timedelta(seconds=1), info.newest or info.stamped_at),
        ),
    )
    if found.span:
        keeper.note_writes(OwnWrites(info.read_at, found.span, count), ledger)
    return found


def _find_mapped(ledger: pl.LazyFrame, schema: SObjectSchema) -> list[SObjectField]:
    names = (name.removeprefix(BEFORE) for name in ledger.collect_schema().names() if name.startswith(BEFORE))
    return [schema.require(name) for name in names]


def _collect(ledger: pl.LazyFrame, totals: Sequence[Total], count: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What was written, in one pass: a row with each total under its SOQL; and lines from all parts of the report."""
    written = ledger.filter(pl.col("outcome") == Outcome.UPDATED)
    names = dict.fromkeys(total.field.name for total in totals)
    step = max(count // SAMPLE, 1)
    sums, sample = pl.collect_all(
        [
            written.select(_expected(name).alias(name) for name in names).select(
                pl.len(), *(MEASURES[total.function](pl.col(total.field.name)).alias(total.soql) for total in totals)
            )
            if names
            else pl.LazyFrame(),
            written.gather_every(step, count % step),
        ]
    )
    return sums, sample


def _expected(name: str) -> pl.Expr:
    """What a written field should hold: what was sent, or where it was left alone what it held."""
    return pl.when(CHANGED + name).then(AFTER + name).otherwise(BEFORE + name)


def _find_altered(
    sample: pl.DataFrame, records: pl.DataFrame, keys: Sequence[str], schema: SObjectSchema
) -> Counter[str]:
    """How many of the sample do not hold what was written, by the fields that differ; `Id` of those not there."""
    names = [name.removeprefix(BEFORE) for name in sample.columns if name.startswith(BEFORE)]
    lines = sample.select(
        "record_id",
        "key",
        pl.lit(Outcome.PLANNED, dtype=OUTCOME).alias("outcome"),
        *(pl.lit(None, dtype=pl.String).alias(name) for name in ("reason", "error_fields")),
        *(_expected(name).alias(BEFORE + name) for name in names),
    )
    settled = mark_conflicts(lines, records, keys, schema)
    gone = pl.col("record_id").is_in(records["Id"].implode()).not_()
    differing = settled.select(pl.when(gone).then(pl.lit("Id")).otherwise("error_fields")).to_series()
    return Counter(differing.drop_nulls().to_list())
