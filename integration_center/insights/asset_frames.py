"""Reads what an asset of the team holds as a report: any kind of frame, with its types mapped or refused."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from integration_center.errors import UnreadableReport
from integration_center.insights.catalogue import ReportInfo, fit_columns
from integration_center.insights.column_names import find_column
from integration_center.insights.formats.value_text import write_text
from integration_center.insights.likely_types import infer_types
from integration_center.insights.source import Report
from integration_center.integration.source import AssetSource
from integration_center.integration.spec import IntegrationSpec

KINDS = "a Polars frame, an Arrow table, a pandas frame, or a path or URL to Parquet"
MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(-\d{2}:\d{2})?$")
"""The name of a partition by time, as Dagster gives it: a day, week or month by its first day, or an hour."""
REMOTE = ("s3://", "gs://", "az://", "abfs://", "abfss://", "https://", "http://", "file://")


def describe_asset(folder: str, spec: IntegrationSpec, source: AssetSource) -> ReportInfo:
    """Describe an asset as a report is described.

    Args:
        folder: where its frames are stored.
        spec: the integration that reads it, whose key columns stay text.
        source: what the integration says of it.
    """
    return ReportInfo(
        folder,
        folder,
        source.asset,
        kind=source.kind,
        key_column=source.key_column or spec.keys[0].column,
        latest_by=source.latest_by,
        text_columns=frozenset(spec.key_columns),
    )


def read_asset(value: object, info: ReportInfo, day: date, *, identity: str, named: Collection[str]) -> Report:
    """Read the rows that an asset's IO manager handed on.

    Args:
        value: a frame, or the place of one.
        info: what the integration says of the asset; `text_columns` stay text.
        day: the partition the rows are stored for.
        identity: identifies these rows.
        named: the columns that the integration uses. Others that cannot be read are left out.

    Raises:
        UnreadableReport: the value is no table, or a named column cannot be read.
    """
    what = f"asset {info.name!r}"
    frame, notes = plain_columns(read_frame(value, what), what, named)
    text = {found for name in info.text_columns if (found := find_column(name, frame.columns))}
    if text:
        written = write_text(frame[sorted(text)], what)
        frame = frame.with_columns(written[name] for name in written.columns)
    fitted = fit_columns(info, frame.columns)
    texts = pl.DataFrame([series for series in frame if series.dtype == pl.String])
    likely = infer_types(texts, key_column=fitted.key_column, declared={})
    return Report(fitted, day, frame.lazy(), identity, None, likely, notes)


def read_frame(value: object, what: str) -> pl.DataFrame:
    """Read a table, whatever library it is of.

    Raises:
        UnreadableReport: it is no table, or cannot be read.
    """
    try:
        return _read_any(value, what)
    except UnreadableReport:
        raise
    except ModuleNotFoundError as error:
        raise UnreadableReport(
            f"{what}: this kind of table needs {error.name}; install it beside the Integration Center"
        ) from None
    except Exception as error:  # noqa: BLE001 - each library has errors of its own, whose texts may quote values
        raise UnreadableReport(f"{what} cannot be read ({type(error).__name__}); it must be {KINDS}") from None


def keep_newest_part(
    parts: Mapping[str, object], info: ReportInfo, keys: Sequence[str]
) -> tuple[pl.DataFrame | Mapping[str, object], int]:
    """Concatenate the partitions of a snapshot. Of a key that several of them have, the newest has the rows.

    Args:
        parts: what was handed on of each partition, by its name.
        info: of the asset.
        keys: the columns by which the integration matches.

    Returns:
        The rows, and how many were passed over. The partitions as they are, where their names are not dates or times,
        or where one of them lacks a key that can be compared.

    Raises:
        UnreadableReport: a partition is no table.
    """
    if not all(MOMENT.match(name) for name in parts):
        return parts, 0
    what = f"asset {info.name!r}"
    kept: list[pl.DataFrame] = []
    newer = pl.DataFrame(schema=dict.fromkeys(map(str, range(len(keys))), pl.String))
    passed_over = 0
    for _, part in sorted(parts.items(), reverse=True):
        frame = read_frame(part, what)
        found = [frame[name] for key in keys if (name := find_column(key, frame.columns))]
        if len(found) != len(keys) or any(_refuse(series.dtype) for series in found):
            return parts, 0
        own = pl.DataFrame([series.cast(pl.String).alias(str(number)) for number, series in enumerate(found)])
        fresh = own.with_row_index("row").join(newer, on=newer.columns, how="anti")["row"].sort()
        kept.append(frame[fresh])
        passed_over += len(frame) - len(fresh)
        newer = pl.concat([newer, own]).unique()
    return pl.concat(kept[::-1], how="diagonal_relaxed"), passed_over


def _read_any(value: Any, what: str) -> pl.DataFrame:
    match value:
        case None:
            raise UnreadableReport(f"{what} handed on nothing (None); it must be {KINDS}")
        case pl.DataFrame():
            return value
        case pl.LazyFrame():
            return value.collect()
        case Path():
            return _scan(str(value), what).collect()
        case str():
            return _scan(value, what).collect()
        case Mapping() if value and all(isinstance(key, str) and not _is_column(part) for key, part in value.items()):
            return pl.concat([_read_any(part, what) for part in value.values()], how="diagonal_relaxed")
        case list() if not _is_column(value):
            return pl.from_dicts(value, infer_schema_length=None)
    columns = getattr(value, "columns", None) if hasattr(value, "iloc") else getattr(value, "column_names", None)
    if columns is not None:
        _check_doubled([str(name) for name in columns], what)
    if hasattr(value, "iloc"):
        frame = pl.from_pandas(value)
        return frame.with_columns(pl.col(pl.Float64, pl.Float32).fill_nan(None))  # how pandas writes a missing number
    if hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__"):
        return pl.DataFrame(value)
    raise UnreadableReport(f"{what} handed on a {type(value).__name__}; it must be {KINDS}")


def _is_column(value: object) -> bool:
    """Whether a value is a list or tuple of anything but rows."""
    return isinstance(value, list | tuple) and not (value and all(isinstance(row, dict) for row in value))


def _scan(place: str, what: str) -> pl.LazyFrame:
    if place.startswith("file://"):
        place = place.removeprefix("file://")
    if place.startswith(REMOTE):
        return pl.scan_parquet(place)
    if not Path(place).exists():
        raise UnreadableReport(f"{what} names a file that is not there: {Path(place).name}")
    return pl.scan_parquet(place, glob=False)


def _check_doubled(names: Sequence[str], what: str) -> None:
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise UnreadableReport(f"{what} has columns of the same name: {', '.join(map(repr, doubled))}; rename them")


def plain_columns(frame: pl.DataFrame, what: str, named: Collection[str]) -> tuple[pl.DataFrame, list[str]]:
    """Turn each column into a type that reports have; leave out those that cannot be, unless they are named.

    Raises:
        UnreadableReport: a named column holds lists, records, bytes, durations or Python objects.
    """
    if not frame.columns:
        raise UnreadableReport(f"{what} has no columns; it must be {KINDS}")
    refused = {name: reason for name, dtype in frame.schema.items() if (reason := _refuse(dtype))}
    wanted = {found for name in named if (found := find_column(name, frame.columns))}
    if wrong := [f"{name!r} holds {reason}" for name, reason in refused.items() if name in wanted]:
        raise UnreadableReport(f"{what}: column {'; column '.join(wrong)}; give a column of plain values")
    columns = [_make_plain(series) for series in frame if series.name not in refused]
    notes = [f"{what}: column {name!r} is left out: it holds {reason}" for name, reason in refused.items()]
    return pl.DataFrame(columns), notes


def _refuse(dtype: pl.DataType) -> str | None:
    match dtype:
        case pl.List() | pl.Array():
            return "lists"
        case pl.Struct():
            return "records"
        case pl.Object():
            return "Python objects"
        case pl.Binary():
            return "bytes"
        case pl.Duration():
            return "durations"
    return None


def _make_plain(series: pl.Series) -> pl.Series:
    """A column as reports have them: String, Int64, Float64, Boolean, Date or Datetime("us") with its time zone."""
    match series.dtype:
        case pl.String():
            return series.replace("", None)
        case pl.UInt64() | pl.Int128() | pl.UInt128():
            # Beyond 64 bits a number stays exact only as text.
            whole = series.cast(pl.Int64, strict=False)
            return whole if whole.null_count() == series.null_count() else series.cast(pl.String)
        case dtype if dtype.is_integer():
            return series.cast(pl.Int64)
        case pl.Float32():
            return series.cast(pl.String).cast(pl.Float64)  # 0.1, not 0.10000000149011612
        case pl.Datetime() as dtype:
            zoned = series if dtype.time_zone else series.dt.replace_time_zone("UTC")
            return zoned.dt.cast_time_unit("us")
        case pl.Float64() | pl.Boolean() | pl.Date():
            return series
    return series.cast(pl.String)  # decimals stay exact; categories, times and columns of nulls are text
