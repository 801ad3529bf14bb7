"""`init`: the project that it lays out loads with `dg`, and its settings and commands are real ones."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from dagster_dg_cli.cli import cli

from integration_center import Integration
from integration_center.cli.verbs import VERBS
from integration_center.settings import Settings
from integration_center_tests.pipeline.commands import build_command

FULL = ("--report", "NPS", "--object", "Contact", "--keys", "User ID=Email", "--fields", "Score=WalkMe_NPS_Score__c")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A new project."""
    monkeypatch.chdir(tmp_path)
    code, _, said = build_command(monkeypatch, capsys)("init", "acme_crm")
    assert code == 0, said
    return tmp_path / "acme_crm"


def dg(*arguments: str) -> str:
    """Run Dagster's own command in the working directory; what it says."""
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def inside(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The project as the working directory, its package to be imported."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("DAGSTER_HOME", str(project / "dagster_home"))
    monkeypatch.setenv("PYTHONPATH", str(project))  # for the process in which `dg check defs` loads
    monkeypatch.syspath_prepend(str(project))
    yield project
    for name in [name for name in sys.modules if name.partition(".")[0] == "acme_crm"]:
        del sys.modules[name]


@pytest.mark.proof
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Dagster, where it reads its own schedules
def test_a_new_project_loads_with_one_that_dg_scaffolds(inside: Path) -> None:
    options = ("--environment", "sandbox", "--report", "NPS", "--object", "Contact")
    pairs = ("--keys", "End User ID=Email", "--fields", "Score=WalkMe_NPS_Score__c")
    dg("scaffold", "defs", "integration_center.Integration", "nps_to_contacts", *options, *pairs)
    written = yaml.safe_load((inside / "acme_crm" / "defs" / "nps_to_contacts" / "defs.yaml").read_text())
    assert written["attributes"]["keys"] == [{"column": "End User ID", "field": "Email"}]
    dg("scaffold", "defs", "integration_center.Integration", "from_the_example")
    marts = 'import dagster as dg\n\n@dg.asset(key=["marts", "usage"])\ndef usage():\n    """A mart."""\n'
    (inside / "acme_crm" / "defs" / "marts.py").write_text(marts, encoding="utf-8")
    asset = ("--environment", "production", "--asset", "marts/usage", "--object", "Lead")
    lead = ("--keys", "email=Email", "--fields", "logins=WalkMe_NPS_Score__c")
    dg("scaffold", "defs", "integration_center.Integration", "usage_to_leads", *asset, *lead)
    written = yaml.safe_load((inside / "acme_crm" / "defs" / "usage_to_leads" / "defs.yaml").read_text())
    assert written["attributes"]["source"] == {"asset": "marts/usage"}
    assert "report" not in written["attributes"]
    assert "All component YAML validated successfully" in dg("check", "yaml")
    assert "All definitions loaded successfully" in dg("check", "defs")
    listed = dg("list", "defs", "--json")
    for slug in ("logins_to_leads", "nps_to_contacts", "from_the_example", "usage_to_leads"):
        assert f"{slug}/update_set" in listed


def test_dg_knows_the_component_and_describes_each_attribute(inside: Path) -> None:
    assert "integration_center.Integration" in dg("list", "components", "--json")
    dg("utils", "generate-component-schema")
    assert "integration_center.Integration" in (inside / ".dg" / "schema.json").read_text()
    assert "integration_center.Integration" in dg("utils", "inspect-component", "integration_center.Integration")
    schema = Integration.get_model_cls().model_json_schema()
    models = [schema, *schema["$defs"].values()]
    properties = {name: said for model in models for name, said in model.get("properties", {}).items()}
    assert {"report", "source", "keys", "column", "min_match_rate", "op_tags"} <= properties.keys()
    assert [name for name, said in properties.items() if not said.get("description")] == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--environment", "sandbox"), "give these options, too: --report or --asset, --object, --keys, --fields"),
        (("--environment", "sandbox", *FULL, "--asset", "marts/usage"), "give --report or --asset, not both"),
        (("--environment", "staging", *FULL), "'staging' is neither 'sandbox' nor 'production'"),
        (("--environment", "sandbox", *FULL[:4], "--keys", "Email", *FULL[6:]), "'Email' is no pair"),
    ],
)
def test_options_that_make_no_integration_are_said(inside: Path, options: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(cli, ["scaffold", "defs", "integration_center.Integration", "new_one", *options])
    assert done.exit_code == 1
    assert said in done.output
    assert not (inside / "acme_crm" / "defs" / "new_one" / "defs.yaml").exists()


def test_its_settings_and_commands_are_real(project: Path) -> None:
    known = {field.alias for field in Settings.model_fields.values()}
    for name in (".env", ".env.example"):
        named = re.findall(r"^(?:# )?([A-Z_]+)=", (project / name).read_text(), re.MULTILINE)
        assert len(named) > 3
        assert set(named) <= known
    workflow = yaml.safe_load((project / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert job["env"]["INTEGRATION_CENTER_PLAN_ONLY"] == "1"
    commands = [step["run"] for step in job["steps"] if "integration-center" in step.get("run", "")]
    assert len(commands) == 2
    for command in commands:
        shown = re.sub(r"\$\{\{.*?\}\}", "main", command.partition(" > ")[0])
        _, verb, *arguments = shown.split()
        VERBS[verb].load().make_context(verb, arguments)


@pytest.mark.parametrize(("name", "said"), [("dagster", "Python has another use"), ("taken", "is there already")])
def test_what_is_no_place_for_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").touch()
    monkeypatch.chdir(tmp_path)
    code, _, error = build_command(monkeypatch, capsys)("init", name)
    assert code == 1
    assert said in error
