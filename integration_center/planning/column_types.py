"""Give the columns that expressions use the types that their values look like."""

from collections.abc import Mapping

import polars as pl
from polars.selectors import by_name

from integration_center.insights.catalogue import ColumnType
from integration_center.insights.columns import DTYPES, parse
from integration_center.insights.likely_types import infer_type, is_identifier
from integration_center.integration.expression import EXACT
from integration_center.integration.spec import IntegrationSpec
from integration_center.planning.compiled import NAIVE, TypedColumns, name_safely

MOST_SUMMED = 10**12
"""Whole numbers beyond this are summed as doubles."""


def type_columns(
    spec: IntegrationSpec, rows: pl.LazyFrame, used: tuple[str, ...], likely_types: Mapping[str, ColumnType]
) -> TypedColumns:
    """Give the columns that expressions use the types that their values look like. Keys stay text.

    Cells that hold blanks only count as empty. A column without any value has no type, and fits every expression.
    """
    keys = set(spec.key_columns)
    names = name_safely(used)
    frame = rows.select(by_name(*used)).collect() if used else pl.DataFrame()
    typed = [
        _type_column(frame.get_column(name), likely_types.get(name), is_key=name in keys).alias(safe)
        for name, safe in names.items()
    ]
    height = frame.height if used else rows.select(pl.len()).collect().item()
    return TypedColumns(
        pl.DataFrame(typed) if typed else pl.DataFrame({"": pl.repeat(None, height, eager=True)}), names
    )


def _type_column(series: pl.Series, likely: ColumnType | None, *, is_key: bool) -> pl.Series:
    if isinstance(series.dtype, pl.Categorical | pl.Enum):
        series = series.cast(pl.String)
    if isinstance(series.dtype, pl.Decimal):
        series = series.cast(pl.Float64)
    if isinstance(series.dtype, pl.String):
        bare = series.str.strip_chars()
        filled = pl.select(pl.when(bare != "").then(series)).to_series()
        if filled.null_count() == len(filled):
            return pl.Series(series.name, [None] * len(series), dtype=pl.Null)
        type_ = None if is_key else likely or (None if is_identifier(series.name) else infer_type(filled))
        series = parse(bare.replace("", None), type_).cast(DTYPES[type_]) if type_ else filled
    if series.dtype.is_integer():
        return _type_whole_numbers(series)
    if isinstance(series.dtype, pl.Datetime):
        zone = series.dtype.time_zone
        return (series.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zone else series).cast(NAIVE)
    return series


def _type_whole_numbers(series: pl.Series) -> pl.Series:
    """Keep sums of whole numbers within 64 bits. Numbers that a double cannot tell apart are identifiers."""
    largest = max((abs(int(end)) for end in (series.min(), series.max()) if isinstance(end, int)), default=0)
    if largest > EXACT:
        return series.cast(pl.String)
    return series.cast(pl.Float64 if largest > MOST_SUMMED else pl.Int64)
