"""Read `report.yaml`, the optional file beside the drops of a report, for what their folder and header cannot say."""

from collections.abc import Mapping
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from integration_center.errors import UnreadableReport
from integration_center.files.model_faults import say_faults
from integration_center.files.yaml_bounds import YamlFault
from integration_center.files.yaml_faults import check_yaml, construct_yaml
from integration_center.insights.catalogue import ColumnType, ReportKind
from integration_center.insights.column_names import find_column
from integration_center.insights.declared.cells import CellRules, ReportCells
from integration_center.insights.declared.date_forms import check_forms
from integration_center.insights.delimited.footer_pattern import check_footer_pattern
from integration_center.insights.delimited.form import MOST_SKIPPED, Form
from integration_center.insights.drop_folders.drop_names import DropNames, check_pattern
from integration_center.insights.sizes import SizeLimit, parse_size

WORDS = {"tab": "\t", "\\t": "\t"}


class ColumnFile(BaseModel):
    """What `report.yaml` declares for one column; see `ReportFile` for the options of all columns.

    Attributes:
        type: declared instead of inferred.
        name: what to call the column from then on.
        ignore: leave the column out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type: ColumnType | None = None
    name: str | None = Field(default=None, min_length=1)
    ignore: bool = False
    empty: list[str] = []
    dates: str | list[str] | None = None
    zone: str | None = None
    decimal: Literal[".", ","] | None = None
    thousands: Literal[".", ",", " ", "'", "_"] | None = None
    strip: bool | None = None
    true_values: list[str] = []
    false_values: list[str] = []

    @model_validator(mode="before")
    @classmethod
    def read_type(cls, value: object) -> object:
        """Accept a type alone, written as text."""
        return {"type": value} if isinstance(value, str) else value

    @field_validator("zone")
    @classmethod
    def check_zone(cls, value: str | None) -> str | None:
        """Check that the time zone exists."""
        return check_zone(value)

    @field_validator("dates")
    @classmethod
    def check_dates(cls, value: str | list[str] | None) -> str | list[str] | None:
        """Check that dates can be read in these forms."""
        return None if value is None else check_forms(value, all_columns=False)

    @property
    def cells(self) -> CellRules:
        """How the column's cells are written."""
        return build_rules(self)


class ReportFile(BaseModel):
    """The content of one `report.yaml`. An unknown attribute or a value of another type is an error.

    Attributes:
        name: what people call the report. Without it, the name of the folder.
        kind: `snapshot` is the state as of a day, `events` is what happened during the day. Without it, the kind in the
            catalogue, else `snapshot`.
        tags: a report that is not out of the box is visible only with `integrations_salesforce` (or
            `integration_salesforce`).
        key_column: the column that identifies the end user. Its values stay text, unchanged.
        latest_by: the column that shows which of several rows with the same key is the newest.
        columns: by the name of a column, its type (`string`, `integer`, `number`, `boolean`, `date` or `datetime`), or
            several options, see below. The other columns stay text until a field reads them.
        name_pattern: the names of files that do not begin with the day, such as `logins_{date:%Y%m%d}*.csv`; `*` is
            anything.
        parts: what several files of one day mean: `concat` takes all of them together, `last` only the last by name.
            Without it, several files of one day are refused.
        format: the format of the files: `csv`, `xlsx`, `parquet` or `jsonl`. Without it, the format in their names.
        sheet: the sheet of an Excel workbook. Without it, the first sheet.
        delimiter: one character, or the word `tab`. Without it, commas, semicolons, tabs and pipes are tried.
        encoding: the encoding, such as `cp1252`. Without it, UTF-8, or UTF-16 that can be recognised.
        quote: the character around cells, or the word `none`.
        escape: the character before a quote, a delimiter or a line end inside a cell. Without it, quotes are doubled.
            Where cells are separated by tabs or have no quotes, a backslash and n mean a line end, as databases write
            it; r, t, b, f, v, Z and 0 are read likewise. Before other letters and digits a backslash stays, as in the
            sign for no value that databases write: see `empty`.
        skip_lines: how many lines at the beginning are skipped, whatever they hold.
        header_row: which row after those is the header, counted from 1.
        skip_after_header: how many rows below the header are skipped, such as units.
        footer: how many lines at the end are skipped, or a regular expression that each of them matches. In a workbook
            it is searched in the cells of a row, joined by commas.
        skip_blanks: whether blanks after a delimiter, and behind quotes, are no part of the cell, as in `"a" , "b"`.
        empty: texts that mean no value.
        dates: the form of dates or times, in the notation of `strftime`, such as `%d.%m.%Y %H:%M`; or `epoch`,
            `epoch_ms` or `excel` for numbers of seconds, of milliseconds, or of days as in Excel (`excel_1904` in
            workbooks that count from 1904). Of a list of such forms the first that a value has is taken; a value that
            two of them read as different dates is refused. A zone in letters is a part of the form, as in
            `%d %b %Y %H:%M EST` beside `zone: America/New_York`.
        zone: the time zone of times that have none, such as `Europe/Berlin`. Without it, UTC.
        decimal: the sign before decimals.
        thousands: the sign between groups of three digits.
        strip: whether to remove an apostrophe before a digit or a sign.
        true_values: texts that mean yes, such as `WAHR`, besides true, yes, y, t and 1.
        false_values: texts that mean no, such as `FALSCH`, besides false, no, n, f and 0.
        max_size: how large a file may be when it is unpacked, such as `500 MB`. Without it, 20 GB, and 200 times the
            size of the packed file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str | None = Field(default=None, min_length=1)
    kind: ReportKind | None = None
    tags: list[str] = []
    key_column: str | None = Field(default=None, min_length=1)
    latest_by: str | None = Field(default=None, min_length=1)
    columns: dict[str, ColumnFile] = {}
    name_pattern: str | None = None
    parts: Literal["concat", "last"] | None = None
    format: Literal["csv", "xlsx", "parquet", "jsonl"] | None = None
    sheet: str | None = Field(default=None, min_length=1)
    delimiter: str | None = None
    encoding: str | None = None
    quote: str = '"'
    escape: str | None = None
    skip_lines: int = Field(default=0, ge=0, le=MOST_SKIPPED)
    header_row: int = Field(default=1, ge=1, le=MOST_SKIPPED)
    skip_after_header: int = Field(default=0, ge=0, le=MOST_SKIPPED)
    footer: int | str | None = None
    skip_blanks: bool = False
    empty: list[str] = []
    dates: str | list[str] | None = None
    zone: str | None = None
    decimal: Literal[".", ","] | None = None
    thousands: Literal[".", ",", " ", "'", "_"] | None = None
    strip: bool = False
    true_values: list[str] = []
    false_values: list[str] = []
    max_size: str | None = None

    @field_validator("zone")
    @classmethod
    def check_zone(cls, value: str | None) -> str | None:
        """Check that the time zone exists."""
        return check_zone(value)

    @field_validator("dates")
    @classmethod
    def check_dates(cls, value: str | list[str] | None) -> str | list[str] | None:
        """Check that dates can be read in these forms."""
        return None if value is None else check_forms(value, all_columns=True)

    @field_validator("delimiter", "quote", "escape")
    @classmethod
    def check_character(cls, value: str | None, info: ValidationInfo) -> str | None:
        """Check that the value is one character, or a word for one."""
        value = WORDS.get(value, value) if value else value
        if value is None or (value == "none" and info.field_name == "quote"):
            return value
        if len(value) != 1 or value in "\r\n\0":
            raise ValueError(
                f"{value!r} must be one character, or the word tab{' or none' * (info.field_name == 'quote')}"
            )
        return value

    @field_validator("name_pattern")
    @classmethod
    def check_name_pattern(cls, value: str | None) -> str | None:
        """Check that the pattern has a date with a day."""
        return value and check_pattern(value)

    @field_validator("encoding")
    @classmethod
    def check_encoding(cls, value: str | None) -> str | None:
        """Check that Python knows the encoding."""
        try:
            if value is not None:
                "a".encode(value)  # refuses codecs that are not for text, such as base64
        except (LookupError, ValueError):
            raise ValueError(f"{value!r} is not a known encoding, such as utf-8, utf-16, cp1252, latin-1") from None
        return value

    @field_validator("max_size")
    @classmethod
    def check_max_size(cls, value: str | None) -> str | None:
        """Check that the size has a unit."""
        if value is not None:
            parse_size(value)
        return value

    @field_validator("footer")
    @classmethod
    def check_footer(cls, value: int | str | None) -> int | str | None:
        """Check that the footer is a number of lines, or a regular expression."""
        if isinstance(value, int) and not 0 <= value <= MOST_SKIPPED:
            raise ValueError(f"{value} must be a number of lines from 0 to {MOST_SKIPPED:,}")
        if isinstance(value, str):
            check_footer_pattern(value)
        return value

    @model_validator(mode="after")
    def check_signs(self) -> "ReportFile":
        """Check that decimals and thousands have different signs."""
        rules = self.cells
        for name, own in [("", rules.all_columns), *((f"columns.{key}: ", own) for key, own in rules.columns.items())]:
            if own.decimal and own.decimal == own.thousands:
                raise ValueError(f"{name}decimal and thousands are both {own.decimal!r}; they must differ")
            both = {word.strip().lower() for word in own.true_values} & {
                word.strip().lower() for word in own.false_values
            }
            if both:
                raise ValueError(f"{name}true_values and false_values both have {min(both)!r}; keep it in one")
        return self

    @property
    def types(self) -> dict[str, ColumnType]:
        """The declared types, by the final names of the columns."""
        return {column.name or name: column.type for name, column in self.columns.items() if column.type}

    @property
    def cells(self) -> ReportCells:
        """How the cells are written, by the names of the columns in the file."""
        return ReportCells(build_rules(self), {name: column.cells for name, column in self.columns.items()})

    @property
    def renamed(self) -> dict[str, str]:
        """The new names of columns, by their names in the file."""
        return {name: column.name for name, column in self.columns.items() if column.name}

    @property
    def ignored(self) -> tuple[str, ...]:
        """The columns that are left out."""
        return tuple(name for name, column in self.columns.items() if column.ignore)

    @property
    def names(self) -> DropNames:
        """The rule for the names of the files."""
        return DropNames(self.name_pattern)

    @property
    def form(self) -> Form:
        """How the files are written, as far as `report.yaml` declares it."""
        return Form(
            delimiter=self.delimiter,
            encoding=self.encoding,
            quote=None if self.quote == "none" else self.quote,
            escape=self.escape,
            skip_lines=self.skip_lines,
            header_row=self.header_row,
            skip_after_header=self.skip_after_header,
            footer=self.footer,
            skip_blanks=self.skip_blanks,
        )

    @property
    def limit(self) -> SizeLimit | None:
        """How large a file may be when it is unpacked; None if it is not declared."""
        return SizeLimit(parse_size(self.max_size), declared=True) if self.max_size else None

    def declares(self, option: str) -> bool:
        """Return whether the file has a value for an option that differs from its default."""
        return bool(getattr(self, option) != type(self).model_fields[option].get_default())

    def add(self, options: Mapping[str, Any]) -> "ReportFile":
        """Return a file with more options, given as they are written in YAML. Options of one column are combined."""
        said = self.model_dump(exclude_unset=True)
        columns = said.get("columns", {})
        for name, more in options.get("columns", {}).items():
            same = find_column(name, columns) or name
            columns[same] = {**columns.get(same, {}), **more}
        return ReportFile.model_validate({**said, **options, "columns": columns})

    @property
    def named_columns(self) -> tuple[str, ...]:
        """The columns that `report.yaml` names, by their names in the file, without repeats."""
        renamed = {new: name for name, new in self.renamed.items()}
        names = (self.key_column, self.latest_by, *self.columns)
        return tuple(dict.fromkeys(renamed.get(name, name) for name in names if name))


def build_rules(said: ColumnFile | ReportFile) -> CellRules:
    """Build the rules for the cells that are declared for a column, or for all columns."""
    return CellRules(
        empty=tuple(said.empty),
        dates=list_forms(said.dates),
        zone=said.zone,
        decimal=said.decimal,
        thousands=said.thousands,
        strip=said.strip,
        true_values=tuple(said.true_values),
        false_values=tuple(said.false_values),
    )


def list_forms(dates: str | list[str] | None) -> tuple[str, ...]:
    """List the forms of dates that are declared."""
    return () if dates is None else (dates,) if isinstance(dates, str) else tuple(dates)


def check_zone(zone: str | None) -> str | None:
    """Check the name of a time zone, and return it.

    Raises:
        ValueError: there is no such zone.
    """
    try:
        return zone and ZoneInfo(zone).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{zone!r} is not a time zone, such as Europe/Berlin or UTC") from None


def read_report_file(data: bytes, place: str) -> ReportFile:
    """Read the bytes of a `report.yaml`. An empty file has all defaults.

    Args:
        data: the whole file.
        place: the name of the file in errors.

    Raises:
        UnreadableReport: the file is not YAML, or has an unknown attribute or a wrong value. The message names the file
            and each fault.
    """
    try:
        documents = check_yaml(data.decode(), ReportFile)
    except YamlFault as error:
        raise UnreadableReport(f"{place}: {error}. Correct the file") from None
    except UnicodeDecodeError:
        raise UnreadableReport(f"{place}: it is not text in UTF-8; save the file as UTF-8") from None
    if not documents:
        return ReportFile()
    if len(documents) > 1:
        raise UnreadableReport(f"{place}: it has {len(documents)} documents (---); keep one")
    try:
        return ReportFile.model_validate(construct_yaml(documents[0]) or {})
    except ValidationError as error:
        said = "; ".join(say_faults(error, documents[0], ReportFile))
        raise UnreadableReport(f"{place}: {said}. Correct the file") from None
    except YamlFault as error:
        raise UnreadableReport(f"{place}: {error}. Correct the file") from None
