"""Pages call the options of a report as the page where they are set does, and name no file to edit."""

import pytest

from integration_center.console.plain_words import list_options, make_plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "is not a number; write it as 1234.5, or set `decimal:`, `thousands:` or `empty:` in report.yaml",
            "is not a number; write it as 1234.5, or set “Before decimals”, “Between thousands” or"
            " “Texts that mean no value” on the report's page",
        ),
        ("say `thousands: '.'` in report.yaml", "say “Between thousands” . on the report's page"),
        ("say `dates: %d.%m.%Y` in report.yaml", "say “Forms of dates and times” %d.%m.%Y on the report's page"),
        (
            "say `columns: {'# Logins': {dates: epoch, strip: false}}` in report.yaml",
            "say “Forms of dates and times” epoch for the column # Logins; “An apostrophe before a digit or sign” no"
            " for the column # Logins on the report's page",
        ),
        ("say `skip_blanks: true` in report.yaml",
         "say “Leave out blanks after a delimiter and behind quotes” yes on the report's page"),
        ("set in /srv/drops/x/report.yaml what it is: `parts: concat` or `parts: last`",
         "set on the report's page what it is: “Several files of one day” concat or “Several files of one day” last"),
        ("`columns: {: {` in report.yaml", "`columns: {: {` on the report's page"),
        ("a.csv has 3 lines, but report.yaml has `footer: 4`; correct it",
         "a.csv has 3 lines, but the report's page has “Lines to skip at the end” 4; correct it"),
        ("do not fit 'x', the name_pattern of report.yaml",
         "do not fit 'x', the “Names of the files” of the report's page"),
        ("report.yaml of 'logins' was changed while you edited it",
         "the report 'logins' was changed while you edited it"),
        ("/srv/drops/logins/report.yaml: line 3: there is no such name", "report.yaml: line 3: there is no such name"),
        ("the encoding, as the report.yaml says", "the encoding, as the report's page says"),
        ("where in line 16: where: 3 parentheses are not closed", "line 16, where: 3 parentheses are not closed"),
        ("set `footer: 1` somewhere else", "set `footer: 1` somewhere else"),
    ],
)  # fmt: skip
def test_an_option_of_a_report_is_called_as_on_its_page(text: str, shown: str) -> None:
    assert make_plain(text) == shown


def test_what_is_proposed_is_listed_by_the_labels_of_the_page() -> None:
    assert list_options(
        {
            "header_row": 2,
            "skip_blanks": True,
            "empty": ["-", "NULL"],
            "columns": {"Seen": {"dates": ["%d.%m.%Y", "epoch"], "strip": False}, "Release": "string"},
        }
    ) == [
        ("Row of the header", "2"),
        ("Leave out blanks after a delimiter and behind quotes", "yes"),
        ("Texts that mean no value", "-, NULL"),
        ("Forms of dates and times, Seen", "%d.%m.%Y, epoch"),
        ("An apostrophe before a digit or sign, Seen", "no"),
        ("Type, Release", "string"),
    ]
