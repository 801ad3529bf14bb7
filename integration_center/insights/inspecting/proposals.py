"""Find out what `report.yaml` may say about the cells of a report: dates, numbers and texts that mean no value."""

import re
from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from integration_center.insights.declared.cells import MONEY, number_form
from integration_center.insights.declared.column_reader import Locate
from integration_center.insights.declared.date_forms import SOME_MOMENT
from integration_center.insights.declared.declaring import declare_cells
from integration_center.insights.declared.option_lines import write_column_line
from integration_center.insights.declared.report_yaml import ReportFile
from integration_center.insights.delimited.form import name_row
from integration_center.insights.delimited.header import list_names
from integration_center.insights.inspecting.date_proposals import (
    EPOCHS,
    WITHOUT_SIGNS,
    Proposal,
    Show,
    find_dates,
    propose_dates,
)
from integration_center.insights.likely_types import find_types, infer_type, is_identifier
from integration_center.insights.many_columns import find_alike, find_columns, keep_columns, leave_out
from integration_center.insights.placeholders import PLACEHOLDERS

TOTALS = re.compile(
    r"(?i)\W*(grand total|total|totals|sum|subtotal|average|count|summe|gesamt|gesamtergebnis|insgesamt|anzahl"
    r"|mittelwert|somme|totale|totaal|suma|soma|summa|razem|trailer|eof|итого|合計|总计)\b"
)
"""The start of the first cell of a totals row."""
PLAIN_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s?%?$"
NUMBER_SIGNS: Sequence[tuple[str, str]] = ((".", ","), (",", "."), (".", "'"), (",", " "), (".", " "))
"""The signs for decimals and thousands that are tried, in this order."""
YES_AND_NO = (
    *(("wahr", "falsch"), ("ja", "nein"), ("vrai", "faux"), ("oui", "non"), ("verdadero", "falso"), ("si", "no")),
    *(("sí", "no"), ("verdadeiro", "falso"), ("sim", "não"), ("vero", "falso"), ("sì", "no"), ("waar", "onwaar")),
    *(
        ("ja", "nee"),
        ("sant", "falskt"),
        ("ja", "nej"),
        ("tak", "nie"),
        ("да", "нет"),
        ("是", "否"),
        ("はい", "いいえ"),
    ),
)
"""Words for yes and no in other languages, in lower case."""
MOST_WORDS = 8
WORDS = r"\w\W*\s\W*\w"
RULE = re.compile(r"\s*:?[-=+_]{3,}:?\s*")
UNIT = re.compile(r"\s*(?:\([^\d()]+\)|\[[^\d\[\]]+\])\s*")
"""A unit below the name of a column, such as `(days)`."""
MOST_NOTES = 20
MOST_TOTALS = 5
"""The most rows of totals below a table."""
BESIDE_VALUES = ("NA", ".")
"""How R and SAS write a value that is missing. Among texts they may be a region, a country, or a text."""
MOST_UNITS = 3
"""The most rows of texts below a header, such as questions and their identifiers."""
COLUMNS_TOGETHER = 100
"""The columns that are looked at together for units."""
EXCEL_DAYS = r"^[34]\d{4}(\.\d+)?$"
"""Days from 1982 to 2036, as Excel counts them."""
POINT_BEFORE_THREE = r"\d\.\d{3}(?:\D|$)"
THREE_DECIMALS = r"^[+-]?[1-9]\d{0,2},\d{3}\s?%?$"
"""A number with a decimal comma, or with a comma between its thousands."""


def find_footer(frame: pl.DataFrame) -> int | str | None:
    """Find the last rows that are no people.

    Returns:
        A pattern for the last rows with totals, the number of last rows with a note alone, or None.
    """
    totals: list[str] = []
    while len(totals) < MOST_TOTALS and (total := find_total(frame.head(frame.height - len(totals)))):
        totals.insert(0, total)
    if totals:
        words = "|".join(map(re.escape, dict.fromkeys(totals)))
        return rf"^\W*({words})" if "|" in words else rf"^\W*{words}"
    notes = find_note(frame)
    return notes + bool(notes and find_total(frame.head(frame.height - notes))) or None


def find_total(frame: pl.DataFrame) -> str | None:
    """Return the word for totals that the last row begins with; None for any other row."""
    cells = [cell for cell in frame.tail(1).row(0) if cell] if frame.height else []
    found = TOTALS.match(cells[0]) if cells else None
    return found[1] if found else None


def find_note(frame: pl.DataFrame) -> int:
    """Count the last rows of which only the first cell is filled, with words, unlike the first cells of other rows."""
    if frame.width < 2:
        return 0
    last = frame.tail(MOST_NOTES + 1)
    rows = last.select(
        words=pl.nth(0).str.contains(WORDS), alone=pl.all_horizontal(pl.nth(range(1, frame.width)).is_null())
    )
    notes = rows.select((pl.col("words").fill_null(False) & pl.col("alone")).reverse().cum_min().sum()).item()
    above = frame.head(frame.height - notes).to_series()
    return int(notes) if notes <= MOST_NOTES and above.len() and not above.str.contains(WORDS).any() else 0


def find_rule(frame: pl.DataFrame) -> bool:
    """Return whether the first row is a line of dashes, as of some databases, or has units in brackets."""
    cells = [cell for cell in frame.row(0) if cell] if frame.height else []
    return bool(cells) and any(all(map(form.fullmatch, cells)) for form in (RULE, UNIT))


def propose_cells(frame: pl.DataFrame, file: ReportFile, locate: Locate = name_row) -> Proposal:
    """Propose what to declare about the cells.

    Args:
        frame: the report as its file has it.
        file: what is declared already.
        locate: names a row for people.
    """
    proposal = Proposal()
    bare = frame.with_columns(pl.all().str.strip_chars())
    holding = find_columns(bare, pl.all().is_in(PLACEHOLDERS).any())
    held = sorted({value for name in holding for value in bare[name].filter(bare[name].is_in(PLACEHOLDERS))})
    for word in [each for each in BESIDE_VALUES if each in held]:
        beside = (bare[name].filter(~bare[name].is_in(PLACEHOLDERS)) for name in holding if (bare[name] == word).any())
        if not any(infer_type(text) or find_signs(text.to_frame()) for text in beside if text.count()):
            held.remove(word)
    if held and not file.empty:
        proposal.options["empty"] = held
        file = file.add({"empty": held})
    declared, _, _ = declare_cells(frame, file)
    names = {new: name for name, new in file.renamed.items()}
    typed = keep_columns(declared, [name for name in declared.columns if not is_identifier(name)])
    text = typed.select(pl.all().str.strip_chars())
    text.columns = [names.get(name, name) for name in text.columns]
    text = leave_out(text, find_columns(text, pl.all().is_null().all()))
    values = find_different(text)

    def show(name: str, among: pl.Series) -> str:
        places = declared[file.renamed.get(name, name)].str.strip_chars().is_in(among.implode()).arg_true()
        return locate(int(places[0]))

    proposal.notes += find_units(declared)  # first, because such rows are the cause of what is said below
    propose_dates({name: values[name] for name in find_dates(text)}, file, proposal, show)
    propose_words(values, file, proposal)
    numbers = leave_out(text, proposal.dates)
    propose_numbers(find_signs(numbers), {name: values[name] for name in numbers.columns}, file, proposal, show)
    proposal.notes += find_counted(text)
    return proposal


def propose_words(values: Mapping[str, pl.Series], file: ReportFile, proposal: Proposal) -> None:
    """Propose the words for yes and no of other languages; see `propose_dates` for the arguments."""
    if file.true_values or file.false_values:
        return
    found: dict[str, set[str]] = {"true_values": set(), "false_values": set()}
    for text in values.values():
        words = {word.lower() for word in text} if len(text) <= MOST_WORDS else set()
        if any(words == set(pair) for pair in YES_AND_NO):
            for word in text:
                is_yes = any(word.lower() == yes for yes, no in YES_AND_NO if words == {yes, no})
                found["true_values" if is_yes else "false_values"].add(word)
    proposal.options |= {name: sorted(words) for name, words in found.items() if words}


def find_different(text: pl.DataFrame) -> dict[str, pl.Series]:
    """Find the different values of each column."""
    lists = text.select(pl.all().drop_nulls().unique().implode())
    return {name: lists[name][0] for name in lists.columns}


def propose_numbers(
    fits: Mapping[str, Sequence[tuple[str, str]]],
    values: Mapping[str, pl.Series],
    file: ReportFile,
    proposal: Proposal,
    show: Show,
) -> None:
    """Propose the signs of numbers.

    Args:
        fits: the signs by column; see `find_signs`.
        values: the different values of each column.
        file: what is declared already.
        proposal: gets the options and notes.
        show: see `propose_dates`.
    """
    if file.decimal is not None or file.thousands is not None or not fits:
        return
    common = [signs for signs in NUMBER_SIGNS if all(signs in found for found in fits.values())]
    if not common:
        proposal.say_for_columns({name: write_signs(found[0]) for name, found in fits.items()})
        return
    if set(NUMBER_SIGNS[:2]) <= set(common):
        unsure = [name for name in fits if values[name].str.contains(POINT_BEFORE_THREE).any()]
        proposal.notes += [
            f"column {name!r} holds numbers such as 1.234-, which may be thousands or decimals; say"
            " `thousands: '.'` or `decimal: '.'` in report.yaml"
            for name in unsure
        ]
        if unsure:
            return
    proposal.options |= write_signs(common[0])
    for name in fits:
        currencies = sorted(set(values[name].str.extract(f"({MONEY})").str.strip_chars_end(".").drop_nulls()))
        if len(currencies) > 1:
            proposal.notes.append(
                f"column {name!r} holds amounts in {list_names(currencies)}, which are read as numbers without their"
                " currency"
            )
    if common[0] == (".", ","):
        proposal.notes += [
            f"column {name!r} holds numbers such as 1,234; if they are decimals, say `decimal: ','` instead"
            for name, found in fits.items()
            if (",", ".") in found and values[name].str.contains(",", literal=True).any()
        ]
    elif common[0][1] == ".":
        proposal.notes += [
            f"column {name!r} holds numbers such as 1,234 (first in {show(name, three)}), which are read as"
            " decimals, 1.234, by `decimal: ','` in report.yaml; if they are thousands, the column is written in two"
            " ways, so let the export write one"
            for name in fits
            if len(three := values[name].filter(values[name].str.contains(THREE_DECIMALS)))
        ]
        changed = [
            name
            for name, text in values.items()
            if name not in fits and text.str.contains(number_form(",", ".")).all() and text.str.contains(r"\.").any()
        ]
        if changed:
            proposal.notes.append(f"numbers such as 1.234 in {list_names(changed)} are read as thousands: 1234")


def find_signs(text: pl.DataFrame) -> dict[str, list[tuple[str, str]]]:
    """Find the signs for decimals and thousands with which all values are numbers, by column.

    Columns of plain numbers, and of other texts, are left out.
    """
    others = leave_out(text, find_alike(text, PLAIN_NUMBER))
    fits = {signs: find_alike(others, number_form(*signs)) for signs in NUMBER_SIGNS}
    found = {name: [signs for signs in NUMBER_SIGNS if name in fits[signs]] for name in others.columns}
    return {name: signs for name, signs in found.items() if signs}


def write_signs(signs: tuple[str, str]) -> dict[str, str]:
    """Write signs as options of `report.yaml`."""
    decimal, thousands = signs
    return {"thousands": thousands} if decimal == "." else {"decimal": decimal, "thousands": thousands}


def find_counted(text: pl.DataFrame) -> Iterator[str]:
    """Find columns of whole numbers that may be times, one sentence each."""
    counted = {word: find_alike(text, form) for word, form in EPOCHS.items()}
    days = find_alike(text, EXCEL_DAYS)
    dates = {form: find_alike(text, like) for form, like in WITHOUT_SIGNS.items()}
    for name in text.columns:
        for form, columns in dates.items():
            if name in columns:
                yield (
                    f"column {name!r} holds numbers such as {SOME_MOMENT.strftime(form)}; if they are dates, say"
                    f" `{write_column_line({name: {'dates': form}})}` in report.yaml"
                )
        for word, columns in counted.items():
            if name in columns:
                yield (
                    f"column {name!r} holds numbers such as seconds since 1970; if they are times, say"
                    f" `{write_column_line({name: {'dates': word}})}` in report.yaml"
                )
        if name in days:
            yield (
                f"column {name!r} holds numbers such as Excel's days, 46348 for 22 November 2026; if they are dates,"
                f" say `{write_column_line({name: {'dates': 'excel'}})}` in report.yaml"
            )


def find_units(frame: pl.DataFrame) -> Iterator[str]:
    """Find the first rows that differ from all rows below them, as units and questions do: one sentence."""
    for number in range(1, min(MOST_UNITS, frame.height - 3) + 1):
        if are_units(frame, number):
            rows, each = ("row", "is") if number == 1 else (f"{number} rows", "are")
            yield (
                f"the first {rows} below the header {each} written otherwise than the others; if there are units or"
                f" questions, say `skip_after_header: {number}` in report.yaml"
            )
            return


def are_units(frame: pl.DataFrame, number: int) -> bool:
    """Return whether each of so many first rows has cells in typed columns, and no such cell has a type itself."""
    filled = [False] * number
    # Mostly the first columns show it, where there are thousands.
    for begin in range(0, frame.width, COLUMNS_TOGETHER):
        part = frame[frame.columns[begin : begin + COLUMNS_TOGETHER]]
        typed = [name for name, found in find_types(part[number:]).items() if found and not is_identifier(name)]
        cells = part[:number][typed] if typed else pl.DataFrame()
        if any(infer_type(cells[name][at : at + 1]) for name in typed for at in range(number)):
            return False
        filled = [before or any(row) for before, row in zip(filled, cells.rows(), strict=True)] if typed else filled
    return all(filled)
