"""What the mapping screen shows of values: the presets, what each row gives, and the results for the first keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from integration_center.console.lookups import Answer, wait_for
from integration_center.console.plain_words import say_error, say_error_sentence
from integration_center.console.shell.values import show_value
from integration_center.console.wizard.choices import Group, Option
from integration_center.console.wizard.drafts import Draft, FieldRow
from integration_center.console.wizard.rows import CHOOSE, find_preset_problem, rows_of
from integration_center.console.wizard.screens import Screen
from integration_center.console.wizard.specs import build_spec, read_option
from integration_center.errors import IntegrationCenterError
from integration_center.integration.spec import Rows
from integration_center.planning.newest_report import NewestReport
from integration_center.planning.presets import OWN_SQL, PRESETS
from integration_center.planning.value_preview import PreviewedRecord, Result, ValuePreview
from integration_center.store.reports import EVENTS
from integration_center.sync.columns import DAY
from integration_center.sync.schema import SObjectSchema
from integration_center.wording.near_names import say_nearest
from integration_center.wording.sentences import capitalize_first, count

PREVIEW_SECONDS = 0.8
"""How long the page waits for the preview and the warnings."""


@dataclass(frozen=True)
class JudgedRow:
    """What a row gives.

    Attributes:
        dtype: what its column or value holds; None where that is not known.
        problem: why the value cannot be used.
        rolls_up: whether the problem is that one value is made of many rows, which `rows: all` asks for.
    """

    dtype: pl.DataType | None = None
    problem: str | None = None
    rolls_up: bool = False


@dataclass(frozen=True)
class ShownRecord:
    """One key of the preview, as text.

    Attributes:
        results: of each value: what it gives, what is written where that differs, and why it cannot be written.
        columns: of the rows behind them.
    """

    key: str
    made_of: int
    results: Sequence[tuple[str | None, str | None, str]]
    columns: Sequence[str]
    rows: Sequence[Sequence[str | None]]


@dataclass(frozen=True)
class ShownPreview:
    """The preview.

    Attributes:
        fields: labels of the fields, one per value.
        note: which rows it is made of.
        problem: why there is none.
        pending: whether it is on its way.
        hidden: whether this installation hides values.
    """

    fields: Sequence[str] = ()
    records: Sequence[ShownRecord] = ()
    note: str = ""
    problem: str = ""
    pending: bool = False
    hidden: bool = False


def judge_rows(draft: Draft, rows: NewestReport, answers: Sequence[Answer[pl.DataType] | None]) -> list[JudgedRow]:
    """What each row gives, as far as that is known."""
    wait_for([answer for answer in answers if answer])
    dtypes, of_key = rows.likely_dtypes, rows_of(draft)
    judged = []
    for row, answer in zip(draft.rows, answers, strict=True):
        if not row.is_value:
            judged.append(_judge_column(row, dtypes, of_key))
        elif problem := find_preset_problem(row, dtypes, of_key):
            judged.append(JudgedRow(problem=problem))
        elif answer is None or not answer.ready:
            judged.append(JudgedRow())
        else:
            judged.append(_read(answer, of_key))
    return judged


def _judge_column(row: FieldRow, dtypes: Mapping[str, pl.DataType], of_key: Rows) -> JudgedRow:
    if row.column and row.column not in dtypes:
        near = say_nearest(row.column, list(dtypes))
        return JudgedRow(None, f"The report has no column {row.column!r} any more; {near}.")
    if row.column and of_key == "all":
        said = "All rows of a key make one record, so say which value of them is written."
        return JudgedRow(dtypes.get(row.column), said)
    return JudgedRow(dtypes.get(row.column))


def _read(answer: Answer[pl.DataType], of_key: Rows) -> JudgedRow:
    try:
        return JudgedRow(answer.get())
    except IntegrationCenterError as error:
        said = say_error(error)
        rolls_up = of_key == "newest" and "`rows: all`" in said
        if rolls_up:
            return JudgedRow(None, "It makes one value of many rows, but each row makes a record by itself.", True)
        return JudgedRow(None, f"{capitalize_first(said)}.")


def list_presets() -> list[Group]:
    """How a value can be made, in groups."""
    options = {name: Option(name, preset.label) for name, preset in PRESETS.items()}
    return [
        Group("", [Option(CHOOSE, "Choose how")]),
        Group("Of all rows of a key", [option for name, option in options.items() if PRESETS[name].rolls_up]),
        Group("Of each row", [option for name, option in options.items() if not PRESETS[name].rolls_up]),
        Group("Free", [Option(OWN_SQL, "SQL of your own")]),
    ]


def show_preview(
    screen: Screen, rows: NewestReport, schema: SObjectSchema, judged: Sequence[JudgedRow]
) -> ShownPreview | None:
    """The results for the first keys; None where no value is made, so that a plain mapping stays plain.

    Args:
        screen: with the draft.
        rows: of the report.
        schema: the object.
        judged: what each row gives. A row with a problem, which is said there, is left out.
    """
    draft = screen.draft
    if not any(row.is_value for row in draft.rows) and not read_option(draft, "filter").strip():
        return None
    if screen.hides_values:
        return ShownPreview(hidden=True)
    sound = [row for row, found in zip(draft.rows, judged, strict=True) if not found.problem]
    spec, _ = build_spec(draft.change(rows=tuple(sound)))
    if spec is None:
        return ShownPreview(problem="The results are shown once each value has its SQL and its field.")
    if not any(mapping.value for mapping in spec.fields) and spec.filter is None:
        return None
    answer = screen.calls.preview(spec, rows, schema)
    if not wait_for([answer], PREVIEW_SECONDS):
        return ShownPreview(pending=True)
    try:
        found = answer.get()
    except IntegrationCenterError as error:
        return ShownPreview(problem=say_error_sentence(error))
    labels = [field.label if (field := schema.get(name)) else name for name in found.fields]
    return ShownPreview(labels, [_show(record) for record in found.records], _say_rows(found, draft, rows))


def _say_rows(found: ValuePreview, draft: Draft, rows: NewestReport) -> str:
    window = read_option(draft, "window").strip()
    days = f"up to {rows.day}, the days of the window that are stored here" if window else f"of {rows.day}"
    left_out = f"; the filter leaves {found.filtered:,} out" if found.filtered else ""
    return f"Calculated from {count(found.height, 'row')} {days}{left_out}."


def _show(record: PreviewedRecord) -> ShownRecord:
    shown = record.rows.select(pl.exclude(DAY)) if record.rows[DAY].n_unique() < 2 else record.rows
    return ShownRecord(
        key=record.key,
        made_of=record.made_of,
        results=[_show_result(result) for result in record.results],
        columns=["Day" if name == DAY else name for name in shown.columns],
        rows=[[show_value(cell) for cell in row] for row in shown.iter_rows()],
    )


def _show_result(result: Result) -> tuple[str | None, str | None, str]:
    given, written = show_value(result.given), show_value(result.written)
    return given, None if written == given else written, result.reason


def find_repeated(screen: Screen, rows: NewestReport, schema: SObjectSchema) -> str | None:
    """The warning that many rows are not used, because another row has their key."""
    draft = screen.draft
    spec, _ = build_spec(draft)
    if spec is None or spec.shapes_rows:
        return None
    if any(schema.get(name) is None for name in spec.named_fields):
        return None
    answer = screen.calls.repeated(spec, rows, schema)
    try:
        return answer.get().warn() if wait_for([answer], PREVIEW_SECONDS) else None
    except IntegrationCenterError:  # saving says why the columns or fields do not fit
        return None


def takes_window(rows: NewestReport) -> bool:
    """Whether the report has events, of which several days can be looked at."""
    return rows.info.kind == EVENTS
