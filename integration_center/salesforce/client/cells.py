"""Convert values between the org's text and our columns, in both directions.

The org's forms: Bulk CSV and REST JSON, "Valid Date Format in Records" and "Primitive Data Types". Doubles may come as
Java writes them (`9.12260031E8`), datetimes as `…000Z` or `…000+0000`. An empty cell is null, because the org does not
store empty text. Times that we send have whole seconds, because the org drops the fraction.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import polars as pl

from integration_center.errors import OrgError
from integration_center.sync.marking import list_mapped
from integration_center.sync.schema import SObjectSchema

DATETIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.f%z"
DATETIME_OUT = "%Y-%m-%dT%H:%M:%S.000Z"
WRITTEN_BOOLEANS = ("true", "false")
DAY_SECONDS = 86_400
MOST_DAYS = 50_000
"""So many days, a hundred years and more, may be between the times of which each day is written once."""
WORTH_A_TABLE = 5_000
"""From so many times on, their days and seconds are looked up, which takes half the time of formatting each."""
EXACT_SPAN = (-(2**53), 2**53)
"""Between these, doubles have all digits of whole numbers."""
CLEAR = "#N/A"
"""The CSV cell that sets a field to null. So Bulk cannot store this exact text in a text field."""


def dtype_of(schema: SObjectSchema, name: str) -> pl.DataType:
    """Return the dtype of a field; String for a field of a parent (`Owner.Email`)."""
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
            return text.map_batches(_parse_booleans, return_dtype=dtype, is_elementwise=True)
        case pl.Date():
            return text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
        case pl.Datetime():
            return text.map_batches(_parse_moments, return_dtype=dtype, is_elementwise=True)
        case _:
            return text


def _parse_booleans(text: pl.Series) -> pl.Series:
    usual = text.is_in(WRITTEN_BOOLEANS)
    if usual.all(ignore_nulls=True):  # texts in other letters take eight times as long
        return text == WRITTEN_BOOLEANS[0]
    lower = text.str.to_lowercase()
    return (lower == WRITTEN_BOOLEANS[0]).set(~lower.is_in(WRITTEN_BOOLEANS), None)


def _parse_moments(text: pl.Series) -> pl.Series:
    usual = text.str.to_datetime(DATETIME_OUT, time_unit="ms", strict=False, cache=False)
    if usual.null_count() == text.null_count():  # a fixed form is parsed five times as fast as a form with a zone
        return usual.dt.replace_time_zone("UTC")
    offset = text.str.replace("Z$", "+0000")
    return offset.str.to_datetime(DATETIME_FORMAT, time_unit="ms", strict=False).dt.convert_time_zone("UTC")


def parse_cells(cells: pl.DataFrame, schema: SObjectSchema) -> pl.DataFrame:
    """Parse a frame of text, as the org sent it, into typed columns.

    Args:
        cells: one String column per field, named as in `schema`.
        schema: gives the dtype of each field.

    Returns:
        The same columns in the dtypes of their fields; an empty cell is null.

    Raises:
        OrgError: a cell does not have the form of its field's type. The message names the field, not the value.
    """
    present = cells.select(pl.when(pl.all() != "").then(pl.all()))
    parsed = present.select(_parse(pl.col(name), dtype_of(schema, name)).alias(name) for name in cells.columns)
    for name in cells.columns:
        if parsed[name].null_count() != present[name].null_count():
            raise OrgError(f"Salesforce sent a value of {name} that does not have the type that describe gives")
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
    """Return a field of a record, or of its parent. A parent that is not set comes as null."""
    value: Any = record
    for step in path:
        if not isinstance(value, dict):  # of JSON; to ask for a `Mapping` takes ten times as long
            return None
        value = value.get(step)
    return value


def parse_records(records: Iterable[Mapping[str, Any]], names: Sequence[str], schema: SObjectSchema) -> pl.DataFrame:
    """Parse records, as REST sent them, into one typed column for each of `names`, as `parse_cells` does.

    Args:
        records: the `records` of query pages.
        names: field names in describe's spelling; fields of parents have a dot.
        schema: gives the dtype of each field.
    """
    rows = list(records)
    paths = {name: name.split(".") for name in names}
    cells = pl.DataFrame(
        {name: [_cell_text(_at(row, path)) for row in rows] for name, path in paths.items()},
        schema=dict.fromkeys(names, pl.String),
    )
    return parse_cells(cells, schema)


def _plain_number(values: pl.Series) -> pl.Series:
    """Write doubles as decimal text without exponent or loss, and whole numbers without `.0`."""
    whole = values.cast(pl.Int64, strict=False)
    if whole.null_count() == values.null_count() and (whole == values).all() and whole.is_between(*EXACT_SPAN).all():
        return whole.cast(pl.String)  # which takes a third of the time
    if not values.drop_nulls().is_finite().all():
        raise OrgError(f"{values.name} holds a number that is not finite; Salesforce has no such number")
    text = values.cast(pl.String).str.strip_suffix(".0").replace("-0", "0")
    exponents = text.filter(text.str.contains("e", literal=True)).unique()
    return text.replace({number: format(Decimal(number), "f") for number in exponents})


def _write_moments(values: pl.Series) -> pl.Series:
    """Write times as the org does, in UTC and without fractions of a second."""
    seconds = values.dt.epoch("s")
    days = seconds // DAY_SECONDS
    first, last = days.min(), days.max()
    if len(values) >= WORTH_A_TABLE and isinstance(first, int) and isinstance(last, int) and last - first < MOST_DAYS:
        dates = pl.int_range(first, last + 1, dtype=pl.Int32, eager=True).cast(pl.Date).cast(pl.String)
        texts = dates.gather(days - first) + _list_day_times().gather(seconds % DAY_SECONDS)
        return texts.alias(values.name)
    # Formatting without a zone is 1.5 times as fast.
    return values.dt.convert_time_zone("UTC").dt.replace_time_zone(None).dt.strftime(DATETIME_OUT)


@cache
def _list_day_times() -> pl.Series:
    """Write the time of each second of a day, as it follows the date."""
    seconds = pl.int_range(DAY_SECONDS, eager=True) * 1_000
    return seconds.cast(pl.Datetime("ms")).dt.strftime(DATETIME_OUT.removeprefix("%Y-%m-%d"))


def write_texts(values: pl.Series) -> pl.Series:
    """Write one column of values as the text that Salesforce reads, in JSON (unquoted) and CSV alike. Null stays null.

    Text keeps its characters, but line breaks become LF: a Bulk job refuses any other line break inside a cell, and the
    stored value must not depend on the channel. Empty text becomes null, as in the org.
    """
    match values.dtype:
        case pl.Float64():
            return _plain_number(values)
        case pl.Date():
            return values.dt.strftime("%Y-%m-%d")
        case pl.Datetime():
            return _write_moments(values)
        case pl.String():
            lines = values.str.replace_all("\r\n", "\n", literal=True).str.replace_all("\r", "\n", literal=True)
            return lines.set(lines == "", None)
        case _:
            return values.cast(pl.String)


def changed_fields(updates: pl.DataFrame) -> list[str]:
    """List the fields that at least one line of an Updates frame changes, in the frame's order."""
    return [name for name in list_mapped(updates.columns) if updates[f"changed.{name}"].any()]


def take_body(updates: pl.DataFrame, most: int) -> pl.DataFrame:
    """Return the first lines of an Updates frame whose texts take at most `most` bytes together, at least one line."""
    texts = [name for name in changed_fields(updates) if updates.schema[f"after.{name}"] == pl.String()]
    if not texts:
        return updates
    sizes = [pl.when(f"changed.{name}").then(pl.col(f"after.{name}").str.len_bytes()).fill_null(0) for name in texts]
    ends = updates.select(pl.sum_horizontal(sizes).cast(pl.Int64).cum_sum()).to_series()
    return updates[: max(int((ends <= most).sum()), 1)]


def write_csv_cells(updates: pl.DataFrame, fields: Sequence[str]) -> pl.DataFrame:
    """Write an Updates frame as the cells of a Bulk CSV: `Id` and `fields`, all String.

    A cell is null (written as empty) where the field is not changed, and `#N/A` where it is cleared.
    """
    return updates.select(
        "Id",
        *(
            pl.when(f"changed.{name}").then(write_texts(updates[f"after.{name}"]).fill_null(CLEAR)).alias(name)
            for name in fields
        ),
    )


def write_json_records(updates: pl.DataFrame, object_name: str, fields: Sequence[str]) -> pl.Series:
    """Write an Updates frame as JSON objects for sObject Collections, one String per line.

    A field that is not changed is omitted; a cleared field is null. `attributes` comes first, as the docs require.
    """
    head = pl.concat_str(pl.lit(f'"attributes":{{"type":"{object_name}"}},"id":"'), "Id", pl.lit('"'))
    members = [pl.when(f"changed.{name}").then(_json_member(name, updates[f"after.{name}"])) for name in fields]
    body = pl.concat_str([head, *members], separator=",", ignore_nulls=True)
    return updates.select(pl.concat_str(pl.lit("{"), body, pl.lit("}")).alias("record"))["record"]


def _json_member(name: str, values: pl.Series) -> pl.Expr:
    """Write `"name":value` for each value."""
    text = write_texts(values)
    if values.dtype in (pl.Int64(), pl.Float64(), pl.Boolean()):
        return pl.concat_str(pl.lit(f'"{name}":'), pl.lit(text.fill_null("null")))
    return (
        pl.lit(text.alias(name).to_frame().to_struct(name))
        .struct.json_encode()
        .str.strip_prefix("{")
        .str.strip_suffix("}")
    )
