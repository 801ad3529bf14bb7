"""The reference pages hold everything that the models and the command line have, each thing with a text."""

import re
from collections.abc import Mapping

import pytest
from pydantic import BaseModel

from integration_center.cli.verbs import VERBS
from integration_center.database.sync_records import SyncStatus
from integration_center.insights.catalogue import OUT_OF_THE_BOX, report_slug
from integration_center.insights.declared.report_yaml import ColumnFile, ReportFile
from integration_center.integration.mapping import FieldMapping, KeyPair
from integration_center.integration.spec import IntegrationSpec, Limits, WhenAbsent
from integration_center.pipeline.assets.report import NOT_EMPTY, NOT_SHRUNK
from integration_center.pipeline.steps.checks import FITNESS, PUSH, VERDICTS
from integration_center.settings import Settings
from integration_center.sync.outcomes import Outcome
from tools.attribute_docs import read_attribute_docs
from tools.reference import build_pages

Rows = list[list[str]]


@pytest.fixture(scope="module")
def pages() -> Mapping[str, str]:
    return build_pages()


def read_tables(page: str) -> list[Rows]:
    """The tables of a page, as cells without backticks; the headings are left out."""
    tables = re.findall(r"^\|.*\n\| --- .*\n((?:\|.*\n)+)", page, re.MULTILINE)
    return [
        [[cell.strip().strip("`") for cell in line[1:-1].split(" | ")] for line in table.splitlines()]
        for table in tables
    ]


def test_settings_page_has_every_setting_with_its_default(pages: Mapping[str, str]) -> None:
    (rows,) = read_tables(pages["reference/settings.md"])
    assert [row[0] for row in rows] == [field.alias for field in Settings.model_fields.values()]
    assert all(row[1] and row[2] for row in rows)
    said = {row[0]: row[1] for row in rows}
    assert said["INTEGRATION_CENTER_API_RESERVE"] == "5"
    assert said["INTEGRATION_CENTER_PREVIEWS"] == "false"
    assert said["WALKME_CLIENT_SECRET"] == "empty"
    assert said["SALESFORCE_SANDBOX_LOGIN_URL"] == "https://test.salesforce.com"


@pytest.mark.parametrize(
    ("page", "models"),
    [
        ("reference/integration.md", (IntegrationSpec, KeyPair, FieldMapping, WhenAbsent, Limits)),
        ("reference/report.md", (ReportFile, ColumnFile)),
    ],
)
def test_option_pages_have_every_field_of_their_models(
    page: str, models: tuple[type[BaseModel], ...], pages: Mapping[str, str]
) -> None:
    tables = read_tables(pages[page])
    for model, rows in zip(models, tables, strict=False):
        assert [row[0] for row in rows] == list(model.model_fields)
        assert {row[0] for row in rows if row[1] == "required"} == {
            name for name, field in model.model_fields.items() if field.is_required()
        }
        assert all(row[2] for row in rows)


def test_report_page_has_the_catalogue(pages: Mapping[str, str]) -> None:
    rows = read_tables(pages["reference/report.md"])[2]
    assert [row[1] for row in rows] == list(OUT_OF_THE_BOX)
    assert [report_slug(row[0].partition(",")[0]) for row in rows] == list(OUT_OF_THE_BOX)


def test_outcomes_page_has_every_outcome_from_best_to_worst_and_every_status(pages: Mapping[str, str]) -> None:
    outcomes, statuses = read_tables(pages["reference/outcomes.md"])
    assert [row[0] for row in outcomes] == [outcome.value for outcome in Outcome]
    assert [row[0] for row in statuses] == [status.value for status in SyncStatus]
    assert all(all(row) for row in (*outcomes, *statuses))


def test_checks_page_has_every_check(pages: Mapping[str, str]) -> None:
    (rows,) = read_tables(pages["reference/checks.md"])
    assert [row[0] for row in rows] == [NOT_EMPTY, NOT_SHRUNK, *FITNESS, *VERDICTS, *PUSH]
    assert all(row[3] for row in rows)


def test_commands_page_has_every_verb_with_its_options(pages: Mapping[str, str]) -> None:
    sections = dict(re.findall(r"^### `([a-z-]+)`\n\n```text\n(.*?)```", pages["reference/commands.md"], re.M | re.S))
    assert list(sections) == list(VERBS)
    for name, verb in VERBS.items():
        for parameter in verb.load().params:
            assert all(option in sections[name] for option in parameter.opts if option.startswith("--")), name


def test_a_text_is_read_from_below_an_attribute_and_from_the_section_of_a_class() -> None:
    class First:
        """One.

        Attributes:
            left: at the left,
                and further.
            right: at the right.
        """

        left: int
        right: int

    class Second(First):
        above: int = 1
        """Above
        all.

        Second paragraph."""
        silent: int = 2

    assert read_attribute_docs(Second) == {
        "left": "at the left, and further.",
        "right": "at the right.",
        "above": "Above all.\n\nSecond paragraph.",
    }
