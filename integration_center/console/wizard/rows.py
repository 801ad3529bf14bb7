"""The rows of the mapping screen: read from the form, changed by buttons, and proposed."""

from collections.abc import Callable, Mapping
from contextlib import suppress

import polars as pl

from integration_center.console.plain_words import say_error
from integration_center.console.wizard.drafts import NEW, Draft, FieldRow
from integration_center.console.wizard.screens import Screen
from integration_center.console.wizard.specs import read_option
from integration_center.errors import ConfigurationError
from integration_center.integration.spec import Rows
from integration_center.integration.sql_words import quote_name
from integration_center.planning.newest_report import NewestReport
from integration_center.planning.presets import OWN_SQL, PRESETS, recognise, write_value
from integration_center.planning.proposals import Proposal, propose_values
from integration_center.planning.value_preview import find_value_dtype
from integration_center.sync.mapping.suggestions import suggest_api_name, suggest_targets
from integration_center.sync.schema import SObjectSchema

MOST_ROWS = 500
"""More mappings than this are no use: an object has at most 800 custom fields, and a page has its limits."""
LONGEST_NUMBER = 9
"""Digits of a row's number; a form that is not ours may hold any text."""
CHOOSE = "choose"
"""How a value is called while nobody has chosen how to make it."""


def rows_of(draft: Draft) -> Rows:
    """Which rows make a record."""
    return "all" if read_option(draft, "rows") == "all" else "newest"


def read_rows(screen: Screen) -> list[FieldRow]:
    """The mappings as typed, in their order. A row's inputs end in its number.

    SQL that somebody edited is no preset's any more.
    """
    form = screen.form
    read = []
    for number in form.getlist("row")[:MOST_ROWS]:
        row = FieldRow(
            number=int(number) if number.isdecimal() and len(number) <= LONGEST_NUMBER else NEW,
            column=form.get(f"column-{number}", ""),
            make=form.get(f"make-{number}", ""),
            argument=form.get(f"argument-{number}", ""),
            value=form.get(f"value-{number}", "").replace("\r\n", "\n"),
            absent=form.get(f"absent-{number}", ""),
            field=form.get(f"field-{number}", "").strip(),
            when_null=form.get(f"when_null-{number}", ""),
            truncate=bool(form.get(f"truncate-{number}")),
            leave_unfit=bool(form.get(f"leave_unfit-{number}")),
            factor=form.get(f"factor-{number}", ""),
        )
        # The page says which SQL it showed: while somebody types, what is kept is newer than the page's choices.
        shown = form.get(f"was-{number}", "").replace("\r\n", "\n")
        if row.make in (*PRESETS, CHOOSE) and row.value.strip() and row.value != shown:
            row = row.model_copy(update={"make": OWN_SQL, "argument": ""})
        read.append(row)
    return read


def act_on_rows(go: str, rows: list[FieldRow], rows_of_key: Rows) -> None:
    """Change the rows as a button says: `add`, `add-value`, or `remove-N`, `value-N`, `column-N` of row number N."""
    if go in ("add", "add-value") and len(rows) < MOST_ROWS:
        rows.append(FieldRow(make=CHOOSE if go == "add-value" else ""))
    action, _, number = go.rpartition("-")
    place = next((place for place, row in enumerate(rows) if str(row.number) == number), None)
    if place is None:
        return
    acts: dict[str, Callable[[FieldRow], FieldRow]] = {
        "value": lambda row: _make_value(row, rows_of_key),
        "column": lambda row: row.model_copy(update={"make": "", "value": "", "argument": ""}),
    }
    if action == "remove":
        del rows[place]
    elif action in acts:
        rows[place] = acts[action](rows[place])


def _make_value(row: FieldRow, rows: Rows) -> FieldRow:
    """Turn a plain column into a value that is the same, as far as that is possible."""
    if row.is_value:
        return row
    if not row.column:
        return row.model_copy(update={"make": CHOOSE})
    if rows == "all":
        return row.model_copy(update={"make": "newest", "value": write_value("newest", row.column, pl.String(), rows)})
    return row.model_copy(update={"make": OWN_SQL, "value": quote_name(row.column)})


def roll_all_rows_up(draft: Draft) -> Draft:
    """Let all rows of a key make one record. A plain column becomes the value of the newest row."""
    options = {**draft.options, "rows": "all"}
    rows = tuple(_make_value(row, "all") if row.column else row for row in draft.rows)
    return draft.change(rows=rows, options=options)


def write_values(draft: Draft, dtypes: Mapping[str, pl.DataType]) -> Draft:
    """Write the SQL of the rows that have a preset. A preset that lacks something has none."""
    return draft.change(rows=tuple(_write(row, dtypes, rows_of(draft)) for row in draft.rows))


def find_preset_problem(row: FieldRow, dtypes: Mapping[str, pl.DataType], rows: Rows) -> str | None:
    """What a row's preset lacks."""
    if row.make not in PRESETS or row.column not in dtypes:
        return None
    try:
        write_value(row.make, row.column, dtypes[row.column], rows, row.argument)
    except ValueError as error:
        return say_error(error)
    return None


def _write(row: FieldRow, dtypes: Mapping[str, pl.DataType], rows: Rows) -> FieldRow:
    if row.make not in PRESETS or row.column not in dtypes:
        return row.model_copy(update={"value": ""}) if row.make in PRESETS and not row.column else row
    value = ""
    with suppress(ValueError):  # the row says so itself
        value = write_value(row.make, row.column, dtypes[row.column], rows, row.argument)
    return row.model_copy(update={"value": value})


def find_proposal(draft: Draft, report: NewestReport) -> Proposal | None:
    """The values worth having of the report that the draft does not have yet."""
    proposal = propose_values(report.info.slug, draft.object, report.frame.columns)
    if proposal is None:
        return None
    there = {_identify(row.value, proposal.rows) for row in draft.rows if row.value.strip()}
    values = [each for each in proposal.values if _identify(each.value, proposal.rows) not in there]
    return Proposal(proposal.rows, proposal.window, values) if values else None


def _identify(value: str, rows: Rows) -> object:
    """Tell values apart, however their SQL casts and breaks lines."""
    return recognise(value, rows) or " ".join(value.split())


def take_proposal(draft: Draft, go: str, report: NewestReport, schema: SObjectSchema) -> Draft:
    """Add proposed values to the draft: all of them, or the one that the button names."""
    proposal = find_proposal(draft, report)
    number = go.rpartition("-")[2]
    if proposal is None or not (number == "all" or (number.isdecimal() and int(number) < len(proposal.values))):
        return draft
    chosen = proposal.values if number == "all" else [proposal.values[int(number)]]
    if proposal.rows == "all" and rows_of(draft) == "newest":
        window = {"window": str(proposal.window)} if proposal.window and not read_option(draft, "window") else {}
        draft = roll_all_rows_up(draft.change(options={**draft.options, **window}))
    rows = rows_of(draft)
    dtypes: dict[str, pl.DataType] = {}
    for value in chosen:
        with suppress(ConfigurationError):  # the row says so itself
            dtypes[value.label] = find_value_dtype(value.value, rows, report, [column for column, _ in draft.pairs])
    taken = [field for _, field in draft.pairs]
    targets = suggest_targets(schema, dtypes, taken)
    new = []
    for value in chosen:
        make, column = recognise(value.value, rows) or (OWN_SQL, "")
        field = targets.get(value.label) or suggest_api_name(value.label)
        new.append(FieldRow(make=make, column=column, value=value.value, field=field))
    fields = {row.field.lower() for row in new}
    kept = [row for row in draft.rows if (row.column or row.is_value or row.field) and row.field.lower() not in fields]
    return draft.change(rows=tuple([*kept, *new][:MOST_ROWS]))
