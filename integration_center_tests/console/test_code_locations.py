"""Two projects of other people in one Dagster: commands and console find the code location of each by themselves."""

import json
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget

from integration_center.console.shell.context import Console
from integration_center_tests.console.browser import Browser
from integration_center_tests.console.dagsters import serve_dagster
from integration_center_tests.foreign_project import lay_out
from integration_center_tests.pipeline.center import COUNT, EXAMPLE, PLAIN, Center, email, logins
from integration_center_tests.pipeline.commands import Command, as_json, build_command

ACME, GLOBEX = "acme_locations", "globex_locations"
USAGE = {
    "name": "Usage to Leads",
    "environment": "sandbox",
    "source": {"asset": "marts/usage"},
    "object": "Lead",
    "keys": [{"column": "email", "field": "Email"}],
    "fields": [{"column": "revenue", "field": "AnnualRevenue"}],
}
TEAM = """
import dagster as dg
import polars as pl

class Warehouse(dg.IOManager):
    def handle_output(self, context, obj):
        pass

    def load_input(self, context):
        return pl.DataFrame({"email": EMAILS, "revenue": [9_000_001 + number for number, _ in enumerate(EMAILS)]})

@dg.asset(key=["marts", "USAGE"])
def usage() -> None:
    pass

@dg.definitions
def team():
    resources = {"io_manager": Warehouse()}
    return dg.Definitions(assets=[usage], resources=resources, executor=dg.in_process_executor)
"""
LAUNCHER = """
run_launcher:
  module: integration_center_tests.console.dagsters
  class: ThreadLauncher
run_coordinator:
  module: dagster._core.run_coordinator
  class: DefaultRunCoordinator
"""
Visit = Callable[[str], None]


def add(root: Path, module: str, slug: str, attributes: Any) -> None:
    folder = root / "src" / module / "defs" / slug
    folder.mkdir()
    component = {"type": "integration_center.Integration", "attributes": attributes}
    (folder / "defs.yaml").write_text(yaml.safe_dump(component), encoding="utf-8")


@pytest.fixture
def projects(center_on_disk: Center, tmp_path: Path) -> Iterator[dict[str, Path]]:
    """Two projects: one without a prefix that reads a report, and one with a prefix that reads an asset of its own."""
    center_on_disk.drop(logins(PLAIN))
    config = center_on_disk.home / "dagster.yaml"
    config.write_text(config.read_text(encoding="utf-8") + LAUNCHER, encoding="utf-8")
    roots = {name: tmp_path / name for name in (ACME, GLOBEX)}
    people = repr([email(number) for number in PLAIN[:2]])
    for name, root in roots.items():
        lay_out(root, name, TEAM.replace("EMAILS", people).replace("USAGE", "usage" if name == GLOBEX else "other"))
    add(roots[ACME], ACME, "logins_to_leads", EXAMPLE)
    add(roots[GLOBEX], GLOBEX, "usage_to_leads", {**USAGE, "prefix": "globex"})
    yield roots
    for name in [name for name in sys.modules if name.partition(".")[0] in roots]:
        del sys.modules[name]


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch, projects: dict[str, Path]) -> Visit:
    """Goes to a project, as a person does who sets the folder of its integrations."""

    def visit(name: str) -> None:
        monkeypatch.setenv("INTEGRATION_CENTER_DEFS", str(projects[name] / "src" / name / "defs"))

    return visit


@pytest.fixture
def served(center_on_disk: Center, projects: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One Dagster with both projects as code locations, whose runs are over when they are launched."""
    origins = [
        InProcessCodeLocationOrigin(
            loadable_target_origin=LoadableTargetOrigin(
                module_name=f"{name}.definitions", working_directory=str(root / "src")
            ),
            location_name=name,
        )
        for name, root in projects.items()
    ]
    with (
        warnings.catch_warnings(action="ignore", category=DeprecationWarning),  # Dagster's own
        dg.DagsterInstance.from_config(str(center_on_disk.home)) as instance,
        serve_dagster(instance, InProcessWorkspaceLoadTarget(origins)) as webserver,
    ):
        monkeypatch.setenv("INTEGRATION_CENTER_DAGSTER_URL", webserver.url)
        yield


@pytest.fixture
def on_disk(center_on_disk: Center, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command on the history in files."""
    return build_command(monkeypatch, capsys)


@pytest.mark.proof
def test_commands_run_and_undo_in_both_projects(
    center_on_disk: Center, served: None, visit: Visit, on_disk: Command
) -> None:
    before = center_on_disk.lead(PLAIN[0])
    expected = {ACME: ("logins_to_leads", len(PLAIN)), GLOBEX: ("globex_usage_to_leads", 2)}
    runs = {}
    for name, (slug, count) in expected.items():
        visit(name)
        assert [row["slug"] for row in as_json(on_disk("list", "--json"))] == [slug]
        ran = on_disk("run", slug, "--json")
        assert ran[0] == 0, ran
        assert as_json(ran)["rows"] == {"updated": count}
        runs[slug] = as_json(ran)["run_id"]
    assert center_on_disk.lead(PLAIN[0])[COUNT] == 7 + PLAIN[0]
    assert {row["slug"]: row["run_id"] for row in as_json(on_disk("log", "--json"))} == runs

    visit(ACME)
    listed = as_json(on_disk("list", "--everywhere", "--json"))
    assert [(row["slug"], row["location"], row["environment"], row["last_status"]) for row in listed] == [
        ("globex_usage_to_leads", GLOBEX, "sandbox", "Completed"),
        ("logins_to_leads", ACME, "sandbox", "Completed"),
    ]
    assert listed[0]["says"] == "marts/usage → Lead in Sandbox."

    # From the folder of the other project, whose Dagster knows where the integration is.
    center_on_disk.let_time_pass()
    for verb in ("plan", "run"):
        assert as_json(on_disk(verb, "globex_usage_to_leads", "--json"))["rows"] == {"unchanged": 2}
    code, _, said = on_disk("check", "globex_usage_to_leads")
    assert code == 2
    assert f"is in the code location '{GLOBEX}'" in said
    assert "INTEGRATION_CENTER_DEFS" in said
    for slug, count in expected.values():
        undone = on_disk("undo", runs[slug], "--yes", "--json")
        assert undone[0] == 0, undone
        assert set(as_json(undone)["rows"].values()) == {count}
    now = center_on_disk.lead(PLAIN[0])
    assert [now[name] for name in (COUNT, "AnnualRevenue")] == [before[name] for name in (COUNT, "AnnualRevenue")]


@pytest.mark.proof
def test_an_asset_that_the_project_lacks_stops_its_integration_alone(
    center_on_disk: Center, projects: dict[str, Path], visit: Visit, on_disk: Command, request: pytest.FixtureRequest
) -> None:
    mistyped = {**USAGE, "prefix": "globex", "name": "Contacts", "object": "Contact", "source": {"asset": "marts/usge"}}
    fields = [{"column": "revenue", "field": "WalkMe_NPS_Score__c"}]
    add(projects[GLOBEX], GLOBEX, "mistyped", {**mistyped, "fields": fields})
    request.getfixturevalue("served")
    visit(GLOBEX)
    said = "asset 'marts/usge' is not defined in this code location; the nearest is 'marts/usage'"
    code, out, _ = on_disk("check", "globex_mistyped", "--json")
    assert code == 1
    ((problem,),) = (each["problems"] for each in json.loads(out))
    assert problem.startswith(said)
    console: Console = request.getfixturevalue("console")
    browser: Browser = request.getfixturevalue("browser")
    console.engine.read(30)  # a page waits for Dagster less than a second
    overview = browser.open("/")
    assert said.removeprefix("asset") in overview.text
    assert "Contacts will fail" in overview.text
    code, out, _ = on_disk("run", "globex_mistyped", "--json")
    assert code == 1
    assert json.loads(out)["error"].startswith(said)
    assert center_on_disk.writes() == []
    assert as_json(on_disk("run", "globex_usage_to_leads", "--json"))["rows"] == {"updated": 2}


@pytest.mark.proof
def test_an_integration_of_two_locations_is_not_started(
    center_on_disk: Center, projects: dict[str, Path], visit: Visit, on_disk: Command, request: pytest.FixtureRequest
) -> None:
    add(projects[GLOBEX], GLOBEX, "logins_to_leads", EXAMPLE)
    request.getfixturevalue("served")
    visit(ACME)
    code, _, said = on_disk("run", "logins_to_leads")
    assert code == 1
    assert f"the code locations '{ACME}' and '{GLOBEX}' each have an integration 'logins_to_leads'" in said
    assert "prefix" in said
    assert center_on_disk.writes() == []


def test_a_run_that_needs_the_project_is_refused_without_it(
    center_on_disk: Center, visit: Visit, on_disk: Command
) -> None:
    visit(GLOBEX)
    code, _, said = on_disk("run", "globex_usage_to_leads")
    assert code == 1
    assert "reads the asset marts/usage, which only the Dagster of its project loads" in said
    assert "dg launch --job globex_usage_to_leads --partition" in said
    code, _, said = on_disk("list", "--everywhere")
    assert code == 1
    assert "no Dagster answers that has loaded integrations" in said
    assert center_on_disk.writes() == []


@pytest.mark.proof
def test_the_console_runs_and_undoes_an_integration_with_a_prefix(
    center_on_disk: Center, served: None, visit: Visit, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integration_center.console.lookups.PATIENCE", 60.0)
    visit(GLOBEX)
    console: Console = request.getfixturevalue("console")  # reads the settings when it is made
    browser: Browser = request.getfixturevalue("browser")
    overview = browser.open("/")
    assert "Usage to Leads" in overview.text
    seen = browser.submit(overview, "/integrations/globex_usage_to_leads/run")
    assert "Completed: 2 records were updated." in seen.text
    (sync,) = console.installation.syncs.history("globex_usage_to_leads")
    assert "Usage to Leads" in browser.open("/log").text
    assert "Usage to Leads" in browser.open("/integrations/globex_usage_to_leads").text
    center_on_disk.let_time_pass()
    browser.submit(browser.open(seen.links["Undo …"]), seen.links["Undo …"])
    newest = console.installation.syncs.history("globex_usage_to_leads")[0]
    assert newest.undoes == sync.run_id
    assert newest.counts["lines"] == {"updated": 2}


@pytest.mark.proof
def test_the_console_shows_and_runs_the_integrations_of_other_projects(
    center_on_disk: Center, served: None, visit: Visit, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integration_center.console.lookups.PATIENCE", 60.0)
    visit(ACME)
    console: Console = request.getfixturevalue("console")
    browser: Browser = request.getfixturevalue("browser")
    console.engine.read(30)  # what Dagster has loaded is asked for in the background
    overview = browser.open("/")
    assert "In other projects" in overview.text
    assert "marts/usage → Lead in Sandbox." in overview.text
    seen = browser.submit(overview, "/elsewhere/globex_usage_to_leads/run")
    assert "Completed: 2 records were updated." in seen.text
    assert center_on_disk.lead(PLAIN[0])["AnnualRevenue"] == 9_000_001
    (sync,) = console.installation.syncs.history("globex_usage_to_leads")
    assert "Usage to Leads" in browser.open("/").text
    center_on_disk.let_time_pass()
    browser.submit(browser.open(seen.links["Undo …"]), seen.links["Undo …"])
    assert console.installation.syncs.history("globex_usage_to_leads")[0].undoes == sync.run_id
