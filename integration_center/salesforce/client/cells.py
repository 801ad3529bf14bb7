"""Values between the org's text and our columns, both ways.

The org's forms: Bulk CSV and REST JSON, "Valid Date Format in Records" and "Primitive Data Types". Doubles may come as
Java writes them (`9.12260031E8`), datetimes as `…000Z` or `…000+0000`; an empty cell is null, for empty text does not
exist in the org. What we send has seconds only, for the org drops the rest.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from integration_center.errors import OrgError
from integration_center.sync.schema import SObjectSchema

DATETIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.f%z"
DATETIME_OUT = "%Y-%m-%dT%H:%M:%S.000Z"
CLEAR = "#N/A"
"""The CSV cell that sets a field to null. A text field can therefore not be given this very text by Bulk."""


def dtype_of(schema: SObjectSchema, name: str) -> pl.DataType:
    """The dtype of a field, text for a field of a parent (`Owner.Email`)."""
    field = schema.get(name)
    return field.dtype if field else pl.String()


def _parse(text: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    match dtype:
        case pl.Int64():
            number = text.cast(pl.Float64, strict=False)
            whole = pl.when(number == number.round(0)).then(number.cast(pl.Int64, strict=False))
            return pl.coalesce(text.cast(pl.Int64, strict=False), whole)
        case pl.Float64():
            return text.cast(pl.Float64, strict=False)
        case pl.Boolean():
            lower = text.str.to_lowercase()
            return pl.when(lower.is_in(["true", "false"])).then(lower == "true")
        case pl.Date():
            return text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
        case pl.Datetime():
            return text.map_batches(_parse_moments, return_dtype=dtype, is_elementwise=True)
        case _:
            return text


def _parse_moments(text: pl.Series) -> pl.Series:
    usual = text.str.to_datetime(DATETIME_OUT, time_unit="ms", strict=False)
    if usual.null_count() == text.null_count():  # one fixed form is read five times as fast as any with its zone
        return usual.dt.replace_time_zone("UTC")
    offset = text.str.replace("Z$", "+0000")
    return offset.str.to_datetime(DATETIME_FORMAT, time_unit="ms", strict=False).dt.convert_time_zone("UTC")


def parse_cells(cells: pl.DataFrame, schema: SObjectSchema) -> pl.DataFrame:
    """Types a frame of text as the org sent it.

    Args:
        cells: one String column a field, named as `schema` names it.
        schema: gives each field's dtype.

    Returns:
        The same columns in their fields' dtypes; an empty cell is null.

    Raises:
        OrgError: a cell does not have the form of its field's type. It names the field, not the value.
    """
    present = cells.select(pl.when(pl.all() != "").then(pl.all()))
    parsed = present.select(_parse(pl.col(name), dtype_of(schema, name)).alias(name) for name in cells.columns)
    for name in cells.columns:
        if parsed[name].null_count() != present[name].null_count():
            raise OrgError(f"Salesforce sent a value of {name} that is not of the type describe gives for it")
    return parsed


def _cell_text(value: Any) -> str | None:
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case _:
            return repr(value)


def _at(record: Mapping[str, Any], path: Sequence[str]) -> Any:
    """A field of a record, or of its parent; a parent that is not set comes as null."""
    value: Any = record
    for step in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def parse_records(records: Iterable[Mapping[str, Any]], names: Sequence[str], schema: SObjectSchema) -> pl.DataFrame:
    """Types records as REST sent them: one column for each of `names`, as `parse_cells` does.

    Args:
        records: the `records` of query pages.
        names: field names with describe's spelling, parents' fields with dots.
        schema: gives each field's dtype.
    """
    rows = list(records)
    paths = {name: name.split(".") for name in names}
    cells = pl.DataFrame(
        {name: [_cell_text(_at(row, path)) for row in rows] for name, path in paths.items()},
        schema=dict.fromkeys(names, pl.String),
    )
    return parse_cells(cells, schema)


def _plain_number(values: pl.Series) -> pl.Series:
    """Doubles as decimal text without exponent or loss, whole numbers without `.0`."""
    if not values.drop_nulls().is_finite().all():
        raise OrgError(f"{values.name} holds a number that is not finite; Salesforce has no such number")
    text = values.cast(pl.String).str.strip_suffix(".0").replace("-0", "0")
    exponents = text.filter(text.str.contains("e", literal=True)).unique()
    return text.replace({number: format(Decimal(number), "f") for number in exponents})


def write_texts(values: pl.Series) -> pl.Series:
    """One column of values as the text that Salesforce reads, in JSON (unquoted) and CSV alike; null stays null.

    Text keeps its characters, but line breaks become LF: a Bulk job refuses any other inside a cell, and the channel
    must not change what is stored. Empty text is null, as it is in the org.
    """
    match values.dtype:
        case pl.Float64():
            return _plain_number(values)
        case pl.Date():
            return values.dt.strftime("%Y-%m-%d")
        case pl.Datetime():
            # Without a zone it is written half as fast again.
            return values.dt.convert_time_zone("UTC").dt.replace_time_zone(None).dt.strftime(DATETIME_OUT)
        case pl.String():
            lines = values.str.replace_all("\r\n", "\n", literal=True).str.replace_all("\r", "\n", literal=True)
            return lines.set(lines == "", None)
        case _:
            return values.cast(pl.String)


def changed_fields(updates: pl.DataFrame) -> list[str]:
    """The fields that at least one line of an Updates frame changes, in the frame's order."""
    names = [name.removeprefix("after.") for name in updates.columns if name.startswith("after.")]
    return [name for name in names if updates[f"changed.{name}"].any()]


def write_csv_cells(updates: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """An Updates frame as the cells of a Bulk CSV: `Id` and `fields`, all String.

    A cell is null (written empty) where the field is left alone, and `#N/A` where it is cleared.
    """
    return updates.select(
        "Id",
        *(
            pl.when(f"changed.{name}").then(write_texts(updates[f"after.{name}"]).fill_null(CLEAR)).alias(name)
            for name in fields
        ),
    )


def write_json_records(updates: pl.DataFrame, object_name: str, fields: Sequence[str]) -> pl.Series:
    """An Updates frame as JSON objects for sObject Collections, one String a line.

    A field left alone is omitted; a cleared one is null. `attributes` stands first, as the docs ask.
    """
    head = pl.concat_str(pl.lit(f'"attributes":{{"type":"{object_name}"}},"id":"'), "Id", pl.lit('"'))
    members = [pl.when(f"changed.{name}").then(_json_member(name, updates[f"after.{name}"])) for name in fields]
    body = pl.concat_str([head, *members], separator=",", ignore_nulls=True)
    return updates.select(pl.concat_str(pl.lit("{"), body, pl.lit("}")).alias("record"))["record"]


def _json_member(name: str, values: pl.Series) -> pl.Expr:
    """`"name":value` for each value."""
    text = write_texts(values)
    if values.dtype in (pl.Int64(), pl.Float64(), pl.Boolean()):
        return pl.concat_str(pl.lit(f'"{name}":'), pl.lit(text.fill_null("null")))
    return (
        pl.lit(text.alias(name).to_frame().to_struct(name))
        .struct.json_encode()
        .str.strip_prefix("{")
        .str.strip_suffix("}")
    )
