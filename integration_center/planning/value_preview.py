"""Try the values of an integration on the newest rows of its report: what they hold for the first keys, and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from polars.selectors import by_name
from pydantic import ValidationError

from integration_center.errors import ConfigurationError
from integration_center.integration.spec import IntegrationSpec, Rows
from integration_center.planning.compiled import TypedColumns
from integration_center.planning.newest_report import NewestReport
from integration_center.planning.shaping import Shape, filter_rows, plan_shape, shape_rows
from integration_center.planning.spelled_columns import spell_columns
from integration_center.sync.columns import ASIDE, DAY, SOURCE_ROWS
from integration_center.sync.match.usable_rows import show_key
from integration_center.sync.plan_terms import match_key_of_rows, name_columns
from integration_center.sync.schema import SObjectField, SObjectSchema
from integration_center.sync.targets import resolve_keys
from integration_center.sync.values.fit import fit_values
from integration_center.wording.model_refusals import say_refusal
from integration_center.wording.near_names import say_nearest

KEYS = 5
ROWS = 20
"""So many rows behind one record are shown at most."""


@dataclass(frozen=True)
class Result:
    """One value of one record.

    Attributes:
        given: the result of the expression.
        written: what the field would hold; None for nothing.
        reason: why the field cannot hold the result; empty where it can.
    """

    given: Any
    written: Any
    reason: str = ""


@dataclass(frozen=True)
class PreviewedRecord:
    """One key with its values.

    Attributes:
        key: as the report has it.
        results: one per value.
        made_of: the number of rows that the values are made of.
        rows: the first of these rows; over several days, with the columns that the integration reads.
    """

    key: str
    results: Sequence[Result]
    made_of: int
    rows: pl.DataFrame


@dataclass(frozen=True)
class ValuePreview:
    """The values of the first keys.

    Attributes:
        fields: the API names of the fields, one per value.
        records: the first keys.
        filtered: how many rows the filter leaves out.
        height: how many rows there are.
    """

    fields: Sequence[str]
    records: Sequence[PreviewedRecord]
    filtered: int
    height: int


def find_value_dtype(value: str, rows: Rows, report: NewestReport, keys: Sequence[str] = ()) -> pl.DataType:
    """Find the dtype of an expression's results over a report.

    Args:
        value: the expression.
        rows: see `IntegrationSpec.rows`.
        report: the report.
        keys: the key columns, which stay text.

    Raises:
        ConfigurationError: the expression cannot be used; the sentence says why.
    """
    shape = _try(report, keys, rows=rows, fields=[{"value": value, "field": "Value"}])
    return shape.dtypes[shape.spec.fields[0].source]


def check_filter(condition: str, report: NewestReport, keys: Sequence[str] = ()) -> None:
    """Check a condition on the rows of a report.

    Raises:
        ConfigurationError: the condition cannot be used; the sentence says why.
    """
    _try(report, keys, filter=condition, fields=[{"value": "1", "field": "Value"}])


def _try(report: NewestReport, keys: Sequence[str], **expressions: Any) -> Shape:
    columns = list(report.frame.columns)
    attributes = {
        "name": "new",
        "environment": "sandbox",
        "report": report.info.name,
        "object": "Any",
        "keys": [{"column": column, "field": f"Key{n}"} for n, column in enumerate(keys or columns[:1])],
        **expressions,
    }
    try:
        spec = spell_columns(IntegrationSpec.model_validate(attributes), columns)
    except ValidationError as error:
        raise _refuse(say_refusal(error.errors()[0])) from None
    if missing := [name for name in spec.columns if name not in columns]:
        read = [each for each in (spec.condition, spec.fields[0].expression) if each]
        place = next(part.place for each in read for part in each.parts if part.text == missing[0])
        near = say_nearest(missing[0], columns)
        raise ConfigurationError(f"character {place}: the report has no column {missing[0]!r}; {near}")
    shape = plan_shape(spec, report.frame.lazy(), report.day, report.likely_types)
    if shape is None or shape.faults:
        raise _refuse(shape.faults[0].message if shape else "it is no value")
    return shape


def _refuse(said: str) -> ConfigurationError:
    """Build the error without the name of the field, which was made up for the trial."""
    return ConfigurationError(said.removeprefix("value of Value: "))


def preview_values(
    spec: IntegrationSpec, report: NewestReport, schema: SObjectSchema, earlier: pl.DataFrame | None = None
) -> ValuePreview:
    """Calculate the values of the first keys.

    Args:
        spec: the integration.
        report: the newest rows of its report.
        schema: the object.
        earlier: rows of earlier days of the window, with `_day`.

    Raises:
        ConfigurationError: an expression does not fit the report, or cannot be calculated.
    """
    spec = spell_columns(spec, report.frame.columns)
    spec = spec.model_copy(update={"latest_by": spec.latest_by or report.info.latest_by})
    read = [column for column in spec.columns if column in report.frame.columns]
    own = report.rows.select(by_name(DAY, *read))
    rows = pl.concat([own, earlier.select(by_name(DAY, *read))], how="vertical_relaxed") if earlier is not None else own
    shape = plan_shape(spec, rows.lazy(), report.day, report.likely_types)
    if shape is None:
        return ValuePreview((), (), 0, rows.height)
    if shape.faults:
        raise ConfigurationError("; ".join(fault.message for fault in shape.faults))
    keeps, keys = filter_rows(shape), resolve_keys(spec, schema)
    named = name_columns(rows, tuple(dict.fromkeys(key.column for key in keys)))
    found = named.select(
        match_key_of_rows(keys, named.schema).alias("key"), show_key([key.given for key in keys]).alias("shown")
    )
    first = found["key"].filter(keeps).drop_nulls().unique(maintain_order=True).head(KEYS)
    chosen = found["key"].is_in(first.implode()).fill_null(False) & keeps
    typed = TypedColumns(shape.columns.frame.filter(chosen), shape.columns.names)
    there, names = rows.filter(chosen), found.filter(chosen)
    seen = report.rows.filter(chosen) if earlier is None else there
    shaped = shape_rows(replace(shape, columns=typed), there, keys, newest=None, by_day=False)
    values = [mapping for mapping in spec.fields if mapping.value is not None]
    results = [
        _fit(shaped[mapping.source], schema.get(mapping.field), truncate=mapping.truncate, factor=mapping.factor)
        for mapping in values
    ]
    lines = shaped.select(ASIDE).with_row_index("row").filter(pl.col(ASIDE).is_null())["row"].to_list()
    of_all = spec.rows == "all"
    records = [
        PreviewedRecord(
            names["shown"][row],
            [result[row] for result in results],
            shaped[SOURCE_ROWS][row] if of_all else 1,
            (seen.filter(names["key"] == names["key"][row]) if of_all else seen[row : row + 1]).head(ROWS),
        )
        for row in lines[:KEYS]
    ]
    return ValuePreview([mapping.field for mapping in values], records, int((~keeps).sum()), rows.height)


def _fit(series: pl.Series, field: SObjectField | None, *, truncate: bool, factor: float | None) -> list[Result]:
    given = series.to_list()
    if field is None or field.unusable:
        return [Result(value, value) for value in given]
    fitted = fit_values(pl.col("given"), series.dtype, field, truncate=truncate, factor=factor)
    frame = series.alias("given").to_frame().select(value=fitted.value, reason=fitted.reason)
    return [
        Result(before, after, reason or "") for before, (after, reason) in zip(given, frame.iter_rows(), strict=True)
    ]
