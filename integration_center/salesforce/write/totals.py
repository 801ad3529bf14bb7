"""Totals over the written records, which reveal a change to any of them: what to query, and what to expect."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any

import polars as pl

from integration_center.salesforce.client.cells import parse_records
from integration_center.sync.schema import NUMBER_TYPES, SObjectField, SObjectSchema

MEASURES: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "COUNT": pl.Expr.count,
    "SUM": pl.Expr.sum,
    "MIN": pl.Expr.min,
    "MAX": pl.Expr.max,
}
SUM_TOLERANCE = 1e-9
"""The tolerance for sums, because the sum of doubles depends on their order."""


@dataclass(frozen=True)
class Total:
    """A function over the written records, and its expected value."""

    function: str
    field: SObjectField
    expected: Any = None

    @property
    def soql(self) -> str:
        """The total as it is selected in SOQL."""
        return f"{self.function}({self.field.name})"

    def fits(self, answer: Any, schema: SObjectSchema) -> bool:
        """Return whether the org's answer is the expected value."""
        match self.function:
            case "COUNT":
                return bool(answer == self.expected)
            case "SUM":
                return isinstance(answer, int | float | None) and isclose(
                    answer or 0, self.expected or 0, rel_tol=SUM_TOLERANCE, abs_tol=SUM_TOLERANCE
                )
        held = parse_records([{self.field.name: answer}], [self.field.name], schema).item()
        return bool(held == self.expected)


def choose_functions(described: SObjectField) -> Sequence[str]:
    """Choose the functions that make sense for a field and do not depend on how the org sorts text."""
    if described.type in NUMBER_TYPES:
        return ("COUNT", "SUM", "MIN", "MAX")
    return ("COUNT", "MIN", "MAX") if described.type in ("date", "datetime") else ("COUNT",)
