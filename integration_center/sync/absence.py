"""People who dropped out: records that earlier syncs wrote, and whose key is no longer in the report."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl
from polars.selectors import by_name

from integration_center.sync.columns import DAY, LAST_SEEN, OUTCOME
from integration_center.sync.given import Given
from integration_center.sync.lines import Matching, list_records, settle_lines
from integration_center.sync.match.usable_rows import show_key
from integration_center.sync.outcomes import MAY_BE_WRITTEN, Outcome
from integration_center.sync.people_sum import PeopleSum, is_row
from integration_center.sync.plan_terms import ROW, Terms, name_columns
from integration_center.sync.targets import Target
from integration_center.sync.values.distinct import find_places, find_places_of, repeats
from integration_center.sync.values.pairs import PLACE

SLICE_ROWS = 50_000
KNOWN = {"record_id": pl.String(), "key": pl.String(), "last_seen": pl.Date(), "written_by": pl.String()}
"""The columns of the frame of known records: one row per record that syncs of an integration wrote to an org; the
newest day whose report had its key; and the run that wrote it first."""

PERSON = ("record_id", "key", "last_seen")


class KnownRebuilt(Exception):
    """The frame of known records was not there, or damaged. It is built again now, perhaps with other rows."""


@dataclass(frozen=True)
class KnownPeople:
    """The people whom earlier syncs of an integration wrote.

    Attributes:
        read: reads columns of the frame of known records, which all together take the memory of a report. Raises
            `KnownRebuilt` when it had to build the frame.
        seen: the sum of the newest ledger, and its day, which is the `last_seen` of all its people and of nobody else.
            None when they are not known.
    """

    read: Callable[[Sequence[str]], pl.DataFrame]
    seen: tuple[PeopleSum, date] | None = None


@dataclass(frozen=True)
class Absence:
    """The known records whose people are not in the report of a day.

    Attributes:
        people: `record_id`, `key` and `last_seen`, one row per record.
        known: the number of records that the newest earlier report had.
        dropped: how many of these are not in this report.
    """

    people: pl.DataFrame
    known: int
    dropped: int


def compare_keys(keys: pl.Series) -> pl.Series:
    """Return shown keys in the form in which known records are looked up."""
    is_ascii = (keys.str.len_bytes() == keys.str.len_chars()).all()
    composed = keys if is_ascii else keys.str.normalize("NFC")  # which takes ten times as long as the rest
    return composed.str.strip_chars().str.to_lowercase()


def find_absent(
    known: KnownPeople,
    rows: pl.LazyFrame,
    matched: Callable[[], pl.Series],
    terms: Terms,
    day: date,
    seen: PeopleSum | None = None,
) -> Absence:
    """Find the known records whose key is not in the report, and which no row of the report matches.

    Args:
        known: the known records.
        rows: the report, with `_day` and the key columns. In a snapshot, only the newest day counts.
        matched: returns the ids of the records that the report matches.
        terms: the terms of the plan.
        day: the day of the run. Records that a later report had are not absent.
        seen: the sum of the lines of the plan, if they are there already.
    """
    try:
        return _find_absent(known, rows, matched, terms, day, seen)
    except KnownRebuilt:  # columns that were read before belong to other rows
        return _find_absent(replace(known, seen=None), rows, matched, terms, day, seen)


def _find_absent(
    known: KnownPeople,
    rows: pl.LazyFrame,
    matched: Callable[[], pl.Series],
    terms: Terms,
    day: date,
    seen: PeopleSum | None,
) -> Absence:
    last_seen = known.read(["last_seen"]).to_series()
    is_open = is_earlier = last_seen < day
    if known.seen and seen == known.seen[0]:  # as on most days: only those who left before can be absent
        is_open = is_earlier & (last_seen != known.seen[1])
    if is_open.any():
        found = find_places_of(lambda: known.read(["record_id"]).to_series().filter(is_open), matched())
        places = is_open.arg_true().filter(found.is_null())
        is_open = pl.repeat(False, len(is_open), eager=True).scatter(places, True)
    people = pl.DataFrame(schema={name: KNOWN[name] for name in PERSON})
    if is_open.any():
        # In one chunk: Polars 1 panics where texts are made from a column whose first chunk has become empty.
        people = pl.DataFrame([known.read([name]).to_series().filter(is_open) for name in PERSON]).rechunk()
        present = compare_keys(_show_keys(rows, terms)).unique()
        people = people.filter(~compare_keys(people["key"]).is_in(present.implode()).fill_null(False))
    earlier = last_seen.filter(is_earlier)
    before = earlier.max()
    return Absence(
        people,
        known=int((earlier == before).sum()) if before is not None else 0,
        dropped=int((people["last_seen"] == before).sum()) if before is not None else 0,
    )


def _show_keys(rows: pl.LazyFrame, terms: Terms) -> pl.Series:
    """Return the keys of the report's rows as the report shows them. In a snapshot, only the newest day counts."""
    columns = tuple(dict.fromkeys(key.column for key in terms.keys))
    current = rows if terms.newest is None else rows.filter(pl.col(DAY) == terms.newest)
    named = name_columns(current.select(by_name(DAY, *columns)).collect(), columns)
    return named.select(show_key([key.given for key in terms.keys]).alias("key")).to_series()


def build_absent_lines(
    people: pl.DataFrame,
    records: pl.DataFrame,
    terms: Terms,
    values: Mapping[str, pl.Series],
    *,
    clears: bool,
    day: date,
    due: pl.Series,
    first: int,
) -> pl.DataFrame:
    """Build the lines of people who dropped out.

    Args:
        people: see `Absence`.
        records: the records of those who are due, as `build_lines` takes them.
        terms: the terms of the plan.
        values: what is written, by the API name of the field; one value per person.
        clears: whether the other mapped fields are emptied.
        day: the day of the run.
        due: whether something is written to the person's record, Boolean. No record, no line that writes.
        first: the number of the first line.

    Returns:
        The lines as `build_lines` returns them, with `last_seen`. A line that changes nothing is `absent`.
    """
    targets = tuple(_retarget(target, values, clears=clears) for target in terms.targets)
    changed = replace(terms, targets=targets)
    places = records.select("Id", pl.int_range(pl.len(), dtype=pl.UInt32).alias(PLACE))
    found = people.join(places, left_on="record_id", right_on="Id", how="left", maintain_order="left")
    writes = due & found[PLACE].is_not_null()
    seen = pl.format("no longer in the report; it was last there on {}", pl.col("last_seen"))
    gone = pl.lit("; the record is deleted, or no longer meets the integration's condition")
    lines = found.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias(ROW),
        pl.lit(day).alias("day"),
        pl.when(~writes).then(pl.lit(Outcome.ABSENT, dtype=OUTCOME)).alias("outcome"),
        pl.when(due & ~writes).then(seen + gone).otherwise(seen).alias("reason"),
        pl.when(writes).then(PLACE).alias(PLACE),
    )
    given = pl.LazyFrame([_give(target, values, people.height) for target in targets])
    sources = Given(given, {target.source: target.source for target in targets})
    shown = Given(people.lazy(), {"key": "key"})
    matching = Matching(changed, lines, people.height, shown, pl.col("key"), sources, list_records(records, targets))
    settled = settle_lines(lines, matching)
    outcome = pl.col("outcome")
    return settled.with_columns(
        pl.col(ROW) + pl.lit(first, dtype=pl.UInt32),
        pl.when(outcome == Outcome.UNCHANGED)
        .then(pl.lit(Outcome.ABSENT, dtype=OUTCOME))
        .otherwise(outcome)
        .alias("outcome"),
        pl.coalesce("record_id", people["record_id"]).alias("record_id"),
        people["last_seen"].alias(LAST_SEEN),
    )


def find_day_seen_again(known: pl.LazyFrame, lines: pl.LazyFrame, day: date) -> date | None:
    """Find the newest day in a frame of known records, if a push saw exactly the people of that day again.

    Then the push changes nothing about known records but that day, so the frame need not be written again. Most days
    are like this, except for people who come or go.

    Args:
        known: the frame before the push, which may be on disk.
        lines: the ledger, whose records are in the order of the frame.
        day: the newest day of the run.

    Returns:
        The day. None when the frame may have to be written again.
    """
    before = known.select("record_id", "last_seen").collect()
    newest = before["last_seen"].max()
    if not isinstance(newest, date) or newest > day:
        return None
    is_current = before["last_seen"] == newest
    current, older = before["record_id"].filter(is_current), before["record_id"].filter(~is_current)
    del before
    # Whole columns: a filter on disk would read the columns that it needs again with each of them.
    ids = _read_column(lines, "record_id")
    outcome = pl.col("outcome")
    chosen = lines.select(
        is_row=is_row(lines), is_written=outcome.is_in(MAY_BE_WRITTEN), is_unchanged=outcome == Outcome.UNCHANGED
    ).collect()
    is_matched = chosen["is_row"] & ids.is_not_null()
    is_written = chosen["is_written"] & is_matched
    is_known = is_written | (chosen["is_unchanged"] & is_matched)  # as on most days: no record is on two lines
    if not ids.filter(is_known).equals(current):
        # Numbers tell apart what is compared as text right after.
        is_known = is_matched & ids.hash().is_in(current.hash().implode())
    if not ids.filter(is_known).equals(current) or (is_written & ~is_known).any():
        return None
    comes_back = len(older) > 0 and ids.filter(is_matched).is_in(older.implode()).any()
    del ids, current, older  # together with the keys they take the memory of a report
    keys, known_keys = _read_column(lines, "key"), _read_column(known, "key")
    if comes_back or not keys.filter(is_known).equals(known_keys.filter(is_current)):
        return None
    if not is_current.all():
        present = compare_keys(keys.filter(chosen["is_row"]).drop_nulls())
        if present.is_in(compare_keys(known_keys.filter(~is_current)).implode()).any():
            return None
    return newest


def note_known(known: pl.LazyFrame, lines: pl.LazyFrame, run_id: str, day: date) -> Iterator[pl.DataFrame]:
    """Yield slices of the frame of known records as it is after a push.

    Args:
        known: the frame before the push, which may be on disk.
        lines: the ledger.
        run_id: the run of the push.
        day: the newest day of the run.
    """
    rows, matched = _select_rows(lines)
    before = known.select("record_id", "last_seen").collect()
    if before.height:
        yield from _note_seen(known, before, rows, matched, day)
    is_written = pl.col("outcome").is_in(MAY_BE_WRITTEN)
    new = matched.filter(is_written).select("record_id", "key").collect(engine="streaming")
    if before.height:
        new = new.filter(find_places(new["record_id"], before["record_id"]).is_null())
    del before
    for start in range(0, max(new.height, 1), SLICE_ROWS):  # the text of the run takes the memory of a column
        part = new.slice(start, SLICE_ROWS)
        yield part.with_columns(pl.lit(day).alias("last_seen"), pl.lit(run_id).alias("written_by"))


def _note_seen(
    known: pl.LazyFrame, before: pl.DataFrame, rows: pl.LazyFrame, matched: pl.LazyFrame, day: date
) -> Iterator[pl.DataFrame]:
    """Yield slices of the frame of known records with the people whom a report had.

    Args:
        known: the frame before the push.
        before: its `record_id` and `last_seen`.
        rows: the lines of the report's rows.
        matched: those of them that have a record.
        day: the newest day of the run.
    """
    # One column after another, because together they take the memory of a report.
    ids = _read_column(matched, "record_id")
    is_first = ids.is_first_distinct() if repeats(ids) else None
    places = find_places(before["record_id"], ids if is_first is None else ids.filter(is_first))
    del ids
    is_seen, is_earlier = places.is_not_null(), before["last_seen"] < day
    if (others := ~is_seen & is_earlier).any():
        present = compare_keys(_read_column(rows, "key").drop_nulls()).unique()
        others &= compare_keys(_read_column(known, "key")).is_in(present.implode()).fill_null(False)
        is_seen |= before["record_id"].is_in(before["record_id"].filter(others).implode())
        del present
    keys = _read_column(matched, "key") if places.count() else pl.Series("key", dtype=pl.String)
    keys = (keys if is_first is None else keys.filter(is_first)).rechunk()  # see `find_places_of`
    moved = is_seen & is_earlier
    for start in range(0, before.height, SLICE_ROWS):
        part = slice(start, start + SLICE_ROWS)
        yield (
            known.slice(start, SLICE_ROWS)
            .collect()
            .with_columns(
                pl.when(moved[part]).then(pl.lit(day)).otherwise("last_seen").alias("last_seen"),
                pl.coalesce(keys.gather(places[part]), "key").alias("key"),
            )
        )


def _select_rows(lines: pl.LazyFrame) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Select the lines of the rows of the newest day, and those of them that have a record."""
    rows = lines.filter(is_row(lines))
    return rows, rows.filter(pl.col("record_id").is_not_null())


def _read_column(lines: pl.LazyFrame, name: str) -> pl.Series:
    """Read one column of a file. The other engine would have all of its rows in memory, and then these."""
    return lines.select(name).collect(engine="streaming").to_series()


def forget_written(known: pl.DataFrame, run_id: str, restored: pl.Series) -> pl.DataFrame:
    """Remove the records that a run wrote first, and that its undo restored."""
    return known.filter(~((pl.col("written_by") == run_id) & pl.col("record_id").is_in(restored.implode())))


def _retarget(target: Target, values: Mapping[str, pl.Series], *, clears: bool) -> Target:
    given = values.get(target.field.name)
    if given is not None:
        return replace(target, dtype=given.dtype, clears=True)
    return replace(target, clears=clears)


def _give(target: Target, values: Mapping[str, pl.Series], height: int) -> pl.Series:
    given = values.get(target.field.name)
    series = pl.Series([None] * height, dtype=target.dtype) if given is None else given
    return series.alias(target.source)
