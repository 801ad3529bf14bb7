"""The plan of a run: what every row of the report comes to, field by field, before and after."""

from collections.abc import Callable, Sequence

import polars as pl

from integration_center.integration import IntegrationSpec, require_columns
from integration_center.sync.changes import compare_lines
from integration_center.sync.columns import LEDGER_COLUMNS, MODSTAMP
from integration_center.sync.matching import PLACE, match_rows
from integration_center.sync.outcomes import OUTCOME, Outcome
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.selection import Kind, match_key_of_records, name_columns, select_rows
from integration_center.sync.targets import Target, resolve_keys, resolve_targets

CONVERTED = "the lead is converted, and the connected user lacks the permission View and Edit Converted Leads"


def build_lines(
    rows: pl.DataFrame,
    records: pl.DataFrame,
    spec: IntegrationSpec,
    schema: SObjectSchema,
    *,
    latest_by: str | None = None,
    kind: Kind = "snapshot",
    edits_converted: Callable[[], bool] = lambda: False,
) -> pl.DataFrame:
    """Match, compare and plan.

    Args:
        rows: the report, of one day or several, with `_day` Date.
        records: `Id` String (18 characters); the key and mapped fields under their describe names, raw, in
            `SObjectField.dtype`; `SystemModstamp` Datetime and `IsConverted` Boolean where the object has them.
        spec: the integration.
        schema: the object as describe reports it.
        latest_by: the column that tells which of several rows with one key is the newest; `spec.latest_by` counts
            when this is None.
        kind: of the report.
        edits_converted: whether the connected user may edit converted Leads; asked when a row matches one.

    Returns:
        The lines, in order of the report and then of the records: `LEDGER_COLUMNS`, then for each mapped field F,
        under its describe name, `before.F` and `after.F` in its dtype and `changed.F` Boolean. Every row has a
        line, every line an outcome, and no record is on two lines.

    Raises:
        ConfigurationError: the report lacks a column.
        SchemaMismatch: the object lacks a field.
        PlanError: keys match several records, and the integration says `when_many_match: fail`.
    """
    latest_by = latest_by or spec.latest_by
    spec = spec.model_copy(update={"latest_by": latest_by})
    require_columns(spec, rows.columns)
    keys = resolve_keys(spec, schema)
    targets = resolve_targets(spec, schema, rows.schema)
    records = _one_line_a_record(records)
    rows = name_columns(rows, spec.columns)
    selected = select_rows(rows, keys, targets, latest_by=latest_by, kind=kind)
    matched = match_rows(selected, records.select(match_key_of_records(keys)).to_series(), spec)
    lines = _settle_converted(_with_values(matched, rows, records, targets), edits_converted)
    lines = compare_lines(lines, targets)
    names = [name for target in targets for name in (target.before, target.after, target.changed)]
    return lines.select(*LEDGER_COLUMNS, *names)


def _one_line_a_record(records: pl.DataFrame) -> pl.DataFrame:
    """Each record once, as read last: paged reads can bring a record twice when it changes meanwhile."""
    if records["Id"].n_unique() == records.height:
        return records
    return records.unique("Id", keep="last", maintain_order=True)


def _with_values(
    matched: pl.DataFrame, rows: pl.DataFrame, records: pl.DataFrame, targets: Sequence[Target]
) -> pl.DataFrame:
    """Lay the record's and the report's values beside each matched line, and whether the lead is `converted`."""
    place = matched[PLACE]
    row = matched.select(pl.when(pl.col(PLACE).is_not_null()).then("row")).to_series()
    none = pl.lit(None)
    there = records.select(
        pl.col("Id").alias("record_id"),
        (pl.col("SystemModstamp") if "SystemModstamp" in records.columns else none).cast(MODSTAMP).alias("modstamp"),
        (pl.col("IsConverted") if "IsConverted" in records.columns else none).cast(pl.Boolean).alias("converted"),
        *(pl.col(target.field.name).cast(target.field.dtype).alias(target.before) for target in targets),
    )
    lines = pl.concat(
        [
            matched.drop(PLACE),
            there.select(pl.all().gather(place)),
            rows.select(pl.col(target.given).alias(target.source) for target in targets).select(pl.all().gather(row)),
        ],
        how="horizontal",
    )
    return lines.with_columns(
        pl.col("converted").fill_null(False) & pl.col("outcome").is_null(),
        *(pl.lit(None, dtype=pl.String).alias(name) for name in ("code", "error_fields", "job_id")),
    )


def _settle_converted(lines: pl.DataFrame, edits_converted: Callable[[], bool]) -> pl.DataFrame:
    """Converted leads are `ineligible`, unless the user may edit them."""
    settled = lines.drop("converted")
    if not lines["converted"].any() or edits_converted():
        return settled
    return settled.with_columns(
        pl.when(lines["converted"])
        .then(pl.lit(Outcome.INELIGIBLE, dtype=OUTCOME))
        .otherwise("outcome")
        .alias("outcome"),
        pl.when(lines["converted"]).then(pl.lit(CONVERTED)).otherwise("reason").alias("reason"),
    )
