"""Who was seen when is the same whether a ledger is compared by its sum or read line by line."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import integration_center.pipeline.steps.people as steps_people
from integration_center.pipeline.steps.people import find_known, note_push, read_known
from integration_center.store.frames import FrameFile
from integration_center.store.known_records import KnownRecords
from integration_center.store.ledgers import LedgerFolder
from integration_center.sync.absence import KNOWN, PERSON, KnownPeople, KnownRebuilt, find_absent, note_known
from integration_center.sync.columns import OUTCOME
from integration_center.sync.people_sum import PeopleSum, sum_people
from integration_center.sync.plan_terms import resolve_terms
from integration_center_tests.frame_stores import open_store
from integration_center_tests.proofs import examples
from integration_center_tests.sync.builders import LEAD, make_rows, make_spec

FIRST, DAY = date(2026, 11, 20), timedelta(days=1)
LINES = {"record_id": pl.String(), "key": pl.String(), "outcome": OUTCOME}
SPEC = make_spec({"Title": "Title"})
TERMS = resolve_terms(
    SPEC, LEAD, {"User": pl.String(), "Title": pl.String()}, latest_by=None, kind="snapshot", newest=None
)
people = st.integers(0, 3)
outcomes = st.sampled_from(["unchanged", "updated", "failed", "ineligible", "unmatched", "superseded"])
found = st.lists(st.tuples(people, outcomes, st.booleans()), unique_by=lambda each: each[0])
days = st.lists(st.tuples(st.integers(-1, 2), st.one_of(st.none(), st.just("again"), found)), max_size=8)


def build_lines(rows: list[tuple[int, str, bool]]) -> pl.DataFrame:
    """Build the lines of some people; those with True have another key than usual."""
    lines = [
        (None if outcome == "unmatched" else f"00Q{person}", f"{'new' * is_new}{person}@x.com", outcome)
        for person, outcome, is_new in rows
    ]
    return pl.DataFrame(lines, schema=LINES, orient="row")


class Syncs:
    """The syncs of one integration in a store of its own, one after the other."""

    def __init__(self, folder: Path) -> None:
        frames = open_store(folder)
        self.ledgers, self.known_records = LedgerFolder(frames), KnownRecords(frames)
        self.folder, self.runs = folder, 0
        self.expected = pl.DataFrame(schema=KNOWN)

    def open(self, day: date) -> Any:
        """Open the step of the next run."""
        self.runs += 1
        return SimpleNamespace(
            installation=SimpleNamespace(
                ledgers=self.ledgers,
                known_records=self.known_records,
                syncs=SimpleNamespace(pushed=lambda slug, org_id: ()),
            ),
            slug="logins",
            run_id=f"run {self.runs}",
            account=SimpleNamespace(org_id="00D"),
            spec=SPEC,
            days=[day],
        )

    def plan(self, step: Any, lines: pl.DataFrame) -> None:
        """Compare who is absent with what all ids say, and store the ledger."""
        total, day = sum_people(lines), step.days[0]
        keys = lines.filter(pl.col("outcome") != "superseded")["key"].to_list()
        rows = make_rows({"User": keys, "Title": [None] * len(keys)}, [day] * len(keys)).lazy()
        by_line = KnownPeople(self.expected.select)
        short, long = (
            find_absent(known, rows, lambda: lines["record_id"].drop_nulls(), TERMS, day, total)
            for known in (find_known(step), by_line)
        )
        assert short.people.equals(long.people)
        assert (short.known, short.dropped) == (long.known, long.dropped)
        path = self.folder / f"{step.run_id}.parquet"
        lines.write_parquet(path)
        self.ledgers.keep(step.run_id, step.slug, FrameFile(path), total)

    def push(self, step: Any, lines: pl.DataFrame) -> None:
        """Note whom the ledger has, and compare with what its lines say."""
        self.expected = pl.concat(note_known(self.expected.lazy(), lines.lazy(), step.run_id, step.days[0]))
        note_push(step, lines.lazy())
        assert read_known(step).equals(self.expected)


@examples(60)
@given(days)
def test_the_sum_of_a_ledger_says_what_its_lines_say(course: list[tuple[int, Any]]) -> None:
    with TemporaryDirectory() as name:
        syncs, day, lines = Syncs(Path(name)), FIRST, build_lines([])
        for later, rows in course:
            day += later * DAY
            if rows is None:  # the same people, none of whom has to be written any more
                lines = lines.with_columns(pl.col("outcome").replace({"updated": "unchanged"}))
            elif rows != "again":
                lines = build_lines(rows)
            step = syncs.open(day)
            syncs.plan(step, lines)
            syncs.push(step, lines)


def test_a_ledger_with_the_same_people_is_not_compared_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = build_lines([(1, "updated", False), (2, "unmatched", False), (3, "ineligible", False)])
    with TemporaryDirectory() as name:
        syncs = Syncs(Path(name))
        step = syncs.open(FIRST)
        syncs.plan(step, lines)
        syncs.push(step, lines)
        again, step = lines[::-1].with_columns(outcome=pl.lit("unchanged", OUTCOME)), syncs.open(FIRST + DAY)
        syncs.plan(step, again)
        monkeypatch.setattr(steps_people, "note_known", pytest.fail)
        monkeypatch.setattr(steps_people, "find_day_seen_again", pytest.fail)
        note_push(step, again.lazy())
        assert read_known(step)["last_seen"].to_list() == [FIRST + DAY]


@pytest.mark.parametrize("column", PERSON)
def test_a_frame_that_is_built_again_meanwhile_is_read_from_the_beginning(column: str) -> None:
    stored, built = (
        pl.concat(note_known(pl.LazyFrame(schema=KNOWN), build_lines(rows).lazy(), "run 1", FIRST))
        for rows in ([(number, "updated", False) for number in numbers] for numbers in ([1, 2, 3], [3, 1]))
    )
    frames = [built, stored]

    def read(columns: Sequence[str]) -> pl.DataFrame:
        if column in columns and frames[-1] is stored:
            frames.pop()
            raise KnownRebuilt
        return frames[-1].select(columns)

    rows = make_rows({"User": ["1@x.com"], "Title": [None]}, [FIRST + DAY]).lazy()
    found = find_absent(KnownPeople(read), rows, lambda: pl.Series(["00Q1"]), TERMS, FIRST + DAY)
    assert found.people.equals(built.select(PERSON)[:1])
    assert (found.known, found.dropped) == (2, 1)


def test_other_people_keys_and_records_have_other_sums() -> None:
    ledgers = [
        [(1, "unchanged", False), (2, "unchanged", False)],
        [(1, "unchanged", False)],
        [(1, "unchanged", False), (2, "unchanged", True)],
        [(1, "unchanged", True), (2, "unchanged", True)],
        [(1, "unchanged", False), (2, "unmatched", False)],
        [(1, "unchanged", False), (3, "unchanged", False)],
        [],
    ]
    sums = {sum_people(build_lines(rows)) for rows in ledgers}
    assert len(sums) == len(ledgers)
    swapped = build_lines(ledgers[0]).with_columns(pl.col("key").reverse())
    assert sum_people(swapped) not in sums


@given(st.lists(found, max_size=3))
def test_a_sum_does_not_depend_on_slices_order_or_what_became_of_lines(
    parts: list[list[tuple[int, str, bool]]],
) -> None:
    whole = pl.concat([build_lines([]), *map(build_lines, parts)])
    total = sum((sum_people(build_lines(part)) for part in parts), start=PeopleSum())
    assert sum_people(whole) == sum_people(whole[::-1]) == total == PeopleSum.read(total.as_dict())
    assert sum_people(whole.with_columns(pl.col("outcome").replace({"updated": "failed"}))) == total
