"""Parts on disk give back what was given, whatever their number."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from integration_center.frames import cut_slices, write_frame
from integration_center.insights.catalogue import ReportKind
from integration_center.planning import parts
from integration_center.planning.plan import build_plan
from integration_center.storage import pin_frame
from integration_center_tests.sync.builders import LEAD, make_records, make_rows, make_spec

DAYS = [date(2026, 11, 21), date(2026, 11, 22)]
SPEC = make_spec({"Score": "Score__c", "Job": "Title"})


class StoredOrg:
    """An org whose records are at hand."""

    session = SimpleNamespace(usage=SimpleNamespace(org_time=None))

    def __init__(self, records: pl.DataFrame) -> None:
        self.records = records
        self.asked = 0

    def describe(self, name: str) -> object:
        return LEAD

    def read_records(self, *args: object, **options: object) -> pl.DataFrame:
        return self.records

    def may_edit_converted_leads(self) -> bool:
        self.asked += 1
        return False


def make_report(rows: int) -> pl.DataFrame:
    """Rows of two days with repeated, blank and unknown keys."""
    users = ["" if number % 17 == 3 else f"u{number % (rows * 3 // 4)}@x.org" for number in range(rows)]
    columns: dict[str, list[Any]] = {
        "User": users,
        "Score": [float(number % 7) for number in range(rows)],
        "Job": ["CEO"] * rows,
    }
    return make_rows(columns, days=[DAYS[number % 2] for number in range(rows)])


def make_org(records: int) -> StoredOrg:
    """Leads of which some share an address and some are converted."""
    leads = (
        {"Email": f"U{number - number % 5 % 2}@x.org", "Score__c": 1.0, "Title": "CEO", "IsConverted": number % 11 == 0}
        for number in range(records)
    )
    return StoredOrg(make_records(*leads))


@pytest.mark.parametrize("kind", ["snapshot", "events"])
def test_a_large_plan_is_made_in_parts_and_is_the_small_one(
    kind: ReportKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held at a time is set so low that slices and parts cut through days, keys and rows of many lines."""
    report, plans = make_report(400).lazy(), {}
    for name, sizes in {"whole": (1_000, 1_000), "parts": (30, 17)}.items():
        monkeypatch.setattr("integration_center.frames.SLICE_ROWS", sizes[1])
        monkeypatch.setattr("integration_center.planning.parts.SLICE_ROWS", sizes[1])
        monkeypatch.setattr("integration_center.planning.parts.PART_ROWS", sizes[0])
        folder = tmp_path / name
        folder.mkdir()
        org = make_org(350)
        plan = build_plan(SPEC, report, org, kind=kind, latest_by=None, folder=folder)  # type: ignore[arg-type]
        assert org.asked == 1  # for all parts together
        plans[name] = plan
    whole, split = plans["whole"].lines.collect(), plans["parts"].lines.collect()
    assert_frame_equal(split.drop("plan_id"), whole.drop("plan_id"))
    assert split["row"].is_sorted()
    assert split["row"].n_unique() == 400
    assert plans["parts"].tally == plans["whole"].tally
    assert plans["parts"].verdicts == plans["whole"].verdicts
    assert len(plans["whole"].tally.lines.as_dict()) >= 5


def test_parts_lie_on_disk_one_by_one(tmp_path: Path) -> None:
    frame = pl.DataFrame({"match_key": [None if n % 9 == 0 else f"k{n % 50}" for n in range(500)], "n": range(500)})
    held = parts.KeyParts(tmp_path, cut_slices(frame), 4)
    taken = [held.take(number) for number in range(4)]
    assert sorted(n for part in taken for n in part["n"]) == [n for n in range(500) if n % 9]
    assert all(part["n"].is_sorted() for part in taken)
    assert not list(tmp_path.iterdir())


def test_what_is_read_of_a_plan_stays_when_another_run_replaces_it(tmp_path: Path) -> None:
    stored = tmp_path / "logins_to_leads" / "update_set" / "2026-11-22.parquet"
    write_frame(pl.DataFrame({"plan_id": ["ours"]}), stored)
    plan = pin_frame(tmp_path, stored).scan()
    write_frame(pl.DataFrame({"plan_id": ["theirs"]}), stored)
    assert plan.collect()["plan_id"].to_list() == ["ours"]
