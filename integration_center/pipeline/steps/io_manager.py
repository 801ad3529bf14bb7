"""Frames of assets as parquet files, through Dagster's IO manager."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl

from integration_center.errors import ConfigurationError, PlanMissing
from integration_center.pipeline.names import PROBLEM
from integration_center.store.frame_store import FrameStore
from integration_center.store.frames import SPLIT_BY, FrameFile, count_height, read_slices, write_slices
from integration_center.store.ledgers import read_outcomes
from integration_center.store.reports import KIND
from integration_center.store.stored_files import FileKind, Place
from integration_center.sync.columns import DAY, OF_PAST
from integration_center.sync.values.zones import stack_frames

REPORTS = "insights/"
"""How the folders of reports begin."""
FOLDER = "integration_center/folder"
"""Metadata of an input or output: the folder of its frames, below that of all frames."""


@dataclass(frozen=True)
class FrameIOManager(dg.IOManager):
    """Frames as parquet, a file a partition, in the store of all frames.

    Dagster's stock managers refuse to store several partitions of one run and hand a dict of frames downstream;
    this one splits a frame on `partition_column` and always loads one frame.
    """

    open_frames: Callable[[], AbstractContextManager[FrameStore]]
    partition_column: str = "day"

    def handle_output(self, context: dg.OutputContext, obj: FrameFile | pl.DataFrame) -> None:
        """Store a frame, or one that is a file already; over several partitions each gets its own days' rows.

        Rows of other days come last, and go to the newest partition.
        """
        places = find_places(context, context.run_id)
        frame = obj.scan() if isinstance(obj, FrameFile) else obj.lazy()
        with self.open_frames() as frames:
            if len(places) > 1:
                self._store_days(frames, places, frame)
            elif isinstance(obj, FrameFile):
                frames.publish_file(next(iter(places.values())), obj)
            else:
                frames.publish_frame(next(iter(places.values())), obj, {SPLIT_BY: self.partition_column})
        context.add_output_metadata({"dagster/row_count": count_height(frame)})

    def load_input(self, context: dg.InputContext) -> pl.LazyFrame | pl.DataFrame:
        """One frame of all the partitions asked for; where there are several, `_day` (Date) is the day of each row.

        Eager where the input is declared to be a `pl.DataFrame`. A report may lack older days.

        Raises:
            ConfigurationError: the asset replaces one that is missing; see `missing_upstream`.
            PlanMissing: a frame is not stored.
        """
        upstream = context.upstream_output
        if upstream is not None and isinstance(problem := (upstream.definition_metadata or {}).get(PROBLEM), str):
            raise ConfigurationError(problem)
        places = find_places(context)
        with self.open_frames() as frames:
            found = {key: frames.fetch(place.name) for key, place in places.items()}
        files = {key: file for key, file in found.items() if file}
        newest = max(places)
        may_lack = newest in files and holds_report(files[newest])
        missing = [places[key].name for key in places if key not in files]
        if missing and not may_lack:
            raise PlanMissing(f"{context.asset_key.to_user_string()} is not materialized: {', '.join(missing)}")
        if len(places) == 1:
            frame = read_outcomes(files[newest].scan())
        else:
            days = [scan_day(file.path, date.fromisoformat(key)) for key, file in files.items()]
            frame = stack_frames(days)
        return frame.collect() if context.dagster_type.typing_type is pl.DataFrame else frame

    def _store_days(self, frames: FrameStore, places: Mapping[str, Place], frame: pl.LazyFrame) -> None:
        newest, schema = max(places), frame.collect_schema()
        of_past = pl.col(OF_PAST) if OF_PAST in schema else pl.lit(False)
        for key, place in places.items():
            own = pl.col(self.partition_column) == date.fromisoformat(key)
            own = pl.when(of_past).then(pl.lit(key == newest)).otherwise(own)
            parts = (part.filter(own) for part in read_slices(frame))
            new = frames.begin(place)
            write_slices(parts, schema, new.path, {SPLIT_BY: self.partition_column})
            frames.publish(new)


def find_places(context: dg.InputContext | dg.OutputContext, run_id: str | None = None) -> dict[str, Place]:
    """Find the places of the context's partitions, oldest first."""
    folder = find_folder(context)
    slug = folder.removeprefix(REPORTS).partition("/")[0]
    kind = FileKind.REPORT if folder.startswith(REPORTS) else FileKind.PLAN
    if not context.has_asset_partitions:
        return {"": Place(f"{folder}.parquet", kind, slug, run_id=run_id)}
    return {
        key: Place(f"{folder}/{key}.parquet", kind, slug, date.fromisoformat(key), run_id)
        for key in sorted(context.asset_partition_keys)
    }


def find_folder(context: dg.InputContext | dg.OutputContext) -> str:
    """The folder of an asset's frames: that of its metadata, or its key.

    A project's prefix is part of the key, and not of the folder: the same report is stored once.
    """
    metadata = context.definition_metadata
    folder = metadata.get(FOLDER) if metadata else None
    return folder if isinstance(folder, str) else "/".join(context.asset_key.path)


def holds_report(file: FrameFile) -> bool:
    """Whether a stored frame is a report, as `ReportFolder` writes it."""
    return KIND in pl.read_parquet_metadata(file.path)


def scan_day(path: Path, day: date) -> pl.LazyFrame:
    """One day's frame; a report gets `_day` (Date), since its own columns may be called anything."""
    frame = read_outcomes(FrameFile(path).scan())
    return frame if SPLIT_BY in pl.read_parquet_metadata(path) else frame.with_columns(pl.lit(day).alias(DAY))
