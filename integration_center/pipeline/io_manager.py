"""Frames of assets as parquet files, through Dagster's IO manager."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl

from integration_center.errors import PlanMissing
from integration_center.store.frames import (
    SPLIT_BY,
    FrameFile,
    count_height,
    link_frame,
    read_slices,
    write_frame,
    write_slices,
)
from integration_center.store.ledgers import read_outcomes
from integration_center.store.work import pin_frame
from integration_center.sync.columns import DAY, OF_PAST

FOLDER = "integration_center/folder"
"""Metadata of an input or output: the folder of its frames, below that of all frames."""


@dataclass(frozen=True)
class FrameIOManager(dg.IOManager):
    """Frames as parquet, a file a partition: `<base_dir>/<asset key>/<day>.parquet`.

    Dagster's stock managers refuse to store several partitions of one run and hand a dict of frames downstream;
    this one splits a frame on `partition_column` and always loads one frame.
    """

    base_dir: Path
    partition_column: str = "day"

    def paths(self, context: dg.InputContext | dg.OutputContext) -> dict[str, Path]:
        """The files of the context's partitions, oldest first."""
        folder = self.base_dir / find_folder(context)
        if not context.has_asset_partitions:
            return {"": folder.with_suffix(".parquet")}
        return {key: folder / f"{key}.parquet" for key in sorted(context.asset_partition_keys)}

    def handle_output(self, context: dg.OutputContext, obj: FrameFile | pl.DataFrame) -> None:
        """Store a frame, or one that is a file already; over several partitions each gets its own days' rows.

        Rows of other days come last, and go to the newest partition.
        """
        paths = self.paths(context)
        frame = obj.scan() if isinstance(obj, FrameFile) else obj.lazy()
        if len(paths) > 1:
            newest = max(paths)
            of_past = pl.col(OF_PAST) if OF_PAST in frame.collect_schema() else pl.lit(False)
            for key, path in paths.items():
                own = pl.col(self.partition_column) == date.fromisoformat(key)
                own = pl.when(of_past).then(pl.lit(key == newest)).otherwise(own)
                parts = (part.filter(own) for part in read_slices(frame))
                write_slices(parts, frame.collect_schema(), path, {SPLIT_BY: self.partition_column})
        elif isinstance(obj, FrameFile):
            link_frame(obj, next(iter(paths.values())))
        else:
            write_frame(obj, next(iter(paths.values())), {SPLIT_BY: self.partition_column})
        context.add_output_metadata({"dagster/row_count": count_height(frame)})

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame | pl.DataFrame:
        """One frame of all the partitions asked for; where there are several, `_day` (Date) is the day of each row.

        Eager where the input is declared to be a `pl.DataFrame`. A report may lack older days.
        """
        paths = self.paths(context)
        one_day = len(paths) == 1
        if holds_report(paths[max(paths)]):
            paths = {key: path for key, path in paths.items() if path.exists()}
        missing = [str(path) for path in paths.values() if not path.exists()]
        if missing:
            raise PlanMissing(f"{context.asset_key.to_user_string()} is not materialized: {', '.join(missing)}")
        pinned = {key: pin_frame(self.base_dir, path) for key, path in paths.items()}
        if one_day:
            frame = read_outcomes(next(iter(pinned.values())).scan())
        else:
            days = [scan_day(file.path, date.fromisoformat(key)) for key, file in pinned.items()]
            frame = pl.concat(days, how="diagonal_relaxed")
        return frame.collect() if context.dagster_type.typing_type is pl.DataFrame else frame


def find_folder(context: dg.InputContext | dg.OutputContext) -> str:
    """The folder of an asset's frames: that of its metadata, or its key.

    A project's prefix is part of the key, and not of the folder: the same report is stored once.
    """
    metadata = context.definition_metadata
    folder = metadata.get(FOLDER) if metadata else None
    return folder if isinstance(folder, str) else "/".join(context.asset_key.path)


def holds_report(path: Path) -> bool:
    """Whether a stored frame is a report, as `ReportFolder` writes it."""
    return path.exists() and "kind" in pl.read_parquet_metadata(path)


def scan_day(path: Path, day: date) -> pl.LazyFrame:
    """One day's frame; a report gets `_day` (Date), since its own columns may be called anything."""
    frame = read_outcomes(pl.scan_parquet(path))
    return frame if SPLIT_BY in pl.read_parquet_metadata(path) else frame.with_columns(pl.lit(day).alias(DAY))
