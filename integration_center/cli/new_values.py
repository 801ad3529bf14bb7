"""The questions of `new --values`: values made of columns, or of all rows of a key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
import typer
from pydantic import ValidationError

from integration_center.cli.asking import SKIP, Pair, ask_field, ask_one
from integration_center.cli.output import ask, console
from integration_center.errors import ConfigurationError
from integration_center.integration.mapping import FieldMapping
from integration_center.integration.spec import Rows
from integration_center.planning.newest_report import NewestReport
from integration_center.planning.presets import PRESETS, write_value
from integration_center.planning.proposals import ProposedValue, propose_values
from integration_center.planning.value_preview import check_filter, find_value_dtype
from integration_center.store.reports import EVENTS
from integration_center.sync.mapping.suggestions import rank_targets
from integration_center.sync.schema import SObjectSchema
from integration_center.wording.model_refusals import say_refusal


@dataclass(frozen=True)
class Made:
    """The values that were chosen.

    Attributes:
        rows: see `IntegrationSpec.rows`.
        window: see `IntegrationSpec.window`.
        filter: see `IntegrationSpec.filter`.
        values: pairs of SQL expression and field.
    """

    rows: Rows = "newest"
    window: int | None = None
    filter: str | None = None
    values: tuple[Pair, ...] = ()


@dataclass(frozen=True)
class Absence:
    """What happens to people who drop out.

    Attributes:
        after: days until they count as gone; None for nothing.
        clears: whether the fields without a value of their own are emptied.
        values: for each field, the SQL expression that is written.
    """

    after: int | None = None
    clears: bool = False
    values: Mapping[str, str] = field(default_factory=dict)


def say_proposed(report: NewestReport, schema: SObjectSchema) -> None:
    """Name the values that are worth having, for people who did not ask for values."""
    if proposal := propose_values(report.info.slug, schema.name, report.frame.columns):
        named = ", ".join(value.label for value in proposal.values)
        said = f"Worth having of {report.info.name}, too: {named}. To be asked: integration-center new --values"
        console.print(said, markup=False, soft_wrap=True)


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
    condition = ask_filter(report, [column for column, _ in keys])
    made: list[Pair] = []
    offered = list(proposal.values) if proposal and proposal.rows == rows else []
    taken = {name.lower() for _, name in keys}
    while True:
        value = offered.pop(0) if offered else ask_expression(report, rows)
        if value is None and rows == "all" and not made:
            console.print("Nothing is mapped yet; make at least one value.", markup=False)
            continue
        if value is None:
            return Made(rows, window, condition, tuple(made))
        console.print(f"{value.label}: {value.value}", markup=False, soft_wrap=True)
        dtype = find_dtype(value.value, rows, report)
        if dtype is None:
            continue
        target = ask_field(
            f"{value.label} goes to",
            rank_targets(schema, dtype, taken),
            SKIP,
            taken | {name.lower() for _, name in made},
            may_skip=True,
        )
        if target != SKIP:
            made.append((value.value, target))


def ask_expression(report: NewestReport, rows: Rows) -> ProposedValue | None:
    """Ask for a preset with its column, or for an SQL expression; None when there is no more."""
    usable = [name for name, preset in PRESETS.items() if rows == "all" or not preset.rolls_up]
    given = ask(
        f'Another value: {", ".join(usable)}, or SQL over "Column name" ({SKIP} for none)', default=SKIP
    ).strip()
    if given == SKIP:
        return None
    if given not in usable:
        return ProposedValue("Value", "", given)
    preset = PRESETS[given]
    dtypes = report.likely_dtypes
    column = ask_one(f"{preset.label} which column", list(dtypes), None)
    while True:
        argument = ask(f"{column}: {preset.argument}, such as {preset.example}") if preset.argument else ""
        try:
            value = write_value(given, column, dtypes[column], rows, argument)
            return ProposedValue(f"{preset.label} {column}", "", value)
        except ValueError as error:
            console.print(str(error), markup=False)


def ask_filter(report: NewestReport, keys: Sequence[str]) -> str | None:
    """Ask which rows to use; None for all."""
    while True:
        given = ask(f"Only rows where, in SQL ({SKIP} for all rows)", default=SKIP).strip()
        if given == SKIP:
            return None
        try:
            check_filter(given, report, keys)
        except ConfigurationError as error:
            console.print(str(error), markup=False, soft_wrap=True)
        else:
            return given


def ask_absence(fields: Sequence[str]) -> Absence:
    """Ask what to write to the records of people who drop out of the report."""
    length = ask(f"People who drop out count as gone after how many days ({SKIP} for never)", default=SKIP).strip()
    if not length.isdecimal() or int(length) < 1:
        return Absence()
    values = {}
    for name in fields:
        while True:
            given = ask(f"{name} of somebody who is gone, in SQL such as 0 ({SKIP} for nothing)", default=SKIP).strip()
            if given == SKIP:
                break
            try:
                FieldMapping(column="x", field=name, absent=given)
            except ValidationError as error:
                console.print(say_refusal(error.errors()[0]), markup=False, soft_wrap=True)
            else:
                values[name] = given
                break
    clears = len(values) < len(fields) and typer.confirm("Empty their other fields?", default=False)
    return Absence(int(length), clears, values)


def find_dtype(value: str, rows: Rows, report: NewestReport) -> pl.DataType | None:
    """Find the dtype of an expression's result; None, with the reason printed, when it cannot be used."""
    try:
        return find_value_dtype(value, rows, report)
    except ConfigurationError as error:
        console.print(str(error), markup=False, soft_wrap=True)
        return None
