"""Find out which forms of dates `report.yaml` may declare."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from integration_center.insights.declared.date_forms import HAS_TIME, read_forms
from integration_center.insights.declared.report_yaml import ReportFile
from integration_center.insights.delimited.header import list_names
from integration_center.insights.likely_types import find_types
from integration_center.insights.many_columns import (
    LOOKED_AT_FIRST,
    find_columns,
    find_columns_of_all,
    keep_columns,
    leave_out,
)
from integration_center.sync.values.moments import read_moments

DAY_FORMS = (
    *("%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y", "%Y%m%d"),
    *("%d-%b-%y", "%d %b %y", "%d/%b/%y", "%Y-%d-%m"),
)
TIME_FORMS = (
    *("", "T%H:%M:%S", " %H:%M Uhr", " %H:%M:%S Uhr", " %I.%M.%S%.f %p"),
    *(before + time for before in (" ", ", ") for time in ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M:%S %p")),
)
DATE_FORMS = tuple(day + time for time in TIME_FORMS for day in DAY_FORMS)
LOOKS_LIKE_DATE = (
    r"(?i)^(\d{1,4}[./-]\d{1,2}[./-]\d{2,4}|\d{1,2}[ ./-]{1,2}[a-zäéû]{3,9}\.?[ ,./-]{1,2}\d{2,4}|(19|20)\d{6})\b"
)
MOSTLY = 0.5
"""A column with at least this share of dates is one of dates."""
EPOCHS = {"epoch": r"^1[0-9]{9}$", "epoch_ms": r"^1[0-9]{12}$"}
"""Seconds or milliseconds from 2001 to 2033."""
WITHOUT_SIGNS = {
    "%Y%m%d": r"^(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$",
    "%Y%m%d%H%M%S": r"^(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])(?:[0-5]\d){2}$",
}
"""Dates and times that may be whole numbers."""
MOST_TRIED = 200
"""The most different values that are tried with each form."""
Show = Callable[[str, pl.Series], str]
"""Names the first row of a column with one of some values. The values are personal data, and in no note."""
MOST_FORMS = 4
"""The most forms that are proposed for one column."""


def merge_options(options: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Combine options of `report.yaml`, and those of each column."""
    columns = {**options.get("columns", {})}
    for name, own in more.get("columns", {}).items():
        columns[name] = {**columns.get(name, {}), **own}
    return {**options, **more, **({"columns": columns} if columns else {})}


PART = re.compile(r"%[dmyY]")
"""A number within a date."""


@dataclass
class Proposal:
    """What `report.yaml` may say, and what cannot be said for sure.

    Attributes:
        options: options of `report.yaml`.
        notes: what may mean several things, one sentence each.
        dates: the form of dates by column, where it is certain.
    """

    options: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    dates: dict[str, str] = field(default_factory=dict)

    def say_for_columns(self, options: Mapping[str, Mapping[str, Any]]) -> None:
        """Add options of single columns."""
        self.options = merge_options(self.options, {"columns": options})


def propose_dates(values: Mapping[str, pl.Series], file: ReportFile, proposal: Proposal, show: Show) -> None:
    """Propose the forms of dates.

    Args:
        values: the different values of each column of dates; see `find_dates`.
        file: what is declared already.
        proposal: gets the options and notes.
        show: names the first row of a column with one of some values.
    """
    unread = {name: text.filter(~is_read(text)) for name, text in values.items()}
    forms = find_forms(unread)
    proposal.dates = {name: found[0] for name, found in forms.items() if len(found) == 1}
    different = list(dict.fromkeys(proposal.dates.values()))
    usual = file.dates
    has_own = any(own.dates for name, own in file.columns.items() if name in proposal.dates)
    if len(different) == 1 and usual is None and not has_own:
        usual = proposal.options["dates"] = different[0]
    elif different:
        proposal.say_for_columns(
            {name: {"dates": keep_declared(form, name, file)} for name, form in proposal.dates.items()}
        )
    timed = [name for name, form in proposal.dates.items() if HAS_TIME.search(form)]
    if timed and file.zone is None:
        proposal.notes.append(
            f"times in {list_names(timed)} name no time zone, and are read as UTC; if they have another, say it in"
            " report.yaml, such as `zone: Europe/Berlin`"
        )
    for name, found in forms.items():
        if not found:
            if several := find_several_forms(unread[name]):
                proposal.say_for_columns({name: {"dates": several if len(several) > 1 else several[0]}})
                continue
            odd = find_odd_dates(unread[name])
            if odd.form:
                proposal.say_for_columns({name: {"dates": odd.form}})
            else:
                proposal.notes.append(say_odd_dates(name, odd, unread[name], len(values[name]), show))
        elif len(found) > 1 and usual in found:
            proposal.notes.append(
                f"column {name!r} holds dates that can mean two things; they are read as {usual!r} like the others"
            )
        elif len(found) > 1:
            shown = " or ".join(repr(form) for form in found)
            proposal.notes.append(
                f"column {name!r} holds dates that can mean two things; say in report.yaml `dates:` {shown}"
            )


def keep_declared(form: str, column: str, file: ReportFile) -> str | list[str]:
    """Return the forms of a column whose dates have another form than is declared, as those of the days before have.

    The declared forms are left out if a date of theirs might be one of the new form, too.
    """
    own = file.columns.get(column)
    said = (own.dates if own else None) or file.dates or []
    declared = [said] if isinstance(said, str) else said
    if not declared or any(PART.sub("%d", each) == PART.sub("%d", form) for each in declared):
        return form
    return [*declared, form]


@dataclass(frozen=True)
class OddDates:
    """What the forms of dates make of values that no form reads all of.

    Attributes:
        form: the form that reads most of them, while no form reads the others.
        contradicting: two forms with the values that only this form reads.
    """

    form: str | None = None
    contradicting: tuple[tuple[str, pl.Series], ...] = ()


def find_odd_dates(values: pl.Series) -> OddDates:
    """Find out what the forms of dates make of values that no form reads all of."""
    sample = values.head(MOST_TRIED)
    read = {form: mask for form in DATE_FORMS if (mask := _find_read(sample, form)).any()}
    if not read:
        return OddDates()
    best, second, *_ = [*sorted(read, key=lambda form: int(-read[form].sum())), None]
    others = [form for form in read if form != best and (read[form] & ~read[best]).any()]
    if not others:
        ambiguous = second is not None and int(read[second].sum()) == int(read[best].sum())
        mostly = int(read[best].sum()) >= MOSTLY * len(sample)
        return OddDates(form=best if mostly and not ambiguous else None)
    other = max(others, key=lambda form: int(read[form].sum()))
    own, its = sample.filter(read[best] & ~read[other]), sample.filter(read[other] & ~read[best])
    if not len(own) or best.replace("%d", "%m") != other.replace("%d", "%m"):
        return OddDates()
    return OddDates(contradicting=((best, own), (other, its)))


def say_odd_dates(column: str, odd: OddDates, unread: pl.Series, count: int, show: Show) -> str:
    """Say what is odd about the dates of a column.

    Args:
        column: the name of the column.
        odd: what the forms make of its values.
        unread: its different values that cannot be read.
        count: the number of all its different values.
        show: see `propose_dates`.
    """
    if odd.contradicting:
        (form, one), (other_form, other) = odd.contradicting
        return (
            f"column {column!r} holds dates that contradict each other: {show(column, one)} can only be {form!r}, and"
            f" {show(column, other)} only {other_form!r}. Let the export write one form"
        )
    first = show(column, unread)
    if not any(_find_read(unread.head(MOST_TRIED), form).any() for form in DATE_FORMS):
        return (
            f"column {column!r} holds dates, but of {count:,} different values {len(unread):,} are dates in no known"
            f" form (first in {first}). Say in report.yaml how they are written, such as `dates: '%d %b %Y %H:%M EST'`,"
            " or let the export write them otherwise"
        )
    return (
        f"column {column!r} holds dates in several forms, and some can mean two things: of {count:,} different values"
        f" {len(unread):,} cannot be read (first in {first}). Let the export write one form"
    )


def find_dates(text: pl.DataFrame) -> list[str]:
    """Find the columns of dates that cannot be read without a declaration."""
    dated = find_columns(text, pl.all().drop_nulls().unique().str.contains(LOOKS_LIKE_DATE).mean() >= MOSTLY)
    dates = keep_columns(text, dated)
    typed = {name for name, type_ in find_types(dates).items() if type_ is not None}
    return leave_out(dates, typed | find_columns_of_all(leave_out(dates, typed), needs_nothing)).columns


def find_forms(columns: Mapping[str, pl.Series]) -> dict[str, list[str]]:
    """Find the forms that all values of each column have; none for a column without values."""
    heads = {name: values.head(LOOKED_AT_FIRST) for name, values in columns.items()}
    joined = pl.concat([pl.Series("cells", [], pl.String), *(head.alias("cells") for head in heads.values())])
    forms: dict[str, list[str]] = {name: [] for name in columns}
    for form in DATE_FORMS:
        read, end = _find_read(joined, form), 0
        for name, head in heads.items():
            begin, end = end, end + len(head)
            if (
                begin < end
                and read[begin:end].all()
                and (len(head) == len(columns[name]) or _reads(columns[name], form))
            ):
                forms[name].append(form)
    return forms


def find_several_forms(values: pl.Series) -> list[str]:
    """Find the forms of values of several forms; none where that is not certain.

    Values that look alike, such as `3/4/2026 7:00` and `22/11/2026 10:00`, have one form, which one of them shows.
    """
    if not len(values):
        return []
    shapes = values.str.replace_all(r"\d{5,}", "N").str.replace_all(r"\d{3,4}", "Y").str.replace_all(r"\d{1,2}", "D")
    shapes = shapes.str.replace_all(r"[^\W\dNYD_]+", "a")
    forms: list[str] = []
    for shape in shapes.unique(maintain_order=True).head(MOST_FORMS + 1):
        alike = values.filter(shapes == shape)
        counted = [word for word, form in EPOCHS.items() if alike.str.contains(form).all()]
        found = counted or find_forms({"alike": alike})["alike"]
        if len(found) != 1:
            return []
        forms += [form for form in found if form not in forms]
    if len(forms) > MOST_FORMS:
        return []
    forms.sort(key=lambda form: (form in EPOCHS, form))
    read, clash = read_forms(values, forms, None)
    return forms if read.text.null_count() == 0 and clash is None else []


def is_read(values: pl.Series) -> pl.Series:
    """Return for each value whether it is a date or time that can be read without a declaration."""
    return read_moments(values).is_not_null()


def needs_nothing(cells: pl.Series) -> pl.Series:
    """Return for each cell whether it is empty, or a date or time that can be read without a declaration."""
    return cells.is_null() | is_read(cells)


def _reads(values: pl.Series, form: str) -> bool:
    """Return whether all values have a form; see `_find_read`."""
    return bool(_find_read(values, form).all())


def _find_read(values: pl.Series, form: str) -> pl.Series:
    """Return which values have a form, and are in a plausible year for people's records (1950 to 2100)."""
    is_timed = HAS_TIME.search(form)
    moments = values.str.to_datetime(form, strict=False) if is_timed else values.str.to_date(form, strict=False)
    return moments.dt.year().is_between(1950, 2100).fill_null(value=False)
