"""The form of a `report.yaml`: its options in the words of operators, and what was typed made a `ReportFile`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from integration_center.insights.columns import DTYPES
from integration_center.insights.declared.report_yaml import ReportFile
from integration_center.insights.declared.report_yaml_edit import NAMES
from integration_center.sync.mapping.type_names import name_dtype
from integration_center.wording.model_refusals import say_refusal

Kind = Literal["text", "lines", "words", "choice", "check", "number"]
"""How an option is typed: `lines` is a list with one value a line, `words` one with commas."""
NUMBERS = ((".", "a point: 1.5"), (",", "a comma: 1,5"))
GROUPS = (
    *((",", "commas: 1,234"), (".", "points: 1.234"), (" ", "blanks: 1 234")),
    *(("'", "apostrophes: 1'234"), ("_", "underscores: 1_234")),
)
TYPE_WORDS: Mapping[str, str] = {name: name_dtype(dtype) for name, dtype in DTYPES.items()}
FORMATS: Mapping[str, str] = {
    "csv": "Text with delimiters", "xlsx": "Excel workbook", "parquet": "Parquet", "jsonl": "JSON Lines"
}  # fmt: skip
DATES_HINT = "Such as %d.%m.%Y %H:%M, one a line. Empty where dates can mean one thing only, such as 2026-11-22."
COLUMN_DATES_HINT = f"{DATES_HINT} For counted dates: epoch, epoch_ms, excel or excel_1904."


@dataclass(frozen=True)
class Option:
    """An option of the form.

    Attributes:
        name: its name in `report.yaml`.
        label: what people call it.
        kind: how it is typed.
        hint: a sentence below it.
        choices: the values of a choice, and what people call them.
        default: what is meant where nothing is chosen.
    """

    name: str
    label: str
    kind: Kind = "text"
    hint: str = ""
    choices: Sequence[tuple[str, str]] = ()
    default: str = ""


SECTIONS: Mapping[str, Sequence[Option]] = {
    "The report": (
        Option("name", "Name", hint="What people call the report. Without it, the name of its folder."),
        Option("kind", "Each file holds", "choice", default="As usual for this report",
               choices=(("snapshot", "the state as of its day"), ("events", "what happened during its day"))),
        Option("tags", "Tags", "words", "With commas. integrations_salesforce makes a report of your own visible."),
        Option("key_column", "Column that identifies the person"),
        Option("latest_by", "Column that shows which row is the newest"),
        Option("name_pattern", "Names of the files",
               hint="Where they do not begin with the day, such as logins_{date:%Y%m%d}*.csv"),
        Option("parts", "Several files of one day", "choice", default="are refused",
               choices=(("concat", "are all read, one after the other"), ("last", "only the last by name is read"))),
    ),
    "How the file is written": (
        Option("format", "Format", "choice", default="As its name says",
               choices=tuple(FORMATS.items())),
        Option("sheet", "Sheet of the workbook", hint="Without it, the first sheet that is not hidden."),
        Option("encoding", "Encoding", hint="Such as cp1252. Without it, UTF-8 or UTF-16."),
        Option("delimiter", "Cells are separated by",
               hint="One character, or the word tab. Without it, commas, semicolons, tabs and pipes are tried."),
        Option("quote", "Cells are quoted by", hint='One character, or the word none. Without it, ".'),
        Option("escape", "Before a quote inside a cell", hint="One character, such as \\. Without it, it is doubled."),
        Option("skip_blanks", "Leave out blanks after a delimiter and behind quotes", "check"),
        Option("skip_lines", "Lines to skip at the beginning", "number"),
        Option("header_row", "Row of the header", "number", "Counted from 1, after the lines that are skipped."),
        Option("skip_after_header", "Rows to skip below the header", "number", "Such as one with units."),
        Option("footer", "Lines to skip at the end", hint="How many, or a pattern that each of them matches: ^Total"),
        Option("max_size", "Largest size when unpacked", hint="Such as 500 MB. Without it, 20 GB."),
    ),
    "How the cells are written": (
        Option("empty", "Texts that mean no value", "lines", "One a line, such as NULL or N/A."),
        Option("dates", "Forms of dates and times", "lines", hint=DATES_HINT),
        Option("zone", "Time zone of times without one", hint="Such as Europe/Berlin. Without it, UTC."),
        Option("decimal", "Before decimals", "choice", choices=NUMBERS, default="not declared"),
        Option("thousands", "Between thousands", "choice", choices=GROUPS, default="not declared"),
        Option("strip", "Remove an apostrophe before a digit or sign", "check"),
        Option("true_values", "Texts that mean yes", "lines", "One a line, such as WAHR. Yes, true and 1 are known."),
        Option("false_values", "Texts that mean no", "lines", "One a line, such as FALSCH. No, false and 0 are known."),
    ),
}  # fmt: skip
COLUMN_OPTIONS: Sequence[Option] = (
    Option("name", "New name"),
    Option("type", "Type", "choice", default="As it looks", choices=tuple(TYPE_WORDS.items())),
    Option("ignore", "Leave this column out", "check"),
    Option("empty", "Texts that mean no value", "lines", "One a line, besides those of all columns."),
    Option("dates", "Forms of dates and times", "lines", hint=COLUMN_DATES_HINT),
    Option("zone", "Time zone of times without one"),
    Option("decimal", "Before decimals", "choice", choices=NUMBERS, default="as for all columns"),
    Option("thousands", "Between thousands", "choice", choices=GROUPS, default="as for all columns"),
    Option("strip", "An apostrophe before a digit or sign", "choice", default="as for all columns",
           choices=(("yes", "is removed"), ("no", "stays"))),
    Option("true_values", "Texts that mean yes", "lines"),
    Option("false_values", "Texts that mean no", "lines"),
)  # fmt: skip
WHOLE = "this must be a whole number"


@dataclass(frozen=True)
class ReportForm:
    """A form as it is shown.

    Attributes:
        values: what the inputs hold, by the names of options; `on` for a box that is checked.
        columns: the same of single columns, by the column's name in the file.
        problems: what is wrong, by the name of an input; see `name_input`.
    """

    values: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]]
    problems: Mapping[str, str]


def show_file(file: ReportFile) -> ReportForm:
    """Build the form that shows what a `report.yaml` says."""
    said = file.model_dump(mode="json", exclude_defaults=True)
    columns = {name: own.model_dump(mode="json", exclude_defaults=True) for name, own in file.columns.items()}
    return ReportForm(
        {option.name: show_value(option, said.get(option.name)) for options in SECTIONS.values() for option in options},
        {
            name: {option.name: show_value(option, own.get(option.name)) for option in COLUMN_OPTIONS}
            for name, own in columns.items()
        },
        {},
    )


def show_value(option: Option, value: Any) -> str:
    """Write the value of an option as its input holds it."""
    match value:
        case None:
            return ""
        case bool():
            return ("yes" if value else "no") if option.kind == "choice" else "on" if value else ""
        case list():
            return ("\n" if option.kind == "lines" else ", ").join(value)
    return NAMES.get(value, str(value)) if isinstance(value, str) else str(value)


def read_form(get: Callable[[str], str], columns: Sequence[str]) -> ReportForm:
    """Read what was typed.

    Args:
        get: returns the value of an input.
        columns: the names of the columns that have options, in the form's order.
    """
    values = {option.name: get(option.name) for options in SECTIONS.values() for option in options}
    own = {
        name: {option.name: get(name_input(option.name, place)) for option in COLUMN_OPTIONS}
        for place, name in enumerate(columns)
    }
    return ReportForm(values, own, {})


def build_file(form: ReportForm) -> tuple[ReportFile | None, dict[str, str]]:
    """Build the `report.yaml` that a form says, or what is wrong with it, by the names of inputs."""
    problems: dict[str, str] = {}
    given = {}
    for options in SECTIONS.values():
        for option in options:
            value = parse_value(option, form.values.get(option.name, ""), option.name, problems)
            if value is not None:
                given[option.name] = value
    columns = {}
    for place, (name, own) in enumerate(form.columns.items()):
        said = {
            option.name: value
            for option in COLUMN_OPTIONS
            if (value := parse_value(option, own.get(option.name, ""), name_input(option.name, place), problems))
            is not None
        }
        if said:
            columns[name] = said
    if problems:
        return None, problems
    try:
        return ReportFile.model_validate({**given, **({"columns": columns} if columns else {})}), {}
    except ValidationError as error:
        places = {name: place for place, name in enumerate(form.columns)}
        return None, {find_input(each["loc"], places): say_refusal(each) for each in error.errors()}


def parse_value(option: Option, text: str, name: str, problems: dict[str, str]) -> Any:
    """Parse what an input holds; None where it says nothing. `problems` gets what is wrong, by `name`."""
    if option.kind == "lines":
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[0] if option.name == "dates" and len(lines) == 1 else lines or None
    # A blank alone is a value of some options.
    text = text if text.isspace() and option.kind == "choice" else text.strip()
    if not text:
        return None
    if option.kind == "words":
        return [word.strip() for word in text.split(",") if word.strip()] or None
    if option.kind == "check":
        return True
    if option.name == "strip":
        return text == "yes"
    if option.name == "footer" and text.isdecimal():
        return int(text)
    if option.kind == "number":
        if not text.isdecimal() or len(text) > 6:
            problems[name] = WHOLE
            return None
        return int(text)
    return text


def name_input(option: str, place: int) -> str:
    """Name the input of a column's option; `place` is the column's place in the form, from 0."""
    return f"{option}-{place}"


def find_input(place: tuple[int | str, ...], columns: Mapping[str, int]) -> str:
    """Find the input that a fault is about, by its place in `report.yaml`; empty for the whole form."""
    if len(place) >= 3 and place[0] == "columns" and place[1] in columns:
        return name_input(str(place[2]), columns[str(place[1])])
    return str(place[0]) if place and place[0] != "columns" else ""
