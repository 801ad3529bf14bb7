"""README, CHANGELOG and `.env.example` say what the code says, both ways."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from polars import Datetime, Int64
from pydantic import BaseModel, SecretStr
from pydantic_core import PydanticUndefined

from integration_center.cli.verbs import VERBS
from integration_center.database.sync_records import SyncStatus
from integration_center.insights.catalogue import OUT_OF_THE_BOX, TAGS, report_slug
from integration_center.insights.report_yaml import ReportFile
from integration_center.integration.spec import FieldMapping, IntegrationSpec, Limits
from integration_center.pipeline.checks import FITNESS, VERDICTS
from integration_center.pipeline.report import NOT_EMPTY, NOT_SHRUNK
from integration_center.settings import PROJECT, Settings
from integration_center.sync.mapping.missing_fields import suggest_field
from integration_center.sync.outcomes import Outcome

README = (PROJECT / "README.md").read_text(encoding="utf-8")
CHANGELOG = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
ENV_EXAMPLE = (PROJECT / ".env.example").read_text(encoding="utf-8")
EXAMPLE = "salesforce_emulator/integrations/logins_to_leads/defs.yaml"
PROSE = {
    "DAGSTER_HOME": "`dagster_home` of a checkout, else `~/.integration_center`",
    "INTEGRATION_CENTER_DEFS": "`integrations` in `DAGSTER_HOME`",
    "INTEGRATION_CENTER_DATABASE_URL": "SQLite file in `DAGSTER_HOME`",
    "INTEGRATION_CENTER_SECRET_KEY": "key file in `DAGSTER_HOME`",
}
"""Defaults that are places, which the README says in words."""


def read_table(first: str) -> list[list[str]]:
    """The rows of the README's table whose first heading is `first`, as cells."""
    found = re.search(rf"^\| {re.escape(first)} \|.*\n\|[ -|]*\n((?:\|.*\n)+)", README, re.MULTILINE)
    assert found, f"the README has no table {first!r}"
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found[1].splitlines()]


def bare(cell: str) -> str:
    return cell.strip().strip("`")


def read_blocks(language: str) -> list[str]:
    """The README's code blocks of a language."""
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return blocks


def read_verbs() -> dict[str, set[str]]:
    """The options of each command of the command line."""
    return {
        name: {option for parameter in verb.load().params for option in parameter.opts} for name, verb in VERBS.items()
    }


def named_commands() -> list[list[str]]:
    """The words after every `integration-center` of the README that is a command line."""
    lines = re.findall(r"integration-center ((?:[a-z-]+)[^`#\n]*)", README)
    return [line.split() for line in lines]


def show_default(value: object) -> str:
    """A default as the README writes it."""
    match value:
        case None | ():
            return "none"
        case bool():
            return f"`{str(value).lower()}`"
        case SecretStr():
            return f"`{value.get_secret_value()}`" if value.get_secret_value() else "empty"
        case "":
            return "empty"
        case float():
            return f"`{value:g}`"
        case _:
            return f"`{value}`"


def options_of(model: type[BaseModel], prefix: str = "") -> dict[str, str]:
    """Each field of a model with its default."""
    return {
        prefix + name: "required" if field.default is PydanticUndefined else show_default(field.default)
        for name, field in model.model_fields.items()
    }


def test_every_command_in_the_readme_exists_with_its_options() -> None:
    verbs = read_verbs()
    named = named_commands()
    assert len(named) > len(verbs)
    for verb, *words in named:
        assert verb in verbs, f"integration-center {verb}"
        used = {word for word in words if word.startswith("--")}
        assert used <= verbs[verb], f"integration-center {verb}: {used - verbs[verb]}"


def test_every_verb_is_in_the_readme() -> None:
    assert set(read_verbs()) == {verb for verb, *_ in named_commands()}


def test_every_verb_is_in_the_changelog() -> None:
    listed = re.search(r"The command line `integration-center`: (.*?)\.", CHANGELOG, re.DOTALL)
    assert listed
    assert set(re.findall(r"[a-z-]+", listed[1])) - {"and"} == set(read_verbs())


def test_settings_table_is_the_settings() -> None:
    expected = {field.alias: PROSE.get(str(field.alias), show_default(field.default)) for field in settings_fields()}
    assert {bare(row[0]): row[1] for row in read_table("variable")} == expected


def settings_fields() -> list[Any]:
    return list(Settings.model_fields.values())


def test_env_example_names_every_setting_with_its_default_or_a_placeholder() -> None:
    given = dict(re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", ENV_EXAMPLE, re.MULTILINE))
    assert set(given) == {field.alias for field in settings_fields()} - {"DAGSTER_HOME"}
    for field in settings_fields():
        if field.alias in given and field.alias not in PROSE:
            default = show_default(field.default)
            assert show_default(given[field.alias]).lower() == default, field.alias


def test_env_example_used_as_it_is_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for field in settings_fields():
        monkeypatch.delenv(field.alias, raising=False)
    path = tmp_path / ".env"
    path.write_text(ENV_EXAMPLE, encoding="utf-8")
    assert Settings(_env_file=path) == Settings(_env_file=None)


def test_options_table_is_the_model() -> None:
    expected = options_of(IntegrationSpec) | options_of(Limits, "limits.")
    expected |= {
        name: default for name, default in options_of(FieldMapping, "fields.").items() if default != "required"
    }
    del expected["limits"]
    assert {bare(row[0]): row[1] for row in read_table("option")} == expected


def test_required_parts_of_a_mapping_are_named_with_it() -> None:
    rows = {bare(row[0]): row[2] for row in read_table("option")}
    required = {name for name, default in options_of(FieldMapping).items() if default == "required"}
    assert required <= set(re.findall(r"`(\w+)`", rows["fields"]))


def test_example_integration_loads_and_is_the_shipped_one() -> None:
    (example,) = (block for block in read_blocks("yaml") if "integration_center.Integration" in block)
    given = yaml.safe_load(example)
    shipped = yaml.safe_load((PROJECT / EXAMPLE).read_text())
    assert given["type"] == shipped["type"]
    assert IntegrationSpec.model_validate(given["attributes"]) == IntegrationSpec.model_validate(shipped["attributes"])


def test_example_report_file_loads_and_has_all_keys() -> None:
    (example,) = (block for block in read_blocks("yaml") if "key_column" in block)
    given = yaml.safe_load(example)
    file = ReportFile.model_validate(given)
    assert set(given) == set(ReportFile.model_fields)
    assert not TAGS.isdisjoint(file.tags)


def test_reports_table_is_the_catalogue() -> None:
    rows = read_table("report")[: len(OUT_OF_THE_BOX)]
    said = {bare(row[1]): (row[2], row[3], row[4].strip(" |")) for row in rows}
    assert said == {slug: (info.kind, info.key_column, info.latest_by or "") for slug, info in OUT_OF_THE_BOX.items()}
    assert all(report_slug(row[0].partition(",")[0].partition(" (")[0]) == bare(row[1]) for row in rows)


def test_outcomes_table_is_the_outcomes_from_best_to_worst() -> None:
    assert [bare(row[0]) for row in read_table("outcome")] == [outcome.value for outcome in Outcome]


def test_status_table_is_the_statuses() -> None:
    said = [status for row in read_table("status") for status in row[0].split(", ")]
    assert said == [status.value for status in SyncStatus]


def test_checks_table_names_every_check() -> None:
    said = {name for row in read_table("check") for name in re.findall(r"`(\w+)`", row[0])}
    assert said == {NOT_EMPTY, NOT_SHRUNK, *FITNESS, *VERDICTS}


def test_custom_fields_table_is_that_of_the_example() -> None:
    spec = yaml.safe_load((PROJECT / EXAMPLE).read_text())["attributes"]
    said = {(row[0], bare(row[1])) for row in read_table("label")}
    assert said == {(field["column"], field["field"]) for field in spec["fields"]}


@pytest.mark.parametrize("row", read_table("label"), ids=lambda row: row[0])
def test_custom_fields_table_has_the_types_that_check_asks_for(row: list[str]) -> None:
    field = suggest_field(row[0], bare(row[1]), Int64() if row[0].startswith("#") else Datetime("us", "UTC"))
    assert row[2] == field.type
    size = f"length {field.precision}, decimal places {field.scale}" if field.precision else ""
    assert row[3].strip(" |") == size


def test_make_targets_in_the_readme_are_those_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)) == targets


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md"])
def test_links_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\(([^)]+)\)", (PROJECT / name).read_text(encoding="utf-8"))
    assert links
    for link in links:
        assert link.startswith("https://") or (PROJECT / link).exists(), link


def test_package_table_names_what_is_there() -> None:
    for row in read_table("place"):
        folder = PROJECT
        for path in re.findall(r"`([^`]+)`", row[0]):
            folder = (PROJECT / path).parent if "/" in path else folder
            assert (folder / Path(path).name).exists(), path


def test_docs_name_no_place_of_one_machine() -> None:
    for text in (README, CHANGELOG, ENV_EXAMPLE, (PROJECT / "docs" / "asset-graph.svg").read_text(encoding="utf-8")):
        assert str(PROJECT) not in text
        assert not re.search(r"/(home|root|Users|work)/", text)
