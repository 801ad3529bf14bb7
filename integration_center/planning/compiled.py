"""Turn the expressions of an integration into expressions of Polars, over columns that have types."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from io import StringIO
from typing import Any

import polars as pl

from integration_center.errors import ConfigurationError
from integration_center.integration.expression import SAFE_NAME, Expression, explain_polars

COMPARISONS = frozenset({"Eq", "NotEq", "EqValidity", "NotEqValidity", "Lt", "LtEq", "Gt", "GtEq"})
POLARS_ERRORS = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
RESULT = "result"
NAIVE = pl.Datetime("us")


@dataclass(frozen=True)
class TypedColumns:
    """The columns that the expressions of an integration use, with types.

    Attributes:
        frame: one row per report row. The columns have the names that `names` gives. Times are UTC, without a zone.
        names: what Polars calls each column of the report.
    """

    frame: pl.DataFrame
    names: Mapping[str, str]


def name_safely(columns: tuple[str, ...]) -> dict[str, str]:
    """Give each column of a report a name that Polars does not read as a pattern."""
    return {column: SAFE_NAME.format(number) for number, column in enumerate(columns)}


def compile_expression(
    what: str,
    expression: Expression,
    schema: Mapping[str, pl.DataType],
    names: Mapping[str, str],
    days: Mapping[str, date | str],
) -> pl.Expr:
    """Turn an expression into one of Polars.

    The difference of two dates is a whole number of days, as in PostgreSQL. Polars alone would compare microseconds
    with numbers.

    Args:
        what: what the expression is, for errors.
        expression: the expression.
        schema: the columns of the frame, under the names of Polars.
        names: what Polars calls each column of the report.
        days: the values of `RUN_DATE` and `LAST_SEEN`, or the columns that hold them.

    Raises:
        ConfigurationError: the types of the columns do not allow the expression.
    """
    try:
        tree = json.loads(pl.sql_expr(expression.to_sql(names, days)).meta.serialize(format="json"))
        return _build(_count_days(tree, pl.Schema(schema))).alias(RESULT)
    except POLARS_ERRORS as error:
        raise ConfigurationError(f"{what}: {explain_polars(error, names)}") from None
    except ValueError as error:
        raise ConfigurationError(f"{what}: {error}") from None


def evaluate(
    what: str, frame: pl.LazyFrame, compiled: pl.Expr, names: Mapping[str, str], *, by: str | None = None
) -> pl.LazyFrame:
    """Check that Polars can calculate the expression, and return the frame with its result only; see `explain_polars`.

    Args:
        what: what the expression is, for errors.
        frame: the columns.
        compiled: the expression.
        names: what Polars calls each column of the report.
        by: the column whose equal values form the groups of an aggregate.
    """
    asked = frame.select(compiled) if by is None else frame.group_by(by, maintain_order=True).agg(compiled)
    try:
        asked.collect_schema()
    except POLARS_ERRORS as error:
        raise ConfigurationError(f"{what}: {explain_polars(error, names)}") from None
    return asked


def _build(tree: Any) -> pl.Expr:
    return pl.Expr.deserialize(StringIO(json.dumps(tree)), format="json")


def _count_days(tree: Any, schema: pl.Schema) -> Any:
    """Replace each difference of dates or times in a tree of Polars by its number of whole days."""
    if isinstance(tree, list):
        return [_count_days(each, schema) for each in tree]
    if not isinstance(tree, dict):
        return tree
    built = {name: _count_days(each, schema) for name, each in tree.items()}
    operation = built.get("BinaryExpr")
    if not isinstance(operation, dict):
        return built
    if operation["op"] == "Minus" and isinstance(_dtype_of(built, schema), pl.Duration):
        days = _build(built).dt.total_days()
        return json.loads(days.meta.serialize(format="json"))
    if operation["op"] in COMPARISONS:
        sides = [_dtype_of(operation[side], schema) for side in ("left", "right")]
        if len([side for side in sides if isinstance(side, pl.Duration)]) == 1:
            raise ValueError(
                "it compares an INTERVAL with a number; the difference of two dates is a number of days, so write"
                " 14 in place of INTERVAL '14 days'"
            )
    return built


def _dtype_of(tree: Any, schema: pl.Schema) -> pl.DataType:
    return next(iter(pl.LazyFrame(schema=schema).select(_build(tree)).collect_schema().values()))
