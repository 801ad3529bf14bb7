"""Build the lines of a plan: what each report row would change, field by field, with the values before and after."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from integration_center.integration.spec import IntegrationSpec
from integration_center.sync.changes import compare_lines
from integration_center.sync.columns import DAY, LEDGER_COLUMNS, MODSTAMP, PAST
from integration_center.sync.given import Given, find_given
from integration_center.sync.marking import mark
from integration_center.sync.match.keys import looks_hashed
from integration_center.sync.match.matching import match_rows
from integration_center.sync.match.usable_rows import select_rows, show_key
from integration_center.sync.outcomes import Outcome
from integration_center.sync.plan_terms import (
    ROW,
    Kind,
    MatchKeys,
    Terms,
    find_record_keys,
    find_row_keys,
    prepare_rows,
    resolve_terms,
)
from integration_center.sync.schema import TEXT_TYPES, SObjectSchema
from integration_center.sync.targets import Key, Target
from integration_center.sync.values.distinct import repeats
from integration_center.sync.values.pairs import PLACE

HASHED = "the key looks like one of WalkMe's hashed user ids, which match no e-mail address"
WITH_ZERO = r"^\s*\d+\.0\s*$"
WHOLE_NUMBER = (
    "the key ends in .0, as programs write whole numbers of a column in which one is missing; export the column as text"
)
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
    """Match the rows of a report with records, compare their values, and plan the updates.

    Args:
        rows: the report, of one day or several, with `_day` Date.
        records: `Id` String (18 characters); the key and mapped fields under their describe names, raw, in
            `SObjectField.dtype`; `SystemModstamp` Datetime and `IsConverted` Boolean where the object has them.
        spec: the integration.
        schema: the object as describe reports it.
        latest_by: the column that shows which of several rows with one key is the newest; None for `spec.latest_by`.
        kind: the kind of the report.
        edits_converted: returns whether the connected user may edit converted Leads; called when a row matches one.

    Returns:
        The lines, in order of the report and then of the records: `LEDGER_COLUMNS`, then for each mapped field F,
        under its describe name, `before.F` and `after.F` in its dtype and `changed.F` Boolean. Every row has a
        line, every line an outcome, and no record is on two lines.

    Raises:
        ConfigurationError: the report lacks a column.
        SchemaMismatch: the object lacks a field.
        PlanError: a key matches several records, and the integration says `when_many_match: fail`.
    """
    newest = rows[DAY].max()
    terms = resolve_terms(
        spec,
        schema,
        {name: dtype for name, dtype in rows.schema.items() if name != DAY},
        latest_by=latest_by,
        kind=kind,
        newest=newest if isinstance(newest, date) else None,
    )
    matching = match_report(rows.lazy(), one_line_a_record(records), terms)
    return settle_lines(matching.lines, matching, edits_converted=edits_converted)


@dataclass(frozen=True)
class Matching:
    """A report matched with records, before their values are compared.

    Attributes:
        terms: the terms of the plan.
        lines: at least one line per row, in order of the rows: `row`, `day`, `outcome`, `reason`, and `place`; see
            `match_rows`.
        height: the number of rows.
        shown: the columns that the keys are made of.
        key: builds of these the key that is shown.
        given: the report's values for the targets, as `source.F`.
        there: `record_id`, `modstamp`, `converted` and `before.F` of the records; a line's `place` is a position here.
    """

    terms: Terms
    lines: pl.DataFrame
    height: int
    shown: Given
    key: pl.Expr
    given: Given
    there: pl.DataFrame

    def count_matched(self) -> int:
        """Count the rows that match a record."""
        return self.lines["row"].filter(self.lines[PLACE].is_not_null()).n_unique()


def match_report(rows: pl.LazyFrame, records: pl.DataFrame, terms: Terms) -> Matching:
    """Match the rows of a whole report with records, by their keys.

    Args:
        rows: as `build_lines` takes them. Columns that the plan does not need may be missing. Rows of other days may
            follow, see `PAST`; a used row of another day becomes a line when it must be written again.
        records: as `build_lines` takes them, each record once.
        terms: the terms of the plan.

    Raises:
        PlanError: a key matches several records, and the integration says `when_many_match: fail`.
    """
    given = find_given(rows, terms.targets)
    prepared = prepare_rows(rows, terms)
    row_keys = find_row_keys(rows, prepared, terms)
    selected = select_rows(prepared, row_keys, given, terms)
    if PAST in prepared.columns:
        selected, prepared, row_keys, given = _leave_out_past(selected, prepared, row_keys, given)
    row_keys = replace(row_keys, numbers=selected["number"])  # those of rows that are not looked up are done with
    matched = match_rows(selected, row_keys, find_record_keys(records, terms), terms.spec)
    return Matching(
        terms=terms,
        lines=matched,
        height=prepared.height,
        shown=row_keys.fields,
        key=show_key([key.given for key in terms.keys]),
        given=given,
        there=list_records(records, terms.targets),
    )


def list_records(records: pl.DataFrame, targets: Sequence[Target]) -> pl.DataFrame:
    """Return the columns of records that lines need: `record_id`, `modstamp`, `converted` and `before.F`."""
    none = pl.lit(None)
    return records.select(
        pl.col("Id").alias("record_id"),
        (pl.col("SystemModstamp") if "SystemModstamp" in records.columns else none).cast(MODSTAMP).alias("modstamp"),
        (pl.col("IsConverted") if "IsConverted" in records.columns else none).cast(pl.Boolean).alias("converted"),
        *(pl.col(target.field.name).cast(target.field.dtype).alias(target.before) for target in targets),
    )


def drop_keys(records: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """Drop the key fields that are not compared: they take a third of the memory of records, and are matched once."""
    kept = {"Id", *(target.field.name for target in terms.targets)}
    return records.drop({key.field.name for key in terms.keys} - kept)


def settle_lines(
    lines: pl.DataFrame, matching: Matching, *, edits_converted: Callable[[], bool] = lambda: False
) -> pl.DataFrame:
    """Add the values and the record to some lines of a matching, and give each line its outcome.

    Args:
        lines: all of `matching.lines`, or a slice of them.
        matching: the matching that the lines belong to.
        edits_converted: see `build_lines`.

    Returns:
        The lines as `build_lines` returns them.
    """
    targets = matching.terms.targets
    settled = _settle_converted(_with_values(lines, matching), edits_converted)
    compared = compare_lines(settled, targets)
    names = [name for target in targets for name in (target.before, target.after, target.changed)]
    return compared.select(*LEDGER_COLUMNS, *names)


def one_line_a_record(records: pl.DataFrame) -> pl.DataFrame:
    """Keep each record once, as it was read last: a paged read returns a record twice if it changes meanwhile."""
    return records.unique("Id", keep="last", maintain_order=True) if repeats(records["Id"]) else records


def _leave_out_past(
    selected: pl.DataFrame, prepared: pl.DataFrame, row_keys: MatchKeys, given: Given
) -> tuple[pl.DataFrame, pl.DataFrame, MatchKeys, Given]:
    """Leave out the rows of other days, except those that are used and must be written again."""
    stays = prepared[PAST].is_null() | (prepared[PAST] & selected["outcome"].is_null())
    number = pl.int_range(pl.len(), dtype=pl.UInt32).alias(ROW)
    places = stays.fill_null(False).arg_true()
    return (
        selected.filter(stays).with_columns(number),
        prepared.filter(stays).with_columns(number),
        MatchKeys(row_keys.numbers.filter(stays), row_keys.fields.keep(places), row_keys.text),
        given.keep(places),
    )


def _with_values(lines: pl.DataFrame, matching: Matching) -> pl.DataFrame:
    """Add the key to each line; the record's and the report's values, and `converted`, to each matched one."""
    row = lines.select(pl.when(pl.col(PLACE).is_not_null()).then(ROW)).to_series()
    shown, given = matching.shown.take_beside(lines[ROW], matching.given, row)
    laid = pl.concat(
        [
            _explain_unmatched(lines.drop(PLACE), shown, matching.terms.keys),
            shown.select(matching.key.alias("key")),
            matching.there.select(pl.all().gather(lines[PLACE])),
            given,
        ],
        how="horizontal",
    )
    return laid.with_columns(
        pl.col("converted").fill_null(False) & pl.col("outcome").is_null(),
        *(pl.lit(None, dtype=pl.String).alias(name) for name in ("code", "error_fields", "job_id")),
    )


def _explain_unmatched(lines: pl.DataFrame, shown: pl.DataFrame, keys: Sequence[Key]) -> pl.DataFrame:
    """Give unmatched lines a reason where the form of their key shows why no record has it."""
    lines = lines.with_columns(pl.col("reason").cast(pl.String))
    unmatched = lines["outcome"] == Outcome.UNMATCHED
    forms = {key.given: _explain_form(key) for key in keys if key.field.type in TEXT_TYPES}
    if not forms or not unmatched.any():
        return lines
    places = unmatched.arg_true()
    found = shown.select(pl.col(*forms).gather(places)).select(pl.coalesce(*forms.values()).alias("said")).to_series()
    said = pl.repeat(None, lines.height, dtype=pl.String, eager=True).scatter(places, found)
    return lines.with_columns(pl.coalesce(said, "reason").alias("reason")) if found.count() else lines


def _explain_form(key: Key) -> pl.Expr:
    text = pl.col(key.given).cast(pl.String)
    if key.field.type == "email":
        return pl.when(looks_hashed(text)).then(pl.lit(HASHED))
    return pl.when(text.str.contains(WITH_ZERO)).then(pl.lit(WHOLE_NUMBER))


def _settle_converted(lines: pl.DataFrame, edits_converted: Callable[[], bool]) -> pl.DataFrame:
    """Give lines with a converted Lead the outcome `ineligible`, unless the user may edit converted Leads."""
    settled = lines.drop("converted")
    if not lines["converted"].any() or edits_converted():
        return settled
    return settled.with_columns(mark(pl.lit(lines["converted"]), Outcome.INELIGIBLE, CONVERTED))
