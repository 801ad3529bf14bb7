"""Turn the expressions of an integration into expressions of Polars, over columns that have types."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from io import StringIO
from typing import Any

import polars as pl

from integration_center.errors import ConfigurationError
from integration_center.files.polars_errors import POLARS_ERRORS
from integration_center.integration.expression import SAFE_NAME, Expression, Part
from integration_center.integration.sql_words import explain_polars

COMPARISONS = frozenset({"Eq", "NotEq", "EqValidity", "NotEqValidity", "Lt", "LtEq", "Gt", "GtEq"})
TOO_DEEP = (
    "it has too many operators in a row; use fewer than 30, or functions of many values such as CONCAT and GREATEST"
)
UNREAD = "could not deserialize"
"""What Polars says of an expression that is too deep to be read back."""
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

    The difference of two dates is a whole number of days, as in PostgreSQL: Polars alone would compare microseconds
    with numbers. Whole numbers are calculated with 64 bits, and products and powers as doubles: Polars alone takes 32
    bits for what is written in the expression, and begins again below zero where a number is too large.

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
        return _build(_settle_types(tree, pl.Schema(schema))).alias(RESULT)
    except RecursionError:
        raise ConfigurationError(f"{what}: {TOO_DEEP}") from None
    except POLARS_ERRORS as error:
        if UNREAD in str(error):
            raise ConfigurationError(f"{what}: {TOO_DEEP}") from None
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


def _settle_types(tree: Any, schema: pl.Schema) -> Any:
    """Give the numbers in a tree of Polars enough bits, and make each difference of dates or times whole days."""
    if isinstance(tree, list):
        return [_settle_types(each, schema) for each in tree]
    if not isinstance(tree, dict):
        return tree
    match tree:
        case {"Literal": {"Dyn": {"Int": int(number)}}}:
            return {"Literal": {"Scalar": {"Int64": number}}}
        case {"Function": {"input": list(given), "function": {"Sql": {"Binary": "Mul"}} | {"Pow": _}}}:
            inputs = [_widen(_settle_types(each, schema), schema) for each in given]
            return {"Function": {**tree["Function"], "input": inputs}}
    built = {name: _settle_types(each, schema) for name, each in tree.items()}
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


def _widen(tree: Any, schema: pl.Schema) -> Any:
    """Cast a tree that gives whole numbers to doubles."""
    if not _dtype_of(tree, schema).is_integer():
        return tree
    return json.loads(_build(tree).cast(pl.Float64).meta.serialize(format="json"))


def _dtype_of(tree: Any, schema: pl.Schema) -> pl.DataType:
    return next(iter(pl.LazyFrame(schema=schema).select(_build(tree)).collect_schema().values()))


def find_place(
    expression: Expression, schema: Mapping[str, pl.DataType], names: Mapping[str, str], days: Mapping[str, date | str]
) -> int:
    """Find the character at which the shortest part of an expression begins whose types do not fit.

    Args:
        expression: the expression that does not fit as a whole.
        schema: the columns of the frame, under the names of Polars.
        names: what Polars calls each column of the report.
        days: the values of `RUN_DATE` and `LAST_SEEN`, or the columns that hold them.
    """
    empty = pl.LazyFrame(schema=schema)
    for parts in sorted(_list_calls(expression.parts), key=len):
        part = Expression(expression.text, parts)
        try:
            pl.sql_expr(part.to_sql(names, days))
        except POLARS_ERRORS:  # not an expression by itself
            continue
        try:
            evaluate("", empty, compile_expression("", part, schema, names, days), names)
        except ConfigurationError:
            return parts[0].place
    return expression.parts[0].place


def _list_calls(parts: Sequence[Part]) -> Iterator[tuple[Part, ...]]:
    """List the calls of functions, and what is in parentheses."""
    begins: list[int] = []
    for number, part in enumerate(parts):
        if part.kind != "sign":
            continue
        if part.text == "(":
            is_call = number and parts[number - 1].kind == "function"
            begins.append(number - 1 if is_call else number)
        elif part.text == ")":
            yield tuple(parts[begins.pop() : number + 1])
