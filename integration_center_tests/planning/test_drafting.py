"""A plan made some rows at a time is the one made as a whole."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from integration_center.errors import PlanError, ServiceUnavailable
from integration_center.insights.catalogue import ReportKind
from integration_center.integration.spec import IntegrationSpec
from integration_center.planning.plan import build_plan, list_keys
from integration_center.store.stored_files import FileKind, Place
from integration_center.sync.outcomes import Outcome
from integration_center.sync.tally import tally_lines
from integration_center_tests.frame_stores import make_folder, open_store
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


@pytest.mark.sampled
@pytest.mark.parametrize("kind", ["snapshot", "events"])
def test_a_plan_made_some_rows_at_a_time_is_the_one_made_as_a_whole(
    kind: ReportKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held at a time is set so low that slices cut through days, keys and rows of many lines."""
    report, plans = make_report(400).lazy(), {}
    for name, height in {"whole": 1_000, "sliced": 17}.items():
        monkeypatch.setattr("integration_center.store.frames.SLICE_ROWS", height)
        folder = tmp_path / name
        folder.mkdir()
        org = make_org(350)
        plan = build_plan(SPEC, report, org, kind=kind, latest_by=None, folder=folder)  # type: ignore[arg-type]
        assert org.asked == 1  # for all slices together
        plans[name] = plan
    whole, sliced = plans["whole"].lines.collect(), plans["sliced"].lines.collect()
    assert_frame_equal(sliced.drop("plan_id"), whole.drop("plan_id"))
    assert sliced["row"].is_sorted()
    assert sliced["row"].n_unique() == 400
    assert plans["sliced"].tally == plans["whole"].tally
    assert plans["sliced"].verdicts == plans["whole"].verdicts
    assert len(plans["whole"].tally.lines.as_dict()) >= 5


@pytest.mark.proof
def test_values_that_the_org_keeps_changing_back_are_left_to_it_however_the_plan_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Earlier writes are asked for some records at a time, and the plan is written again without what they rule out."""
    monkeypatch.setattr("integration_center.store.frames.SLICE_ROWS", 17)
    monkeypatch.setattr("integration_center.planning.plan_file.LOOKED_UP", 30)
    report, asked = make_report(400).lazy(), []
    first = build_plan(SPEC, report, make_org(350), kind="events", latest_by=None, folder=make_folder(tmp_path, "1"))  # type: ignore[arg-type]
    planned = first.lines.filter(pl.col("outcome") == "planned").collect()
    written = planned.with_columns(pl.lit("updated").cast(planned.schema["outcome"]).alias("outcome"))

    def earlier(ids: pl.Series) -> list[pl.DataFrame]:
        asked.append(len(ids))
        # The second half was written twice, so the org has changed it back twice.
        return [written[start:].filter(pl.col("record_id").is_in(ids.implode())) for start in (0, planned.height // 2)]

    plan = build_plan(
        SPEC,
        report,
        make_org(350),  # type: ignore[arg-type]
        kind="events",
        latest_by=None,
        folder=make_folder(tmp_path, "2"),
        earlier=earlier,
    )
    lines = plan.lines.collect()
    assert max(asked) <= 30 + 17
    left = lines.filter(pl.col("reason").str.starts_with("org_overrides"))
    assert left["record_id"].to_list() == planned["record_id"][planned.height // 2 :].to_list()
    assert plan.tally == tally_lines(lines)
    assert plan.tally.lines[Outcome.PLANNED] == planned.height // 2


@pytest.mark.parametrize("column", ["*", "^User$"])
def test_the_keys_asked_for_are_those_of_the_key_column_whatever_its_name(column: str) -> None:
    rows = make_rows({"User": ["no@x.org", None], column: ["A@x.org ", "b@x.org"], "Score": [1.0, 2.0]})
    spec = make_spec({"Score": "Score__c"}, keys={column: "Email"})
    assert list_keys(spec, rows, LEAD) == ("Email", ["a@x.org", "b@x.org"])


def test_what_goes_wrong_while_a_plan_is_made_is_reported_as_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines are made while they are written, and the writer has errors of its own."""

    def make(spec: IntegrationSpec, name: str) -> None:
        folder = make_folder(tmp_path, name)
        build_plan(spec, make_report(400).lazy(), make_org(350), kind="events", latest_by=None, folder=folder)  # type: ignore[arg-type]

    with pytest.raises(PlanError, match="match more than one Lead record"):
        make(make_spec({"Score": "Score__c"}, when_many_match="fail"), "many")

    def break_off(org: StoredOrg) -> bool:
        raise ServiceUnavailable("the org is away")

    monkeypatch.setattr(StoredOrg, "may_edit_converted_leads", break_off)
    with pytest.raises(ServiceUnavailable, match="the org is away"):
        make(SPEC, "converted")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_is_read_of_a_plan_stays_when_another_run_replaces_it(tmp_path: Path) -> None:
    frames = open_store(tmp_path)
    place = Place("logins_to_leads/update_set/2026-11-22.parquet", FileKind.PLAN, "logins_to_leads")
    plan = frames.publish_frame(place, pl.DataFrame({"plan_id": ["ours"]})).scan()
    frames.publish_frame(place, pl.DataFrame({"plan_id": ["theirs"]}))
    assert plan.collect()["plan_id"].to_list() == ["ours"]
    newest = frames.fetch(place.name)
    assert newest is not None
    assert newest.scan().collect()["plan_id"].to_list() == ["theirs"]
