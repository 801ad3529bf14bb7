"""README, documentation, CHANGELOG and `.env.example` say what the code says, both ways."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from polars import Datetime, Int64
from pydantic import SecretStr

from integration_center.cli.verbs import VERBS
from integration_center.insights.catalogue import TAGS
from integration_center.insights.declared.report_yaml import ReportFile
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.assets.report import NOT_EMPTY, NOT_SHRUNK
from integration_center.pipeline.steps.checks import FITNESS, VERDICTS
from integration_center.settings import PROJECT, Settings
from integration_center.sync.mapping.missing_fields import suggest_field
from integration_center_tests.documents import bare, read, read_all, read_blocks, read_pages, read_table
from tools.reference import PLACES

ENV_EXAMPLE = read(".env.example")
EXAMPLE = "salesforce_emulator/integrations/logins_to_leads/defs.yaml"
ADMIN, ENGINEER = "docs/how-to/salesforce-admin.md", "docs/how-to/data-engineer.md"
WORDS = ("report", "row", "record", "key", "plan", "line", "ledger", "outcome", "push", "sync", "run", "snapshot")


def show(value: object) -> str:
    """A default as `.env.example` has it."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return f"{text:g}" if isinstance(text, float) else str(text)


def settings_fields() -> list[Any]:
    return list(Settings.model_fields.values())


def test_readme_is_short_and_names_the_doors() -> None:
    assert len(read("README.md").encode()) <= 6_000
    doors = {path for path in read_pages() if path.startswith("docs/how-to/")}
    assert doors | {"docs/tutorial.md"} <= set(re.findall(r"\]\(([^)#]+)", read("README.md")))


def test_every_verb_is_in_the_changelog() -> None:
    listed = re.search(r"The command line `integration-center`: (.*?)\.", read("CHANGELOG.md"), re.DOTALL)
    assert listed
    assert set(re.findall(r"[a-z-]+", listed[1])) - {"and"} == set(VERBS)


def test_env_example_names_every_setting_with_its_default_or_a_placeholder() -> None:
    given = dict(re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", ENV_EXAMPLE, re.MULTILINE))
    assert set(given) == {field.alias for field in settings_fields()} - {"DAGSTER_HOME", "SALESFORCE_<NAME>_CLIENT_ID"}
    for field in settings_fields():
        if field.alias in given and field.alias not in PLACES:
            assert given[field.alias].lower() == show(field.default).lower(), field.alias


def test_env_example_used_as_it_is_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for field in settings_fields():
        monkeypatch.delenv(field.alias, raising=False)
    path = tmp_path / ".env"
    path.write_text(ENV_EXAMPLE, encoding="utf-8")
    assert Settings(_env_file=path) == Settings(_env_file=None)


@pytest.mark.parametrize("page", ["README.md", ENGINEER])
def test_example_integration_loads_and_is_the_shipped_one(page: str) -> None:
    (example,) = (text for _, text in read_blocks(page, "yaml") if "integration_center.Integration" in text)
    given = yaml.safe_load(example)
    shipped = yaml.safe_load(read(EXAMPLE))
    assert given["type"] == shipped["type"]
    assert IntegrationSpec.model_validate(given["attributes"]) == IntegrationSpec.model_validate(shipped["attributes"])


def test_example_report_file_loads_and_has_all_keys() -> None:
    (example,) = (text for _, text in read_blocks(ENGINEER, "yaml") if "key_column" in text)
    given = yaml.safe_load(example)
    file = ReportFile.model_validate(given)
    assert set(given) == set(ReportFile.model_fields)
    assert not TAGS.isdisjoint(file.tags)


def test_table_of_what_stops_a_push_names_every_check_that_does() -> None:
    rows = read_table("docs/explanation/writing-once.md", "check")
    said = {name for row in rows for name in re.findall(r"`(\w+)`", row[0])}
    assert said == {NOT_EMPTY, NOT_SHRUNK, *FITNESS, *VERDICTS}


def test_custom_fields_table_is_that_of_the_example() -> None:
    spec = yaml.safe_load(read(EXAMPLE))["attributes"]
    said = {(row[0], bare(row[1])) for row in read_table(ADMIN, "label")}
    assert said == {(field["column"], field["field"]) for field in spec["fields"]}


@pytest.mark.parametrize("row", read_table(ADMIN, "label"), ids=lambda row: row[0])
def test_custom_fields_table_has_the_types_that_check_asks_for(row: list[str]) -> None:
    field = suggest_field(row[0], bare(row[1]), Int64() if row[0].startswith("#") else Datetime("us", "UTC"))
    assert row[2] == field.type
    size = f"length {field.precision}, decimal places {field.scale}" if field.precision else ""
    assert row[3].strip(" |") == size


def test_glossary_gives_each_word_one_meaning() -> None:
    assert tuple(re.findall(r"^\*\*(\w+)\*\*\n:", read("docs/glossary.md"), re.MULTILINE)) == WORDS


def test_list_of_decisions_is_complete() -> None:
    pages = {Path(path).name: text for path, text in read_pages().items() if re.search(r"adr/\d", path)}
    listed = re.findall(r"\[(.+)\]\((\d{4}-[a-z-]+\.md)\)", read("docs/adr/index.md"))
    assert {name: f"# {title}" for title, name in listed} == {
        name: text.partition("\n")[0] for name, text in pages.items()
    }
    for text in pages.values():
        assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]


@pytest.mark.parametrize("name", sorted(read_all()))
def test_links_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", read_all()[name]):
        path = (PROJECT / name).parent / link.partition("#")[0]
        generated = path.resolve().relative_to(PROJECT).as_posix() in read_all() if "://" not in link else False
        assert link.startswith(("https://", "#")) or path.exists() or generated, link


def test_package_table_names_what_is_there() -> None:
    for row in read_table("docs/developing.md", "place"):
        folder = PROJECT
        for path in re.findall(r"`([^`]+)`", row[0]):
            folder = (PROJECT / path).parent if "/" in path else folder
            assert (folder / Path(path).name).exists(), path


def test_docs_name_no_place_of_one_machine() -> None:
    pictures = [path.read_text(encoding="utf-8") for path in (PROJECT / "docs").glob("*.svg")]
    for text in (*read_all().values(), ENV_EXAMPLE, *pictures):
        assert str(PROJECT) not in text
        assert not re.search(r"/(home|root|Users|work)/", text)
