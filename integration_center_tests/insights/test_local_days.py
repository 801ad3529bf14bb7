"""Times with a zone keep the day of their zone on the way from a file or an asset to a date field."""

import io
from datetime import UTC, date, datetime

import polars as pl
import pytest

from integration_center.insights.asset_frames import read_asset
from integration_center.insights.catalogue import ReportInfo
from integration_center.planning.shaping import plan_shape, shape_rows
from integration_center.sync.targets import resolve_keys
from integration_center_tests.insights.conftest import DAY, Read
from integration_center_tests.sync.builders import LEAD, fit_column, make_field, make_spec

MIDNIGHT = datetime(2026, 11, 21, 15, 30, tzinfo=UTC)
"""00:30 on the 22nd in Tokyo."""
CELLS = "User ID,Seen\na,2026-11-22 00:30\nb,2026-11-22T00:30+09:00\nc,2026-11-22T00:30:00Z\nd,2026-11-22\n"


def find_days(column: pl.Series) -> list[date]:
    return fit_column(column, make_field("date"))["value"].to_list()


def find_moments(column: pl.Series) -> list[datetime]:
    return fit_column(column, make_field("datetime"))["value"].to_list()


@pytest.mark.parametrize("declared", ["zone: Asia/Tokyo\n", "columns: {Seen: {zone: Asia/Tokyo}}\n"])
def test_each_cell_has_the_day_that_it_shows(read: Read, declared: str) -> None:
    seen = read(CELLS, declared).frame["Seen"]
    assert find_days(seen) == [date(2026, 11, 22)] * 4
    assert find_moments(seen)[:2] == [MIDNIGHT] * 2


def test_without_a_zone_a_time_is_of_its_utc_day(read: Read) -> None:
    seen = read(CELLS).frame["Seen"]
    assert find_days(seen) == [date(2026, 11, 22)] * 4
    assert find_moments(seen)[0] == datetime(2026, 11, 22, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cell", "declared"),
    [
        ("1795275000", "zone: Asia/Tokyo\ncolumns: {Seen: {dates: epoch}}\n"),
        ("1795275000000", "columns: {Seen: {dates: epoch_ms, zone: Asia/Tokyo}}\n"),
        ("22.11.2026 00:30", "dates: '%d.%m.%Y %H:%M'\nzone: Asia/Tokyo\n"),
        ("22.11.2026 00:30 +0900", "dates: '%d.%m.%Y %H:%M %z'\n"),
    ],
)
def test_declared_forms_keep_the_day(read: Read, cell: str, declared: str) -> None:
    seen = read(f"User ID,Seen\na,{cell}\n", declared).frame["Seen"]
    assert seen.to_list() == ["2026-11-22T00:30:00+09:00"]


def test_a_column_declared_as_times_has_days_of_its_zone(read: Read) -> None:
    cells = "User ID,Seen\na,2026-11-22 00:30\nb,2026-11-21T15:30:00Z\n"
    for declared in ("{type: datetime, zone: Asia/Tokyo}", "{name: At, type: datetime, zone: Asia/Tokyo}"):
        seen = read(cells, f"columns: {{Seen: {declared}}}\n").frame.to_series(1)
        assert seen.dtype == pl.Datetime("us", "Asia/Tokyo")
        assert find_days(seen) == [date(2026, 11, 22)] * 2
        assert find_moments(seen) == [MIDNIGHT] * 2
    seen = read(cells, "columns: {Seen: {type: datetime}}\n").frame["Seen"]
    assert seen.dtype == pl.Datetime("us", "UTC")
    assert find_days(seen) == [date(2026, 11, 22), date(2026, 11, 21)]


def test_parquet_and_assets_keep_the_day_of_their_zone(read: Read) -> None:
    seen = pl.Series("Seen", [MIDNIGHT]).dt.convert_time_zone("Asia/Tokyo")
    frame = pl.DataFrame([pl.Series("User ID", ["a"]), seen])
    sink = io.BytesIO()
    frame.write_parquet(sink)
    from_file = read(sink.getvalue(), "", ".parquet").frame["Seen"]
    assert from_file.to_list() == ["2026-11-22T00:30:00+09:00"]
    info = ReportInfo("usage", "usage", "usage", text_columns=frozenset({"User ID"}))
    of_asset = read_asset(frame, info, DAY, identity="", named=["Seen"]).frame["Seen"]
    for column in (from_file, of_asset):
        assert find_days(column) == [date(2026, 11, 22)]
        assert find_moments(column) == [MIDNIGHT]


def test_expressions_calculate_in_utc_and_can_be_shifted(read: Read) -> None:
    report = read("User ID,Seen\na,2026-11-22 00:30\n", "zone: Asia/Tokyo\n")
    spec = make_spec(
        [
            {"value": 'CAST("Seen" AS DATE)', "field": "Since__c"},
            {"value": "CAST(\"Seen\" + INTERVAL '9 hours' AS DATE)", "field": "Last__c"},
        ],
        {"User ID": "Email"},
    )
    rows = report.frame.with_columns(pl.lit(DAY).alias("_day"))
    shape = plan_shape(spec, rows.lazy(), DAY, report.likely_types)
    assert shape is not None
    assert shape.faults == ()
    shaped = shape_rows(shape, rows, resolve_keys(spec, LEAD), newest=None, by_day=False)
    assert [shaped[each.source][0] for each in spec.fields] == [date(2026, 11, 21), date(2026, 11, 22)]
