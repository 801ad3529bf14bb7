"""Takes in what a team's own asset hands on, as a report of the integration that reads it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import dagster as dg
import polars as pl
import polars.selectors as cs

from integration_center.errors import ConfigurationError, UnreadableReport
from integration_center.insights.asset_frames import describe_asset, keep_newest_part, read_asset
from integration_center.insights.catalogue import ReportInfo
from integration_center.insights.source import parse_day
from integration_center.integration.source import AssetSource
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.assets.missing_upstream import let_upstreams_be_missing
from integration_center.pipeline.names import READS_ASSET, input_key
from integration_center.pipeline.steps.sync_step import SyncStep
from integration_center.store.reports import StoredReport
from integration_center.sync.columns import DAY
from integration_center.sync.values.zones import stack_frames
from integration_center.wording.sentences import count

TYPES: Mapping[str, dg.DagsterType] = {
    "polars": dg.PythonObjectDagsterType(pl.DataFrame, name="IntegrationCenterPolarsFrame"),
    "lazy": dg.PythonObjectDagsterType(pl.LazyFrame, name="IntegrationCenterPolarsLazyFrame"),
    "path": dg.PythonObjectDagsterType(str, name="IntegrationCenterPath"),
}


MAPPINGS: Mapping[str, dg.PartitionMapping] = {
    "date": dg.IdentityPartitionMapping(),
    "all": dg.AllPartitionMapping(),
}
"""Which partitions of the asset are read. Without one, those of the same time."""


def build_input(spec: IntegrationSpec, source: AssetSource) -> dg.AssetIn:
    """Declare the asset as an input, of the type that its own IO manager is asked for."""
    let_upstreams_be_missing()
    return dg.AssetIn(
        input_key(spec),
        metadata={READS_ASSET: source.asset},
        dagster_type=find_type(source.load_as),
        partition_mapping=MAPPINGS.get(source.partitions),
    )


def find_type(load_as: str) -> dg.DagsterType:
    """Find the type of the input.

    Raises:
        ConfigurationError: the library of the type is not installed.
    """
    try:
        if load_as == "pandas":
            import pandas as pd

            return dg.PythonObjectDagsterType(pd.DataFrame, name="IntegrationCenterPandasFrame")
        if load_as == "arrow":
            import pyarrow as pa

            return dg.PythonObjectDagsterType(pa.Table, name="IntegrationCenterArrowTable")
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"source.load_as: {load_as} needs the package {error.name}; install it") from None
    return TYPES.get(load_as, dg.Any)


def run_query(source: AssetSource) -> pl.DataFrame:
    """Read the asset from its DuckDB file.

    Raises:
        ConfigurationError: DuckDB is not installed.
        UnreadableReport: the file or the query cannot be read.
    """
    try:
        import duckdb
    except ModuleNotFoundError:
        raise ConfigurationError("source.query needs the package duckdb; install it") from None
    try:
        with duckdb.connect(str(source.database), read_only=True) as connection:
            found = pl.DataFrame(connection.sql(str(source.query)))
            # DuckDB gives moments the zone of this machine, which nobody has said of them.
            return found.with_columns(cs.datetime(time_zone="*").dt.convert_time_zone("UTC"))
    except duckdb.Error as error:
        reason = str(error).partition("\n")[0]
        raise UnreadableReport(f"asset {source.asset!r}: DuckDB does not run the query: {reason}") from None


def take_in(step: SyncStep, source: AssetSource, folder: str, value: object) -> StoredReport:
    """Store the rows of this run's days, as the frames of a report are stored.

    Args:
        step: of the integration.
        source: what it says of the asset.
        folder: where its frames are stored.
        value: what the asset's IO manager handed on.

    Returns:
        The stored report of the newest day.

    Raises:
        UnreadableReport: the value is no table, a column that the integration names cannot be read, or there is no
            partition of the newest day.
    """
    info = describe_asset(folder, step.spec, source)
    parts = list(split_days(value, step.days))
    if parts[-1][0] != step.days[-1]:  # else rows of an earlier run would count as those of the newest day
        raise UnreadableReport(
            f"asset {source.asset!r} handed on no partition of {step.days[-1]}; materialize it, then run again"
        )
    return [store_day(step, info, day, part) for day, part in parts][-1]


def store_day(step: SyncStep, info: ReportInfo, day: date, part: object) -> StoredReport:
    """Store the rows of one day."""
    if isinstance(part, Mapping) and info.kind == "snapshot" and step.spec.rows != "all" and not info.latest_by:
        part, passed_over = keep_newest_part(part, info, step.spec.key_columns)
        if passed_over:
            step.context.log.info(
                f"{info.name} {day}: {count(passed_over, 'row is', 'rows are')} in a newer partition, too"
            )
    report = read_asset(part, info, day, identity=f"asset:{step.run_id}:{day}", named=step.spec.columns)
    stored = step.installation.reports.write(report, step.run_id)
    step.context.log.info(f"{info.name} {day}: {count(stored.rows, 'row')}")
    for note in stored.notes:
        step.context.log.warning(note)
    return stored


def split_days(value: object, days: Sequence[date]) -> Iterator[tuple[date, object]]:
    """Split what was handed on by the days of the run, the oldest first.

    An asset with daily or hourly partitions hands on a mapping of them when several are asked for: a day of hours is
    a mapping, too. Everything else is the state at the end of the newest day.
    """
    if isinstance(value, Mapping) and value:
        by_day: dict[date, dict[str, object]] = defaultdict(dict)
        try:
            for key, part in value.items():
                by_day[parse_day(str(key)[:10])][str(key)] = part
        except ValueError:
            by_day.clear()
        if by_day and by_day.keys() <= set(days):
            for day, parts in sorted(by_day.items()):
                yield day, next(iter(parts.values())) if len(parts) == 1 else parts
            return
    yield days[-1], value


def scan_rows(step: SyncStep, folder: str) -> pl.LazyFrame:
    """Concatenate the stored frames of this run's days, with `_day`."""
    files = {day: step.installation.reports.file(folder, day) for day in step.days}
    frames = [file.scan().with_columns(pl.lit(day).alias(DAY)) for day, file in files.items() if file]
    return stack_frames(frames)
