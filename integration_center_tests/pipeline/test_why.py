"""Why a record says what it says."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from integration_center.installation import open_installation
from integration_center.store.frames import write_frame
from integration_center.store.ledger_search import find_places, read_lines, read_question
from integration_center.sync.columns import LEDGER_COLUMNS
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, days_before, email, logins
from integration_center_tests.pipeline.commands import Command, as_json
from integration_center_tests.processor_time import take_least

ID = "00Qxx0000012345"
LAST_ROW = len(PLAIN) + 1
"""The row of the last person, as a spreadsheet counts."""


@pytest.mark.proof
def test_each_run_tells_value_row_and_value_before(center: Center, command: Command) -> None:
    center.integrate()
    center.drop(logins(PLAIN, 7), days_before(1))
    first = center.run(day=days_before(1))
    center.let_time_pass()
    center.drop(logins(PLAIN[::-1], 50))
    second = center.run()
    quiet = center.run()
    person, record_id = PLAIN[0], center.lead(PLAIN[0])["Id"]
    for asked in (
        email(person),
        f" {email(person).upper()} ",
        record_id,
        f"https://acme.my.salesforce.com/{record_id}",
    ):
        found = as_json(command("why", asked, "--json"))
        assert [entry["run_id"] for entry in found["entries"]] == [second.run_id, first.run_id]
        newest, before = found["entries"]
        assert (newest["day"], newest["row"], newest["outcome"]) == (YESTERDAY.isoformat(), LAST_ROW, "updated")
        assert newest["record_id"] == record_id
        (change,) = newest["changes"]
        assert (change["field"], change["before"], change["after"]) == (COUNT, 7 + person, 50 + person)
        assert {each["field"] for each in before["changes"]} >= {COUNT}
        assert found["quiet"] == [{"slug": "logins_to_leads", "outcome": "unchanged", "runs": 1}]
    shown = command("why", email(person))[1]
    assert f"row {LAST_ROW} of Logins Review, {YESTERDAY}" in shown
    assert quiet.run_id not in shown
    assert "Nothing is known of it: 3 ledgers were searched." in command("why", "nobody@acme.example")[1]
    with open_installation() as installation:
        ledger = installation.ledgers.file(first.run_id, "logins_to_leads")
        assert ledger is not None
        ledger.path.write_bytes(b"damaged")
    assert len(as_json(command("why", email(person), "--json"))["entries"]) == 1


@pytest.mark.parametrize(
    ("text", "record_id"),
    [
        (ID, f"{ID}AAA"),
        (f"https://x.lightning.force.com/lightning/r/Lead/{ID}/view", f"{ID}AAA"),
        ("ann@acme.example", None),
        ("https://acme.example/about", None),
    ],
)
def test_what_may_be_asked(text: str, record_id: str | None) -> None:
    found = read_question(text).record_id
    assert (found is None) if record_id is None else (found is not None and found.startswith(ID))


@pytest.mark.parametrize("key", ["a.b+c@x.example", "(x|y)*", "ÄRGER@x.example", "[a-z]$"])
def test_a_key_is_compared_as_text_whatever_its_case(tmp_path: Path, key: str) -> None:
    columns = {name: pl.lit(None, dtype=dtype) for name, dtype in LEDGER_COLUMNS.items()}
    keys = pl.DataFrame({"key": ["other", key.lower(), f" {key.upper()} ", "aab+c@xyexample"]})
    columns |= {"row": pl.int_range(pl.len(), dtype=pl.UInt32), "key": pl.col("key"), "day": pl.lit(date(2026, 1, 1))}
    columns["outcome"] = pl.lit("updated").cast(LEDGER_COLUMNS["outcome"])
    path = tmp_path / "a.parquet"
    write_frame(keys.select(expression.alias(name) for name, expression in columns.items()), path)
    places = find_places([path], read_question(key))
    assert [place.row for place in places] == [1, 2]
    assert [line["row"] for line in read_lines([path], places)] == [1, 2]


@pytest.mark.parametrize("asked", [ID, f"{ID}AAA", f"https://x.my.salesforce.com/{ID}"])
def test_an_id_is_found_as_a_key_too_whatever_its_length(tmp_path: Path, asked: str) -> None:
    columns = {name: pl.lit(None, dtype=dtype) for name, dtype in LEDGER_COLUMNS.items()}
    record_id = read_question(ID).record_id
    keys = pl.DataFrame({"key": [ID, f" {record_id} ", ID.lower(), f"{ID}1", "ann@acme.example"]})
    columns |= {"row": pl.int_range(pl.len(), dtype=pl.UInt32), "key": pl.col("key")}
    columns["record_id"] = pl.lit(pl.Series([None, None, None, None, record_id], dtype=pl.String))
    columns["outcome"] = pl.lit("unmatched").cast(LEDGER_COLUMNS["outcome"])
    path = tmp_path / "a.parquet"
    write_frame(keys.select(expression.alias(name) for name, expression in columns.items()), path)
    question = read_question(asked.replace(f"{ID}AAA", record_id or ""))
    assert [place.row for place in find_places([path], question)] == [0, 1, 4]


def test_ninety_ledgers_are_searched_in_a_second(tmp_path: Path) -> None:
    count, path = 100_000, tmp_path / "a.parquet"
    columns = {name: pl.lit(None, dtype=dtype) for name, dtype in LEDGER_COLUMNS.items()}
    columns |= {"row": pl.int_range(count, dtype=pl.UInt32)}
    columns["key"] = pl.format("person{}@acme.example", pl.int_range(count))
    columns["outcome"] = pl.lit("unchanged").cast(LEDGER_COLUMNS["outcome"])
    write_frame(pl.select(expression.alias(name) for name, expression in columns.items()), path)
    most = 3  # of processor time, of two cores or more
    found, seconds = take_least(lambda: find_places([path] * 90, read_question("Person54321@acme.example")), most)
    assert seconds < most
    assert len(found) == 90
