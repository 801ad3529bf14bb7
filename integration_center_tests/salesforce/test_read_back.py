"""Looking whether the org holds what a push wrote, so that the next read may leave those rows out."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from integration_center.planning.plan import Plan, build_plan
from integration_center.salesforce.read.snapshot_file import SnapshotFolder, find_snapshot
from integration_center.salesforce.write import written_lines
from integration_center.salesforce.write.push import push_updates
from integration_center.salesforce.write.read_back import ReadBack, prove_writes
from integration_center.salesforce.write.written_lines import WrittenLines
from integration_center.store.frames import FrameFile, rewrite_frame
from integration_center.store.stored_files import FileKind
from integration_center.sync.ledger import completing, planned_updates
from integration_center_tests.frame_stores import find_snapshot_path, make_folder, open_store
from integration_center_tests.salesforce.daily import INCREMENTAL, ORG_ID, Integration
from integration_center_tests.salesforce.scripted import RecordingJournal
from integration_center_tests.sync.builders import make_rows, make_spec

COUNT, LAST = "WalkMe_Logins_Last_30_Days__c", "WalkMe_Last_Login__c"
SPEC = make_spec({"Logins": COUNT, "Last": LAST}, {"User": "company"})
COLLEAGUE = "005000000000009AAA"
FEW_BYTES = 1_000


@pytest.fixture
def pushing(integration: Integration, tmp_path: Path) -> Iterator[Integration]:
    """One that matches Leads by their companies, of which each has its own."""
    ids = integration.lead_ids()
    for number, lead in enumerate(ids):
        integration.save("update", {"Id": lead, "Company": f"Company {number}"})
    integration.pass_time(hours=24)
    snapshot = SnapshotFolder(open_store(tmp_path)).of("own", "Lead", ORG_ID, integration.snapshot.user_id)
    yield replace(integration, snapshot=snapshot, fields=("Company", COUNT, LAST), stamps=False)
    integration.org.org.flows.clear()


def push(
    on: Integration, folder: Path, value: int, meanwhile: Callable[[], object] = lambda: None
) -> tuple[Plan, FrameFile, ReadBack | None]:
    """Write a count and a moment to the first 100 Leads, and look whether the org holds them."""
    rows = make_rows({"User": [f"company {n}" for n in range(100)], "Logins": [value + n % 9 for n in range(100)]})
    rows = rows.with_columns(Last=pl.datetime(2026, 1, 1, time_zone="UTC") + pl.duration(hours=pl.col("Logins")))
    folder = make_folder(folder, f"push-{value}")
    with on.connect() as org:
        plan = build_plan(SPEC, rows.lazy(), org, kind="snapshot", latest_by=None, folder=folder, snapshot=on.snapshot)
        updates = planned_updates(plan.lines).collect()
        results = push_updates(org, plan.schema, updates, journal=RecordingJournal(), channel="bulk")
        ledger = rewrite_frame(plan.lines, completing(results), folder / "ledger.parquet")
        meanwhile()
        on.pass_time(seconds=2)
        on.handle.calls.clear()
        written = WrittenLines.read(plan.schema, ledger.scan(), updates.height)
        found = prove_writes(org, plan.schema, ledger, written, on.snapshot, keys=["company"])
        on.calls = on.handle.calls.find()
    return plan, ledger, found


def read_later(on: Integration, **length: float) -> int:
    """Read some time later; the bytes that came."""
    on.pass_time(**length)
    on.read()
    return sum(call.bytes_out for call in on.calls)


def test_what_a_push_wrote_is_looked_at_in_one_call_and_not_read_again(pushing: Integration, tmp_path: Path) -> None:
    _, _, found = push(pushing, tmp_path, 5)
    assert found is not None
    assert (found.written, found.looked_at, found.altered, found.doubt) == (100, 100, 0, None)
    assert found.sentence == "100 records read back hold what was written, and the sums of all 100 agree"
    assert pushing.asked == INCREMENTAL
    for hours in (24, 24, 1):
        assert read_later(pushing, hours=hours) < FEW_BYTES
        assert pushing.asked == INCREMENTAL
    path = find_snapshot_path(pushing.snapshot)
    assert [*path.parent.glob("own*")] == [path]


def test_day_after_day_each_push_is_carried_over(pushing: Integration, tmp_path: Path) -> None:
    for value in (5, 20, 35):
        plan, _, found = push(pushing, tmp_path, value)
        assert plan.tally.lines.as_dict() == {"planned": 100}
        assert found is not None
        assert found.span is not None
        pushing.pass_time(hours=24)
    assert read_later(pushing, hours=1) < FEW_BYTES


def test_a_plan_of_the_same_values_writes_nothing(pushing: Integration, tmp_path: Path) -> None:
    push(pushing, tmp_path, 5)
    pushing.pass_time(hours=24)
    rows = [f"company {n}" for n in range(100)]
    report = make_rows({"User": rows, "Logins": [5 + n % 9 for n in range(100)]})
    report = report.with_columns(Last=pl.datetime(2026, 1, 1, time_zone="UTC") + pl.duration(hours=pl.col("Logins")))
    with pushing.connect() as org:
        plan = build_plan(
            SPEC,
            report.lazy(),
            org,
            kind="snapshot",
            latest_by=None,
            folder=make_folder(tmp_path, "again"),
            snapshot=pushing.snapshot,
        )
    assert plan.tally.lines.as_dict() == {"unchanged": 100}


def edit(on: Integration, number: int, values: dict[str, object], author: str | None = None) -> None:
    """Let somebody edit a Lead: a colleague, or another program with the connected user's name."""
    lead = on.lead_ids()[number]
    on.save("update", {"Id": lead, **values})
    if author:
        with on.org.store.writing() as connection:
            connection.execute("UPDATE Lead SET LastModifiedById = ? WHERE Id = ?", (author, lead))


@pytest.mark.sampled
@pytest.mark.parametrize("author", [COLLEAGUE, None], ids=["colleague", "same user"])
@pytest.mark.parametrize("seconds", [0, 30, 86_400])
def test_what_others_write_afterwards_is_read(
    pushing: Integration, tmp_path: Path, author: str | None, seconds: int
) -> None:
    push(pushing, tmp_path, 5)
    pushing.pass_time(seconds=seconds)
    edit(pushing, 3, {COUNT: 77}, author)
    edit(pushing, 4, {"Company": "Another"}, author)
    read_later(pushing, hours=24)
    assert pushing.asked == INCREMENTAL


def test_records_that_are_changed_in_a_regular_pattern_are_found(
    pushing: Integration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report often has two kinds of people in turn, of which a flow may change one kind only."""
    monkeypatch.setattr(written_lines, "SAMPLE", 20)

    def change_all_but_every_fifth() -> None:
        for number in range(100):
            if number % 5:
                edit(pushing, number, {COUNT: 77})

    _, _, found = push(pushing, tmp_path, 5, meanwhile=change_all_but_every_fifth)
    assert found is not None
    assert found.looked_at == 20
    assert found.altered > 0
    assert found.widespread


def test_a_flow_that_changes_what_is_written_is_reported_and_all_is_read_again(
    pushing: Integration, tmp_path: Path
) -> None:
    pushing.org.org.flows.change_on_save("Lead", COUNT, lambda value: value and value + 1)
    _, _, found = push(pushing, tmp_path, 5)
    assert found is not None
    assert found.altered > 90
    assert dict(found.fields) == {COUNT: found.altered}
    assert f"of 100 records read back do not hold what was written: {COUNT} ({found.altered}); a flow" in found.sentence
    assert read_later(pushing, hours=24) > FEW_BYTES


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("field", "change", "doubt"),
    [
        (COUNT, lambda value: value + 1, f"SUM({COUNT})"),
        (COUNT, lambda value: None, f"COUNT({COUNT})"),
        (LAST, lambda value: "2027-01-01T00:00:00", f"MAX({LAST})"),
    ],
)
def test_a_flow_that_the_sample_misses_is_found_by_the_sums(
    pushing: Integration,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    field: str,
    change: Callable[[object], object],
    doubt: str,
) -> None:
    monkeypatch.setattr(written_lines, "_draw", lambda places: places.head(1))
    lead = pushing.lead_ids()[7]
    pushing.org.org.flows.change_on_save("Lead", field, change, record_ids=[lead])
    _, _, found = push(pushing, tmp_path, 5)
    assert found is not None
    assert (found.looked_at, found.altered) == (1, 0)
    assert str(found.doubt).startswith(doubt)
    assert read_later(pushing, hours=24) > FEW_BYTES


def test_where_the_same_user_wrote_other_records_meanwhile_all_is_read_again(
    pushing: Integration, tmp_path: Path
) -> None:
    _, _, found = push(pushing, tmp_path, 5, lambda: edit(pushing, 105, {COUNT: 77}))
    assert found is not None
    assert found.doubt == "the connected user has changed 101 records since, not 100"
    assert read_later(pushing, hours=24) > FEW_BYTES


def test_a_record_deleted_meanwhile_makes_for_doubt(pushing: Integration, tmp_path: Path) -> None:
    _, _, found = push(pushing, tmp_path, 5, lambda: pushing.save("delete", {"Id": pushing.lead_ids()[3]}))
    assert found is not None
    assert dict(found.fields) == {"Id": 1}
    read_later(pushing, hours=24)


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, '[{"errorCode":"MALFORMED_QUERY","message":"unexpected token: COUNT"}]'),
        (403, '[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests Limit exceeded."}]'),
        (503, "busy"),
    ],
)
def test_where_the_org_does_not_tell_nothing_is_noted_and_the_push_counts(
    pushing: Integration, tmp_path: Path, status: int, body: str
) -> None:
    def refuse() -> None:
        pushing.org.faults.respond(status, "*/composite*", body=body, times=9, content_type="application/json")

    _, _, found = push(pushing, tmp_path, 5, refuse)
    pushing.org.faults.clear()
    assert found is not None
    assert str(found.doubt).startswith("the org did not answer")
    assert read_later(pushing, hours=24) > FEW_BYTES


@pytest.mark.sampled
@pytest.mark.parametrize("damage", ["ledger gone", "ledger cut", "note cut"])
def test_a_damaged_note_costs_a_longer_read(pushing: Integration, tmp_path: Path, damage: str) -> None:
    push(pushing, tmp_path, 5)
    frames, place = pushing.snapshot.frames, find_snapshot("own", "Lead", ORG_ID, FileKind.WRITES)
    noted, ledger = frames.index.find(place.name), frames.fetch(place.name)
    assert noted is not None
    assert ledger is not None
    if damage == "ledger gone":
        ledger.path.unlink()
    elif damage == "ledger cut":
        content = ledger.path.read_bytes()
        ledger.path.write_bytes(content[: len(content) // 2])
    else:
        frames.index.put(replace(noted, details={"read_at": noted.details["read_at"]}))
    assert read_later(pushing, hours=24) > FEW_BYTES


def test_a_note_beside_another_snapshot_is_not_believed(pushing: Integration, tmp_path: Path) -> None:
    """As a run leaves it that was killed between storing the records and removing the note."""
    push(pushing, tmp_path, 5)
    index = pushing.snapshot.frames.index
    kept = index.find(find_snapshot("own", "Lead", ORG_ID, FileKind.WRITES).name)
    assert kept is not None
    edit(pushing, 3, {COUNT: 77})
    read_later(pushing, hours=24)
    index.put(kept, shares=True)
    edit(pushing, 4, {COUNT: 78})
    read_later(pushing, hours=24)
    assert pushing.asked == INCREMENTAL


def test_what_a_colleague_does_in_the_very_second_of_the_push_is_read(pushing: Integration, tmp_path: Path) -> None:
    edit(pushing, 110, {COUNT: 1}, COLLEAGUE)
    push(pushing, tmp_path, 5, lambda: edit(pushing, 111, {COUNT: 2}, COLLEAGUE))
    edit(pushing, 5, {COUNT: 3}, COLLEAGUE)
    read_later(pushing, hours=24)
    assert pushing.asked == INCREMENTAL
