"""Concatenate frames whose columns of times are in different time zones, such as those of days before a declaration."""

from collections.abc import Sequence
from itertools import chain
from typing import TypeVar

import polars as pl
from polars.selectors import by_name

UTC = "UTC"
Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)


def stack_frames(frames: Sequence[Frame]) -> Frame:
    """Concatenate frames vertically. A column that a frame lacks is null there.

    Of a column that has several time zones, the last one but UTC is that of all rows. The moments stay the same.
    """
    zoned: list[dict[str, str | None]] = [
        {name: dtype.time_zone for name, dtype in frame.collect_schema().items() if isinstance(dtype, pl.Datetime)}
        for frame in frames
    ]
    found = {name: [zone for zones in zoned if (zone := zones.get(name))] for name in {*chain(*zoned)}}
    mixed = {
        name: next(zone for zone in reversed(zones) if zone != UTC)
        for name, zones in found.items()
        if len(set(zones)) > 1
    }
    alike = [
        frame.with_columns(
            by_name(name).as_expr().dt.convert_time_zone(mixed[name]) for name in mixed if zones.get(name)
        )
        for frame, zones in zip(frames, zoned, strict=True)
    ]
    return pl.concat(alike, how="diagonal_relaxed")
