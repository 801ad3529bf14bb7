"""Sums over the records written, which tell of a change to any of them: what to ask for, and what to expect."""

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
"""Doubles do not add up to the same sum in every order."""


@dataclass(frozen=True)
class Total:
    """A function over the records written, and what it must come to."""

    function: str
    field: SObjectField
    expected: Any = None

    @property
    def soql(self) -> str:
        """As it is selected."""
        return f"{self.function}({self.field.name})"

    def fits(self, answer: Any, schema: SObjectSchema) -> bool:
        """Whether the org's answer is what was expected."""
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
    """Which functions tell something of a field that does not hang on how the org sorts text."""
    if described.type in NUMBER_TYPES:
        return ("COUNT", "SUM", "MIN", "MAX")
    return ("COUNT", "MIN", "MAX") if described.type in ("date", "datetime") else ("COUNT",)
