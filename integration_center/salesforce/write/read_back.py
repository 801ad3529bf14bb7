"""Check, right after a push, whether the org holds what was written.

A flow or trigger of the org may change a record in the same transaction that writes it, and under the same
SystemModstamp. Only reading all records again would show for certain what they hold. One composite call shows nearly as
much: how many records the connected user has changed since, the sums and bounds of their fields, and a thousand of them
in full (SOQL and SOSL Reference, "Aggregate Functions"). If all of that is as it was written, the next read can leave
these rows out; the weekly full read corrects any error. If too many records of the sample differ, all written records
are read, so that the ledger says what became of each.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from integration_center.errors import TerminalError, TransientError
from integration_center.remote import RetryPolicy
from integration_center.salesforce.client.cells import parse_records
from integration_center.salesforce.client.soql import build_select, join_conditions, quote, write_moment
from integration_center.salesforce.org import Org
from integration_center.salesforce.read.rest import QUERIES_A_CALL, Query, follow_pages, read_first_pages
from integration_center.salesforce.read.snapshot import AUTHOR, STAMP, OwnWrites, SnapshotKeeper, Span
from integration_center.salesforce.write.last_look import MARGIN, build_id_queries
from integration_center.salesforce.write.totals import Total
from integration_center.salesforce.write.written_lines import WrittenLines, build_expected
from integration_center.store.frames import FrameFile
from integration_center.sync.columns import BEFORE, OUTCOME
from integration_center.sync.conflicts import mark_conflicts
from integration_center.sync.marking import list_mapped
from integration_center.sync.outcomes import Outcome
from integration_center.sync.overridden import mark_overridden
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.tally import count_lines
from integration_center.wording.sentences import count

logger = logging.getLogger(__name__)

SETTLE_SECONDS = 1.0
"""The wait before the look. Stamps are whole seconds, and later writes must not get the second of the last row."""
WORTH_A_LOOK = 200
"""From this many written records on, a sample is worth its call. One sObject Collections call writes as many."""
OVERRIDDEN_SHARE = 0.02
"""If the org changed more than this share of the sample again, all written records are read."""
SAMPLE_SECONDS = 5.0
"""How long a sample may take, in seconds. Sums over many records get more time."""
SUMMED_A_SECOND = 50_000
ALL_SECONDS = 60.0
"""How long an answer may take, in seconds, when all written records are read."""
ALL_DEADLINE = 600.0
"""How long a Bulk query for all written records may run, in seconds."""


@dataclass(frozen=True)
class ReadBack:
    """A comparison of written records with what the org holds now.

    Attributes:
        written: the number of records that were updated.
        looked_at: the number of these records that were read in full.
        fields: how many of the records read in full differ, by the fields that differ (`A,B`). `Id` counts missing
            records.
        overridden: the number of records read in full that hold another value in a field that was sent.
        doubt: why the other records may hold other values, too; None without such a sign.
        unread: whether the org did not answer; `doubt` then has the error.
        span: when the written records were stamped, if there is no doubt.
        records: the records read in full.
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
        """The number of records read in full that do not hold what was written."""
        return sum(self.fields.values())

    @property
    def complete(self) -> bool:
        """Whether all written records were read in full."""
        return self.looked_at == self.written

    @property
    def widespread(self) -> bool:
        """Whether the org changed so many records that all of them have to be found."""
        return self.overridden > (0 if self.complete else OVERRIDDEN_SHARE * self.looked_at)

    @property
    def sentence(self) -> str:
        """The sentence for the run's log."""
        if self.unread:
            return f"the written records could not be read back, and count as written: {self.doubt}"
        if self.altered:
            named = ", ".join(f"{name} ({altered:,})" for name, altered in self.fields.items())
            return (
                f"{self.altered:,} of {self.looked_at:,} records read back do not hold what was written: {named}; a"
                " flow, trigger or other user of the org changes them"
            )
        if self.doubt:
            return f"the written records are read again next time: {self.doubt}"
        if self.span is None:
            return f"{self.looked_at:,} of {self.written:,} records read back hold what was written"
        read_back = count(self.looked_at, "record read back holds", "records read back hold")
        return f"{read_back} what was written, and the sums of all {self.written:,} agree"


@dataclass(frozen=True)
class Own:
    """The condition that only the written records meet.

    Attributes:
        where: the condition that the integration's records meet.
        user_id: the connected user.
        since: a SystemModstamp before all of the writes. Other writes by the same user after it cause doubt.
        written_at: when the org had written everything, by the clock of the polling; None when that is unknown.
    """

    where: str | None
    user_id: str
    since: datetime
    written_at: float | None = None

    @property
    def condition(self) -> str | None:
        """The condition in SOQL."""
        stamped = f"{STAMP} > {write_moment(self.since)}"
        return join_conditions(self.where, f"{AUTHOR} = {quote(self.user_id)}", stamped)


def read_back(
    org: Org,
    schema: SObjectSchema,
    written: WrittenLines,
    *,
    keys: Sequence[str],
    own: Own | None = None,
) -> ReadBack:
    """Compare a sample of written records with what the org holds now, in one API call, or two if the first fails.

    Args:
        org: the org that holds the records.
        schema: the object of the records.
        written: the written lines of the push.
        keys: the integration's key fields, in its order, in upper or lower case.
        own: the condition of the written records, to compare their totals too; None to compare the sample only.
    """
    count, sample = written.count, written.sample
    totals = written.totals if own else []
    functions = ["COUNT(Id)", f"MIN({STAMP})", f"MAX({STAMP})", *(total.soql for total in totals)]
    keys = [schema.require(key).name for key in keys]
    names = list(dict.fromkeys([*keys, *(each.name for each in written.fields)]))
    while len(queries := build_id_queries(schema.name, names, sample["record_id"].to_list())) >= QUERIES_A_CALL:
        sample = sample.sample(fraction=0.5)  # the call needs room for the sums
    if own:
        passed = 0.0 if own.written_at is None else org.polling.clock() - own.written_at
        if passed < SETTLE_SECONDS:
            logger.info("reading back a sample of %d written records in a moment", count)
            org.polling.sleep(SETTLE_SECONDS - passed)
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
    except (TerminalError, TransientError) as error:  # the look must not fail a push that has written
        return ReadBack(count, doubt=f"the org did not answer ({error})", unread=True)


def read_written(org: Org, schema: SObjectSchema, ledger: pl.LazyFrame, since: datetime | None) -> pl.DataFrame:
    """Read all records that were written, in the cheapest way.

    Args:
        org: the org that holds the records.
        schema: the object of the records.
        ledger: the ledger of the push.
        since: a SystemModstamp before all of the writes; None when it is unknown.

    Returns:
        A Records frame with the mapped fields. It may include other records.

    Raises:
        TransientError, TerminalError: the records cannot be read.
    """
    ids = ledger.filter(pl.col("outcome") == Outcome.UPDATED).select("record_id").collect()["record_id"]
    hasty = org.with_retries(_hurry(org.session.retries, ALL_SECONDS))
    hasty.polling = replace(org.polling, deadline=min(org.polling.deadline, ALL_DEADLINE))
    return hasty.read_records(
        schema,
        [schema.require(name).name for name in list_mapped(ledger.collect_schema(), BEFORE)],
        key=("Id", ids.to_list()),
        where=f"{STAMP} >= {write_moment(since - MARGIN)}" if since else None,
        expected_rows=len(ids) if since else None,
    )


def _hurry(retries: RetryPolicy, seconds: float) -> RetryPolicy:
    """Build the retry policy for an optional look: an answer within `seconds`, and one quick retry."""
    return replace(
        retries,
        read_timeout=min(retries.read_timeout, seconds),
        attempts=min(retries.attempts, 2),
        wait_max=min(retries.wait_max, 1.0),
        retry_after_max=min(retries.retry_after_max, 1.0),
    )


def _judge_totals(found: ReadBack, answers: Sequence[Any], totals: Sequence[Total], schema: SObjectSchema) -> ReadBack:
    """Add to `found` the span of the written rows if count and totals are as expected, else a doubt."""
    changed, first, last, *rest = answers
    if changed != found.written:
        return replace(
            found, doubt=f"the connected user has changed {count(changed, 'record')} since, not {found.written}"
        )
    differing = [total.soql for total, answer in zip(totals, rest, strict=True) if not total.fits(answer, schema)]
    if differing:
        return replace(found, doubt=f"{', '.join(differing)} of the written records differs in the org")
    bounds = parse_records([{STAMP: first}, {STAMP: last}], [STAMP], schema).to_series()
    if bounds.null_count():
        return replace(found, doubt=f"the org does not report {STAMP} of the written records")
    return replace(found, span=Span(bounds[0], bounds[1]))


def prove_writes(
    org: Org,
    schema: SObjectSchema,
    ledger: FrameFile,
    written: WrittenLines,
    keeper: SnapshotKeeper,
    *,
    keys: Sequence[str],
    written_at: float | None = None,
) -> ReadBack | None:
    """Check that the org holds what a push wrote. If so, note the writes with the snapshot that the plan was made from.

    Args:
        org: the org that holds the records.
        schema: the object of the records.
        ledger: the ledger of the push.
        written: its written lines.
        keeper: the keeper of the snapshot.
        keys: the integration's key fields, in its order.
        written_at: see `Own`.

    Returns:
        The comparison. None when nothing was compared, because there is no snapshot to keep up to date, or the object
        does not record who changed its records.
    """
    info, author, stamp = keeper.find(), schema.get(AUTHOR), schema.get(STAMP)
    if info is None or info.stamped_at is None or keeper.find_writes(info) is not None:
        return None  # only one push is noted; the rows of a later push are read again
    if author is None or not author.filterable or stamp is None or not stamp.aggregatable:
        return None
    found = read_back(
        org,
        schema,
        written,
        keys=keys,
        own=Own(
            info.basis.where,
            info.basis.user_id,
            # A write may have the second in which the read's Bulk job was created, but not the second of a row read.
            since=max(info.stamped_at - timedelta(seconds=1), info.newest or info.stamped_at),
            written_at=written_at,
        ),
    )
    if found.span:
        keeper.note_writes(OwnWrites(info.read_at, found.span, written.count), ledger)
    return found


def _find_altered(
    sample: pl.DataFrame, records: pl.DataFrame, keys: Sequence[str], schema: SObjectSchema
) -> Counter[str]:
    """Count the sample's records that do not hold what was written, by the fields that differ, or `Id` if missing."""
    names = list_mapped(sample.columns, BEFORE)
    lines = sample.select(
        "record_id",
        "key",
        pl.lit(Outcome.PLANNED, dtype=OUTCOME).alias("outcome"),
        *(pl.lit(None, dtype=pl.String).alias(name) for name in ("reason", "error_fields")),
        *(build_expected(name).alias(BEFORE + name) for name in names),
    )
    settled = mark_conflicts(lines, records, keys, schema)
    gone = pl.col("record_id").is_in(records["Id"].implode()).not_()
    differing = settled.select(pl.when(gone).then(pl.lit("Id")).otherwise("error_fields")).to_series()
    return Counter(differing.drop_nulls().to_list())
