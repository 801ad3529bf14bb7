"""Shape the rows of a report into records, before they are matched: filter rows, calculate values, roll rows up.

A shaped report has the height and the order of the report, so that every row keeps its number. Rows that are not
matched by themselves are marked: `filtered` rows do not meet the integration's condition, and `rolled_up` rows are
part of the value that another row of their key holds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl
from polars.selectors import by_name

from integration_center.errors import ConfigurationError
from integration_center.files.polars_errors import POLARS_ERRORS
from integration_center.insights.catalogue import ColumnType
from integration_center.integration.expression import RUN_DATE, Expression
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration.sql_words import explain_polars
from integration_center.planning.column_types import type_columns
from integration_center.planning.compiled import RESULT, TypedColumns, compile_expression, evaluate, find_place
from integration_center.sync.columns import ASIDE, DAY, OUTCOME, PART_OF, SOURCE_ROWS
from integration_center.sync.mapping.fitness import TYPES_FIT, Fault
from integration_center.sync.outcomes import Outcome
from integration_center.sync.plan_terms import ROW, Shaping, Terms, match_key_of_rows, name_columns
from integration_center.sync.recency import read_recency
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.targets import Key, resolve_keys

NO_WINDOW = "window: report {} is a snapshot, which holds everybody each day; only events have a window of days"
FILTER = "filter"
FIRST_DAY, LAST_DAY = date(1, 1, 1), date(9999, 12, 31)
GROUP = "group"


@dataclass(frozen=True)
class Shape:
    """How the rows of one report become the records of one integration.

    Attributes:
        spec: the integration, with the report's spelling of columns.
        day: the day of the run.
        columns: the columns that the expressions use.
        dtypes: the dtype of each mapping's value, by `FieldMapping.source`.
        faults: what is wrong with the expressions. A shape with faults cannot be used.
    """

    spec: IntegrationSpec
    day: date
    columns: TypedColumns
    dtypes: Mapping[str, pl.DataType] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


def plan_shape(
    spec: IntegrationSpec, rows: pl.LazyFrame, day: date, likely_types: Mapping[str, ColumnType]
) -> Shape | None:
    """Find the types of an integration's values; return None for an integration that takes the rows as they are.

    Args:
        spec: the integration, with the report's spelling of columns.
        rows: the report.
        day: the day of the run.
        likely_types: for text columns whose values all look like another type, that type by column.
    """
    if not spec.shapes_rows:
        return None
    expressions = _list_expressions(spec)
    there = rows.collect_schema().names()
    used = tuple(dict.fromkeys(name for each in expressions.values() for name in each.columns if name in there))
    columns = type_columns(spec, rows, used, likely_types)
    dtypes, faults = {}, []
    for source, expression in expressions.items():
        if not set(expression.columns) <= set(used):
            continue  # the missing columns are a fault of their own
        try:
            dtype = _find_dtype(source, expression, columns, day, is_aggregate=spec.rows == "all")
        except ConfigurationError as error:
            place = find_place(expression, dict(columns.frame.schema), columns.names, {RUN_DATE: day})
            said = str(error).replace(f"{source}: ", f"{source}: character {place}: ", 1)
            faults.append(Fault(TYPES_FIT, "VALUE_WRONG", f"{said}{_say_texts(expression, columns)}"))
            continue
        if source != FILTER:
            dtypes[source] = dtype
    return Shape(spec, day, columns, dtypes, tuple(faults))


def shape_rows(
    shape: Shape, rows: pl.DataFrame, keys: tuple[Key, ...], *, newest: date | None, by_day: bool
) -> pl.DataFrame:
    """Shape the rows of a report.

    Args:
        shape: the result of `plan_shape` for these rows.
        rows: the report, with `_day` Date.
        keys: the key pairs of the integration.
        newest: the newest day of a snapshot report, whose older rows are not used.
        by_day: whether each day's rows are rolled up by themselves.

    Returns:
        `rows` with the values under `FieldMapping.source`, `ASIDE` and `PART_OF`; and `SOURCE_ROWS` UInt32 for
        `rows: all`, the number of rows that the values of a row are made of.

    Raises:
        ConfigurationError: a value cannot be calculated, such as the number that a text is cast to.
    """
    spec, columns = shape.spec, shape.columns
    keeps = filter_rows(shape)
    aside = pl.select(pl.when(~keeps).then(pl.lit(Outcome.FILTERED, dtype=OUTCOME)).alias(ASIDE)).to_series()
    if spec.rows == "newest":
        values = [
            _calculate(source, expression, columns, shape.day)
            for source, expression in _list_expressions(spec).items()
            if source != FILTER
        ]
        return rows.with_columns(*values, aside, pl.lit(None, dtype=pl.UInt32).alias(PART_OF))
    usable = keeps if newest is None else keeps & (rows.get_column(DAY) == newest)
    grouped = _group_rows(shape, rows, keys, usable, by_day=by_day)
    rolled = _roll_up(shape, grouped)
    place = pl.DataFrame({ROW: pl.int_range(rows.height, dtype=pl.UInt32, eager=True)})
    held = place.join(rolled, left_on=ROW, right_on=GROUP, how="left", maintain_order="left").drop(ROW)
    group = place.join(grouped.select(ROW, GROUP), on=ROW, how="left", maintain_order="left").get_column(GROUP)
    is_part = (group != place[ROW]).fill_null(False)
    return rows.with_columns(
        *held.get_columns(),
        pl.select(
            pl.when(is_part).then(pl.lit(Outcome.ROLLED_UP, dtype=OUTCOME)).otherwise(aside).alias(ASIDE)
        ).to_series(),
        pl.select(pl.when(is_part).then(group).alias(PART_OF)).to_series(),
    )


def shape_report(shape: Shape, rows: pl.LazyFrame, terms: Terms, *, by_day: bool) -> pl.LazyFrame:
    """Shape the rows of the run's report; see `shape_rows`. The result has the columns that the plan needs."""
    values = set(shape.dtypes)
    needed = [column for column in terms.columns if column not in values]
    if shape.spec.latest_by:
        needed.append(shape.spec.latest_by)
    own = rows.select(by_name(DAY, *dict.fromkeys(needed))).collect()
    return shape_rows(shape, own, terms.keys, newest=terms.newest, by_day=by_day).lazy()


def build_shaping(shape: Shape | None, schema: SObjectSchema) -> Shaping | None:
    """Return the function that shapes the rows of one day of events that an earlier run applied; see `Terms`."""
    if shape is None:
        return None
    spec, keys = shape.spec, resolve_keys(shape.spec, schema)

    def shape_day(rows: pl.DataFrame) -> pl.DataFrame:
        day = rows[DAY].max()
        own = plan_shape(spec, rows.lazy(), day if isinstance(day, date) else shape.day, {})
        if own is None or own.faults:
            said = "; ".join(fault.message for fault in own.faults) if own else ""
            raise ConfigurationError(f"the rows of {day!s}, which an earlier run applied, do not fit any more: {said}")
        return shape_rows(own, rows, keys, newest=None, by_day=True)

    return shape_day


def _list_expressions(spec: IntegrationSpec) -> dict[str, Expression]:
    """List the expressions of an integration, by what they are: `filter`, or `FieldMapping.source`."""
    found = {mapping.source: each for mapping in spec.fields if (each := mapping.expression)}
    return {**({FILTER: spec.condition} if spec.condition else {}), **found}


def _find_dtype(
    source: str, expression: Expression, columns: TypedColumns, day: date, *, is_aggregate: bool
) -> pl.DataType:
    """Find the dtype of an expression's result, and check that it gives one value per record."""
    schema = dict(columns.frame.schema)
    compiled = compile_expression(source, expression, schema, columns.names, {RUN_DATE: day})
    empty = columns.frame.lazy().clear().with_columns(pl.lit(0, dtype=pl.UInt32).alias(GROUP))
    grouped = GROUP if is_aggregate and source != FILTER else None
    asked = evaluate(source, empty, compiled, columns.names, by=grouped)
    dtype = asked.collect_schema()[RESULT]
    if source == FILTER and dtype not in (pl.Boolean(), pl.Null()):
        raise ConfigurationError(f"{source}: it has to be true or false for each row, and gives {_say(dtype)} values")
    if isinstance(dtype, pl.List):
        raise ConfigurationError(
            f"{source}: it gives one value per row, but with `rows: all` it has to make one value of all rows of a key;"
            " use an aggregate such as MAX, SUM, AVG or COUNT around each column"
        )
    if isinstance(dtype, pl.Datetime):
        return pl.Datetime("us", "UTC")
    if isinstance(dtype, pl.Duration):
        raise ConfigurationError(f"{source}: it gives an INTERVAL, which no field can hold")
    try:
        asked.collect()  # some types are only compared when values are
    except POLARS_ERRORS as error:
        raise ConfigurationError(f"{source}: {explain_polars(error, columns.names)}") from None
    if isinstance(dtype, pl.Unknown | pl.Object) or dtype.is_nested():
        raise ConfigurationError(f"{source}: it mixes types, such as dates and numbers; give each branch one type")
    return pl.Float64() if isinstance(dtype, pl.Decimal) else pl.String() if isinstance(dtype, pl.Null) else dtype


def _say_texts(expression: Expression, columns: TypedColumns) -> str:
    """Name the columns of an expression that hold text, which is why most expressions do not work."""
    schema = columns.frame.schema
    texts = [name for name in expression.columns if schema[columns.names[name]] == pl.String]
    named = ", ".join(map(repr, texts))
    return f"; not every value of {named} is a number, date or time, so it is taken as text" if texts else ""


def _say(dtype: pl.DataType) -> str:
    return {"Int64": "whole number", "Float64": "number", "String": "text"}.get(str(dtype), str(dtype))


def filter_rows(shape: Shape) -> pl.Series:
    """Return for each row whether the integration uses it."""
    condition = shape.spec.condition
    height = shape.columns.frame.height
    if condition is None:
        return pl.repeat(True, height, eager=True)
    return _calculate(FILTER, condition, shape.columns, shape.day).cast(pl.Boolean).fill_null(False)


def _calculate(source: str, expression: Expression, columns: TypedColumns, day: date) -> pl.Series:
    compiled = compile_expression(source, expression, dict(columns.frame.schema), columns.names, {RUN_DATE: day})
    try:
        found = columns.frame.select(_finish(compiled, columns).alias(RESULT)).to_series()
    except POLARS_ERRORS as error:
        raise _explain(source, error, columns) from None
    full = found if len(found) == columns.frame.height else found.new_from_index(0, columns.frame.height)
    return full.alias(source)


def _finish(compiled: pl.Expr, columns: TypedColumns) -> pl.Expr:
    """Give the result of an expression a dtype of report columns. A division by zero has no result."""
    dtype = columns.frame.lazy().clear().select(compiled).collect_schema()[RESULT]
    return finish_dtype(compiled, dtype)


def finish_dtype(compiled: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Convert a result of `dtype` to what the columns of reports hold. A day that no calendar has is no result."""
    if isinstance(dtype, pl.Null):
        return compiled.cast(pl.String)
    if isinstance(dtype, pl.Date | pl.Datetime):
        known = pl.when(compiled.cast(pl.Date).is_between(FIRST_DAY, LAST_DAY)).then(compiled)
        return known if isinstance(dtype, pl.Date) else known.dt.replace_time_zone("UTC")
    if isinstance(dtype, pl.Decimal):
        return compiled.cast(pl.Float64)
    if dtype.is_float():
        return pl.when(compiled.is_finite()).then(compiled)
    return compiled


def _group_rows(
    shape: Shape, rows: pl.DataFrame, keys: tuple[Key, ...], usable: pl.Series, *, by_day: bool
) -> pl.DataFrame:
    """Return the typed columns of the usable rows that have a key, with `row` and `group`: the first row of the key."""
    named = name_columns(rows, tuple(dict.fromkeys(key.column for key in keys)))
    text = named.select(match_key_of_rows(keys, named.schema).alias("key")).to_series()
    found = shape.columns.frame.with_columns(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias(ROW), text, rows.get_column(DAY)
    ).filter(usable & text.is_not_null())
    if any(each.is_ordered for each in _list_expressions(shape.spec).values()):
        found = _sort_rows(shape, rows, found)
    return found.with_columns(pl.col(ROW).min().over(["key", DAY] if by_day else "key").alias(GROUP)).drop("key", DAY)


def _sort_rows(shape: Shape, rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    """Sort rows by `latest_by`, then by their day and values: FIRST, LAST and STRING_AGG must not go by chance."""
    column = shape.spec.latest_by
    latest = read_recency(rows.get_column(column)) if column and column in rows.columns else None
    order = [DAY, *shape.columns.names.values()]
    if latest is not None:
        found, order = found.with_columns(latest.gather(found[ROW]).alias("latest")), ["latest", *order]
    return found.sort(order, nulls_last=False, maintain_order=True).drop("latest", strict=False)


def _roll_up(shape: Shape, grouped: pl.DataFrame) -> pl.DataFrame:
    """Calculate the values of each group: `group`, the values under `FieldMapping.source`, and `SOURCE_ROWS`."""
    columns = shape.columns
    schema = {name: dtype for name, dtype in grouped.schema.items() if name not in (ROW, GROUP)}
    lazy = grouped.lazy().group_by(GROUP)
    values = []
    for source, expression in _list_expressions(shape.spec).items():
        if source == FILTER:
            continue
        compiled = compile_expression(source, expression, schema, columns.names, {RUN_DATE: shape.day})
        dtype = grouped.lazy().clear().group_by(GROUP).agg(compiled).collect_schema()[RESULT]
        values.append(finish_dtype(compiled, dtype).alias(source))
    try:
        return lazy.agg(pl.len().cast(pl.UInt32).alias(SOURCE_ROWS), *values).collect()
    except POLARS_ERRORS as error:
        raise _explain("values", error, columns) from None


def _explain(source: str, error: BaseException, columns: TypedColumns) -> ConfigurationError:
    said = str(error).partition("values:")[0].partition(": [")[0]  # Polars quotes values
    names = {**columns.names}
    for name, safe in names.items():
        said = said.replace(safe, name)
    return ConfigurationError(f"{source} cannot be calculated: {said.strip().splitlines()[0][:200]}")
