"""What an asset hands on, of whatever library, becomes a table of plain columns, or a sentence says why not."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from integration_center.errors import UnreadableReport
from integration_center.insights.asset_frames import plain_columns, read_frame

TABLE = pl.DataFrame({"User ID": ["a@x.example", "b@x.example"], "Visits": [1, None]})


@dataclass
class ArrowTable:
    """A table of a library that hands its columns on by Arrow's C interface."""

    frame: pl.DataFrame
    column_names: list[str] | None = None

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    TABLE.write_parquet(tmp_path / "usage.parquet")
    return tmp_path / "usage.parquet"


def test_each_kind_of_table_is_read_the_same(stored: Path) -> None:
    kinds: list[Any] = [
        *(TABLE, TABLE.lazy(), TABLE.to_dicts()),
        *(stored, str(stored), f"file://{stored}", {"2026-11-22": TABLE[:1], "2026-11-23": TABLE[1:]}),
        ArrowTable(TABLE),
    ]
    for kind in kinds:
        assert read_frame(kind, "asset 'usage'").equals(TABLE), type(kind)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "handed on nothing"),
        (7, "handed on a int; it must be"),
        ([], "handed on a list"),
        ({"email": ["ann@x.example"], "logins": [7]}, "handed on a dict"),
        ("nowhere/usage.parquet", "names a file that is not there: usage.parquet"),
        (ArrowTable(TABLE, ["Visits", "Visits"]), "columns of the same name: 'Visits'; rename them"),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(value: object, said: str) -> None:
    with pytest.raises(UnreadableReport, match=said) as refused:
        read_frame(value, "asset 'usage'")
    assert "asset 'usage'" in str(refused.value)


def test_a_damaged_file_is_named_without_its_content(tmp_path: Path) -> None:
    (tmp_path / "usage.parquet").write_bytes(b"ann@x.example")
    with pytest.raises(UnreadableReport, match="cannot be read") as refused:
        read_frame(tmp_path / "usage.parquet", "asset 'usage'")
    assert "ann@" not in str(refused.value)


def test_columns_become_the_types_of_reports() -> None:
    zone = pl.Datetime("ns", "Europe/Berlin")
    moment = datetime(2026, 7, 1, 10, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            "text": pl.Series(["", "x"]),
            "small": pl.Series([1, 2], dtype=pl.UInt8),
            "large": pl.Series([2**63, 1], dtype=pl.UInt64),
            "fits": pl.Series([5, None], dtype=pl.UInt64),
            "single": pl.Series([0.1, None], dtype=pl.Float32),
            "exact": pl.Series([Decimal("1.10"), None]),
            "zoned": pl.Series([moment, None]).cast(zone),
            "naive": pl.Series([moment.replace(tzinfo=None), None]),
            "day": [date(2026, 7, 1), None],
            "clock": [time(7), None],
            "kind": pl.Series(["a", None], dtype=pl.Categorical),
            "empty": pl.Series([None, None], dtype=pl.Null),
            "yes": [True, None],
        }
    )
    plain, notes = plain_columns(frame, "asset 'usage'", [])
    assert notes == []
    assert plain.row(0, named=True) == {
        "text": None,
        "small": 1,
        "large": "9223372036854775808",
        "fits": 5,
        "single": 0.1,
        "exact": "1.10",
        "zoned": moment,
        "naive": moment,
        "day": date(2026, 7, 1),
        "clock": "07:00:00",
        "kind": "a",
        "empty": None,
        "yes": True,
    }
    zones = ("Europe/Berlin", "UTC")
    assert [plain.schema[name] for name in ("zoned", "naive")] == [pl.Datetime("us", zone) for zone in zones]


def test_nested_columns_are_left_out_unless_they_are_named() -> None:
    nested = {
        "lists": pl.Series([[1]]),
        "records": pl.Series([{"a": 1}]),
        "bytes": pl.Series([b"x"]),
        "durations": pl.Series([timedelta(hours=1)]),
        "Python objects": pl.Series([object()], dtype=pl.Object),
    }
    for what, series in nested.items():
        frame = pl.DataFrame({"User ID": ["a"]}).with_columns(series.alias("Odd"))
        plain, notes = plain_columns(frame, "asset 'usage'", ["User ID"])
        assert (plain.columns, notes) == (["User ID"], [f"asset 'usage': column 'Odd' is left out: it holds {what}"])
        with pytest.raises(UnreadableReport, match=f"column 'Odd' holds {what}"):
            plain_columns(frame, "asset 'usage'", ["odd"])
    with pytest.raises(UnreadableReport, match="has no columns"):
        plain_columns(pl.DataFrame(), "asset 'usage'", [])
