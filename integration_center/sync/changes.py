"""Compare the fitted report values of matched lines with the org's raw values."""

from collections.abc import Sequence

import polars as pl

from integration_center.sync.columns import AFTER, CHANGED, OUTCOME
from integration_center.sync.marking import NOW, any_of, list_mapped, read_now
from integration_center.sync.outcomes import Outcome
from integration_center.sync.schema import PICKLIST_TYPES, TEXT_TYPES, SObjectField, SObjectSchema
from integration_center.sync.targets import Target, fit_sources
from integration_center.sync.values.moments import whole_second
from integration_center.sync.values.rich_text import canonical_rich_text
from integration_center.sync.values.texts import normalise_line_breaks, normalise_multipicklist

NOT_NILLABLE = "NOT_NILLABLE"
LEFT_ALONE = "left alone: "
"""The start of the reason of a line that is not rejected although a value does not fit its field."""
VERDICTS = {
    Outcome.UPDATED: "the run ended before Salesforce answered; the record holds the planned values",
    Outcome.UNPROCESSED: "the run ended before Salesforce answered; the record does not hold the planned values",
    Outcome.UNKNOWN: "the run ended before Salesforce answered, and the record could not be read afterwards",
}
"""The message that `verify_lines` adds to each outcome."""


def compare_lines(lines: pl.DataFrame, targets: Sequence[Target]) -> pl.DataFrame:
    """Fit and compare the values of each line that has a record and no outcome yet, and give the line its outcome.

    Args:
        lines: `outcome`, `reason`, `code`, `error_fields`, and `source.F` and `before.F` for each target.
        targets: the field mappings.

    Returns:
        `lines` with `after.F` and `changed.F` in place of `source.F`. A field whose `changed.F` is false is not
        written; that is true of every field of a line that is not `planned`. A line with an unfit value becomes
        `rejected`, any other open line `planned` or `unchanged`. If the target of the unfit value leaves such values
        alone, the line is not rejected: only this field is not written, and the line's `reason` begins with
        `LEFT_ALONE`.
    """
    lines = lines.hstack(fit_sources(lines, targets)).with_columns(
        _code_of_clearing(target).alias(target.code) for target in targets
    )
    lines = _reject(lines, [target for target in targets if not target.leaves_unfit])
    lines = _leave_alone(lines, [target for target in targets if target.leaves_unfit])
    open_line = pl.col("outcome").is_null()
    lines = lines.with_columns((open_line & _differs(target)).alias(target.changed) for target in targets)
    any_changed = pl.any_horizontal(target.changed for target in targets)
    kept = [
        pl.when(pl.col(target.after).is_null() & ~pl.col(target.changed) & _fits(target))
        .then(target.before)
        .otherwise(target.after)
        .alias(target.after)
        for target in targets
        if not target.clears or target.leaves_unfit
    ]
    return lines.with_columns(
        pl.when(~open_line)
        .then("outcome")
        .when(any_changed)
        .then(pl.lit(Outcome.PLANNED, dtype=OUTCOME))
        .otherwise(pl.lit(Outcome.UNCHANGED, dtype=OUTCOME))
        .alias("outcome"),
        *kept,
    ).drop(column for target in targets for column in (target.source, target.code))


def is_equal(after: pl.Expr, before: pl.Expr, field: SObjectField) -> pl.Expr:
    """Return whether the org already holds the value. `before` is raw, and null equals null.

    Numbers (unrounded), dates and ids are compared as they are. Text is compared exactly, except for the form of its
    line breaks. E-mail addresses are compared without case, multi-select picklists as sets, times of day by the
    second, and rich text in the form in which the org stores it.
    """
    if field.type == "multipicklist":
        return after.eq_missing(normalise_multipicklist(before, field))
    if field.type == "email":
        return after.eq_missing(before.str.to_lowercase())
    if field.type == "time":
        return after.eq_missing(whole_second(before))
    if field.html_formatted:
        return canonical_rich_text(after).eq_missing(canonical_rich_text(normalise_line_breaks(before)))
    if field.type in TEXT_TYPES | PICKLIST_TYPES:
        return after.eq_missing(normalise_line_breaks(before))
    return after.eq_missing(before)


def verify_lines(lines: pl.DataFrame, records: pl.DataFrame, schema: SObjectSchema) -> pl.DataFrame:
    """Find out from the records what became of planned lines whose run ended before it kept Salesforce's answers.

    Args:
        lines: the ledger of that run.
        records: `Id` and the mapped fields, raw and read after the run, as `build_lines` takes them. Some may be
            missing.
        schema: the object as describe reports it now.

    Returns:
        A results frame for `complete` and `amend`, with one row per planned line: `Id`, `outcome` OUTCOME, and
        `code`, `message`, `error_fields`, `job_id` String. A line is `updated` when the record holds the value of
        every changed field, and `unprocessed` when it does not. It is `unknown` when nothing can be compared: the
        record is missing, or a changed field is now missing or has another type.
    """
    planned = lines.filter(pl.col("outcome") == Outcome.PLANNED)
    names = list_mapped(lines.columns)
    fields = {
        name: field
        for name in names
        if (field := schema.get(name)) and field.name in records.columns and field.dtype == lines.schema[AFTER + name]
    }
    incomparable = pl.any_horizontal(
        pl.col("found").is_null(), *(CHANGED + name for name in names if name not in fields)
    )
    differs = any_of(
        pl.col(CHANGED + name) & ~is_equal(pl.col(AFTER + name), pl.col(NOW + name), field)
        for name, field in fields.items()
    )
    nothing = pl.lit(None, dtype=pl.String)
    return (
        planned.join(read_now(records, fields), on="record_id", how="left", maintain_order="left")
        .select(
            pl.col("record_id").alias("Id"),
            pl.when(incomparable)
            .then(pl.lit(Outcome.UNKNOWN, dtype=OUTCOME))
            .when(differs)
            .then(pl.lit(Outcome.UNPROCESSED, dtype=OUTCOME))
            .otherwise(pl.lit(Outcome.UPDATED, dtype=OUTCOME))
            .alias("outcome"),
        )
        .with_columns(
            nothing.alias("code"),
            pl.col("outcome").replace_strict(VERDICTS, return_dtype=pl.String).alias("message"),
            nothing.alias("error_fields"),
            nothing.alias("job_id"),
        )
    )


def _differs(target: Target) -> pl.Expr:
    after, before = pl.col(target.after), pl.col(target.before)
    differs = ~is_equal(after, before, target.field)
    if target.leaves_unfit:
        differs &= pl.col(target.code).is_null()
    return differs if target.clears else differs & after.is_not_null()


def _fits(target: Target) -> pl.Expr:
    """Return whether the value fits, or may be left alone, so that the line can be sent."""
    return pl.lit(True) if target.leaves_unfit else pl.col(target.code).is_null()


def _leave_alone(lines: pl.DataFrame, targets: Sequence[Target]) -> pl.DataFrame:
    """Give a reason to the open lines with an unfit value that is left alone: the fields, and why they do not fit."""
    if not targets:
        return lines
    unfit = pl.any_horizontal(pl.col(target.code).is_not_null() for target in targets)
    said = pl.concat_str((_sentence(target) for target in targets), separator="; ", ignore_nulls=True)
    return lines.with_columns(
        pl.when(pl.col("outcome").is_null() & unfit)
        .then(pl.concat_str(pl.lit(LEFT_ALONE), said))
        .otherwise("reason")
        .alias("reason")
    )


def _code_of_clearing(target: Target) -> pl.Expr:
    """Return the line's code, or `NOT_NILLABLE` where a required value would be cleared."""
    code = pl.col(target.code)
    if not target.clears or (target.field.nillable and target.field.type != "boolean"):
        return code
    clears = code.is_null() & pl.col(target.after).is_null() & pl.col(target.before).is_not_null()
    return pl.when(clears).then(pl.lit(NOT_NILLABLE)).otherwise(code)


def _reject(lines: pl.DataFrame, targets: Sequence[Target]) -> pl.DataFrame:
    """Reject the open lines with an unfit value, and give the fields and the reasons."""
    if not targets:
        return lines
    unfit = pl.col("outcome").is_null() & pl.any_horizontal(pl.col(target.code).is_not_null() for target in targets)
    is_unfit = lines.select(unfit).to_series()
    if not is_unfit.any():
        return lines
    lines = lines.with_row_index("line")
    rejected = lines.filter(is_unfit)
    # Sentences are built for the rejected lines only: no column of the ledger is more expensive to build.
    said = rejected.select(
        "line",
        pl.lit(Outcome.REJECTED, dtype=OUTCOME).alias("rejected"),
        pl.coalesce(target.code for target in targets).alias("unfit.code"),
        pl.concat_str((_sentence(target) for target in targets), separator="; ", ignore_nulls=True).alias(
            "unfit.reason"
        ),
        pl.concat_str(
            (pl.when(pl.col(target.code).is_not_null()).then(pl.lit(target.field.name)) for target in targets),
            separator=",",
            ignore_nulls=True,
        ).alias("unfit.fields"),
    )
    return (
        lines.join(said, on="line", how="left", maintain_order="left")
        .with_columns(
            pl.coalesce("outcome", "rejected").alias("outcome"),
            pl.coalesce("unfit.code", "code").alias("code"),
            pl.coalesce("unfit.reason", "reason").alias("reason"),
            pl.coalesce("unfit.fields", "error_fields").alias("error_fields"),
        )
        .drop("line", "rejected", "unfit.code", "unfit.reason", "unfit.fields")
    )


def _sentence(target: Target) -> pl.Expr:
    place = f"{target.column} → {target.field.name}: "
    cleared = pl.lit(place + "is empty, and the field cannot be cleared")
    said = pl.concat_str(pl.lit(place), target.fit().reason)
    return pl.when(pl.col(target.code) == NOT_NILLABLE).then(cleared).otherwise(said)
