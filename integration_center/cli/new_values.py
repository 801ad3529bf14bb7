"""The questions of `new --values`: values made of columns, or of all rows of a key."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import typer

from integration_center.cli.asking import SKIP, Pair, ask_field
from integration_center.cli.output import ask, console
from integration_center.errors import ConfigurationError
from integration_center.integration.spec import Rows
from integration_center.planning.newest_report import NewestReport
from integration_center.planning.proposals import ProposedValue, propose_values
from integration_center.planning.value_preview import find_value_dtype
from integration_center.store.reports import EVENTS
from integration_center.sync.mapping.suggestions import rank_targets
from integration_center.sync.schema import SObjectSchema


@dataclass(frozen=True)
class Made:
    """The values that were chosen.

    Attributes:
        rows: see `IntegrationSpec.rows`.
        window: see `IntegrationSpec.window`.
        values: pairs of SQL expression and field.
    """

    rows: Rows = "newest"
    window: int | None = None
    values: tuple[Pair, ...] = ()


def ask_values(report: NewestReport, schema: SObjectSchema, keys: Sequence[Pair]) -> Made:
    """Ask which values to make, the proposed ones first, and for the field of each."""
    proposal = propose_values(report.info.slug, schema.name, report.frame.columns)
    one_of_all = typer.confirm(
        "Make one value of all rows of a key (else the newest row is used)?",
        default=proposal is not None and proposal.rows == "all",
    )
    rows: Rows = "all" if one_of_all else "newest"
    window = None
    if one_of_all and report.info.kind == EVENTS:
        length = ask("Days to look at", default=str((proposal and proposal.window) or 1))
        window = int(length) if length.isdigit() and int(length) > 1 else None
    made: list[Pair] = []
    offered = list(proposal.values) if proposal and proposal.rows == rows else []
    taken = {field.lower() for _, field in keys}
    while True:
        value = offered.pop(0) if offered else ask_expression()
        if value is None:
            return Made(rows, window, tuple(made))
        console.print(f"{value.label}: {value.value}", markup=False, soft_wrap=True)
        dtype = find_dtype(value.value, rows, report)
        if dtype is None:
            continue
        field = ask_field(
            f"{value.label} goes to",
            rank_targets(schema, dtype, taken),
            SKIP,
            taken | {field.lower() for _, field in made},
            may_skip=True,
        )
        if field != SKIP:
            made.append((value.value, field))


def ask_expression() -> ProposedValue | None:
    """Ask for an SQL expression; None when there is no more."""
    given = ask(f'Another value, in SQL over "Column name" ({SKIP} for none)', default=SKIP).strip()
    return None if given == SKIP else ProposedValue("Value", given)


def find_dtype(value: str, rows: Rows, report: NewestReport) -> pl.DataType | None:
    """Find the dtype of an expression's result; None, with the reason printed, when it cannot be used."""
    try:
        return find_value_dtype(value, rows, report)
    except ConfigurationError as error:
        console.print(str(error), markup=False, soft_wrap=True)
        return None
