"""Integrations in the database: what the command line does with them, and which revision a run executes."""

from pathlib import Path

import pytest
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.origin import JobPythonOrigin
from dagster._grpc.impl import core_execute_run
from dagster._utils.hosted_user_process import recon_job_from_origin

from integration_center.access.audit import Action
from integration_center.database.engine import build_engine
from integration_center.database.integration_texts import IntegrationTexts
from integration_center.installation import open_installation
from integration_center.integration_files.folder import DefsFolder
from integration_center.integration_files.places import DatabasePlace
from integration_center.pipeline.judging import judge_with_dagster
from integration_center.pipeline.names import REVISION_TAG
from integration_center.settings import read_settings
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, EXAMPLE, FIRST, LAST, PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command, as_json, build_command
from integration_center_tests.pipeline.graphql import GraphQL, open_graphql
from salesforce_emulator.refusals import RowError

ONLY_COUNT = [{"column": "# Logins Last 30 Days", "field": COUNT}]


def keep_in_database(center: Center, monkeypatch: pytest.MonkeyPatch, command: Command) -> None:
    """Move the integrations of the folder into the database."""
    monkeypatch.setenv("INTEGRATION_CENTER_DEFS", "database")
    code, said, error = command("import", str(center.defs))
    assert code == 0, error
    assert "1 created, 0 changed, 0 unchanged, 0 refused." in said


def open_elsewhere(folder: Path) -> DefsFolder:
    """Open the integrations on another host."""
    place = DatabasePlace(IntegrationTexts(build_engine(read_settings().database)), folder)
    return DefsFolder(place, judge_with_dagster)


def queue(graphql: GraphQL, slug: str = "logins_to_leads") -> str:
    """Queue a run, and return its id."""
    answer = graphql.queue(slug, {}, {"dagster/partition": YESTERDAY.isoformat()})
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return str(answer["run"]["runId"])


def execute(graphql: GraphQL, run_id: str) -> None:
    """Execute a queued run the way the process of any run launcher does."""
    instance = graphql.workspace.instance
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert isinstance(run.job_code_origin, JobPythonOrigin)
    starting = DagsterEvent(DagsterEventType.PIPELINE_STARTING.value, run.job_name)
    instance.report_dagster_event(starting, run_id)
    list(core_execute_run(recon_job_from_origin(run.job_code_origin), run, instance, inject_env_vars=False))
    ended = instance.get_run_by_id(run_id)
    assert ended is not None
    assert ended.is_success


@pytest.mark.proof
def test_a_run_executes_the_revision_that_it_was_queued_with(
    center_on_disk: Center, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    center = center_on_disk
    center.integrate(fields=ONLY_COUNT)
    center.drop(logins(PLAIN))
    keep_in_database(center, monkeypatch, build_command(monkeypatch, capsys))
    first = center.lead(PLAIN[0])[FIRST]
    elsewhere = open_elsewhere(tmp_path / "elsewhere")
    config = center.home / "dagster.yaml"
    unchanged = config.read_text()
    with open_graphql(center) as graphql:
        early = queue(graphql)
        before = elsewhere.read("logins_to_leads")
        changed = before.text.replace(COUNT, FIRST).replace("# Logins Last 30 Days", "First Login")
        elsewhere.save_text(before, changed, by="anna")
        execute(graphql, early)
        assert center.lead(PLAIN[0])[COUNT] == 7 + PLAIN[0]
        assert center.lead(PLAIN[0])[FIRST] == first
        run = graphql.workspace.instance.get_run_by_id(early)
        assert run is not None
        assert run.tags[REVISION_TAG] == "1"
    config.write_text(unchanged)
    with open_graphql(center) as graphql:
        late = graphql.workspace.instance.get_run_by_id(queue(graphql))
        assert late is not None
        assert late.tags[REVISION_TAG] == "2"


def test_the_audit_log_has_before_and_after_of_edits_at_the_command_line(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate()
    keep_in_database(center, monkeypatch, command)
    center.integrate(name="Renamed", limits={"max_changed": 20})
    assert "1 changed" in command("import", str(center.defs))[1]
    monkeypatch.setenv("EDITOR", "sed -i 's/Renamed/Edited/'")
    assert command("edit", "logins_to_leads")[0] == 0
    with open_installation() as installation:
        details = [each.detail for each in installation.audit.list() if each.action is Action.CHANGED]
    assert details == [
        "Name from Renamed to Edited",
        "Name from Logins to Leads to Renamed; Held when more records would change from none to 20 %",
    ]


def test_the_command_line_lists_runs_exports_and_tells_the_history(
    center: Center, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    keep_in_database(center, monkeypatch, command)
    assert [row["slug"] for row in as_json(command("list", "--json"))] == ["logins_to_leads"]
    assert command("run", "logins_to_leads", "--quiet")[0] == 0
    assert center.lead(PLAIN[0])[COUNT] == 7 + PLAIN[0]

    center.integrate(name="Renamed")
    assert "0 created, 1 changed" in command("import", str(center.defs))[1]
    assert "0 created, 0 changed, 1 unchanged" in command("import", str(center.defs))[1]
    history = as_json(command("changes", "logins_to_leads", "--json"))
    assert [(row["revision"], row["action"]) for row in history] == [(2, "changed"), (1, "created")]
    assert history[0]["before"] == history[1]["after"]
    code, said, _ = command("changes", "logins_to_leads")
    assert code == 0
    assert "-  name: Logins to Leads" in said
    assert "+  name: Renamed" in said
    assert "\n\nRevision 2\n" in said

    assert "1 written, 0 unchanged" in command("export", str(tmp_path / "git"))[1]
    exported = (tmp_path / "git" / "logins_to_leads" / "defs.yaml").read_text()
    assert exported == (center.defs / "logins_to_leads" / "defs.yaml").read_text()
    assert "0 written, 1 unchanged" in command("export", str(tmp_path / "git"))[1]


@pytest.mark.proof
def test_failed_records_are_tried_again_and_git_is_not_asked(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate(limits={"max_failed": "100 %"})
    center.drop(logins(PLAIN))
    keep_in_database(center, monkeypatch, command)
    faults = center.emulator.sandbox.faults
    faults.fail_rows([center.lead(PLAIN[0])["Id"]], RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no"))
    failed = center.run()
    faults.clear()
    center.let_time_pass()
    assert as_json(command("retry", failed.run_id, "--json"))["lines"] == {"updated": 1}
    code, _, error = command("plan", "--all", "--changed-since", "HEAD")
    assert code == 1
    assert "--changed-since compares with git, and integrations are kept in the database here" in error
    code, said, _ = command("changes", "nowhere")
    assert code == 0
    assert "The database has no integration 'nowhere', and never had one." in said


def test_what_cannot_be_imported_is_named_and_stops_nothing_else(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate()
    center.integrate("rival", name="Rival")
    center.write("broken", "type: nothing")
    monkeypatch.setenv("INTEGRATION_CENTER_DEFS", "database")
    code, said, error = command("import", str(center.defs))
    assert code == 1
    assert "1 created, 0 changed, 0 unchanged, 2 refused." in said
    assert "broken: it is broken" in error
    assert "rival: " in error
    assert command("import", str(center.home / "nowhere"))[0] == 1
    (center.home / "empty").mkdir()
    assert "holds no integration" in command("import", str(center.home / "empty"))[2]


def test_an_import_does_not_depend_on_the_order_of_names(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate("a_follows", name="Follows", after="b_starts", fields=ONLY_COUNT)
    center.integrate("b_starts", name="Starts", fields=[{"column": "First Login", "field": FIRST}])
    monkeypatch.setenv("INTEGRATION_CENTER_DEFS", "database")
    assert "2 created, 0 changed, 0 unchanged, 0 refused." in command("import", str(center.defs))[1]
    center.integrate("a_follows", name="Follows", fields=[{"column": "First Login", "field": FIRST}])
    center.integrate("b_starts", name="Starts", fields=[{"column": "Last Login", "field": LAST}])
    assert "0 created, 2 changed, 0 unchanged, 0 refused." in command("import", str(center.defs))[1]


def test_an_editor_saves_what_it_leaves_and_only_what_is_an_integration(
    center: Center, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate()
    keep_in_database(center, monkeypatch, command)
    editor = tmp_path / "editor.sh"
    monkeypatch.setenv("EDITOR", str(editor))

    def edit(script: str) -> tuple[int, str, str]:
        editor.write_text(f"#!/bin/sh\n{script}\n")
        editor.chmod(0o755)
        return command("edit", "logins_to_leads")

    assert "Nothing was changed" in edit("true")[1]
    assert "logins_to_leads is saved" in edit(f"sed -i 's/{EXAMPLE['name']}/Edited/' $1")[1]
    assert [row["name"] for row in as_json(command("list", "--json"))] == ["Edited"]
    monkeypatch.setattr("typer.confirm", lambda *arguments, **options: False)
    code, _, error = edit("echo 'type: nothing' > $1")
    assert code == 1
    assert "was not saved" in error
    assert [row["name"] for row in as_json(command("list", "--json"))] == ["Edited"]


def test_integrations_of_a_checkout_are_changed_in_git_only(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate()
    before = (center.defs / "logins_to_leads" / "defs.yaml").read_text()
    monkeypatch.setenv("INTEGRATION_CENTER_DEFS_READ_ONLY", "true")
    assert command("list")[0] == 0
    for verb in (("new",), ("import", str(center.home))):
        code, _, error = command(*verb)
        assert (code, "kept in git" in error) == (1, True)
    monkeypatch.setenv("EDITOR", f"sed -i 's/{EXAMPLE['name']}/Edited/'")
    monkeypatch.setattr("typer.confirm", lambda *arguments, **options: False)
    code, _, error = command("edit", "logins_to_leads")
    assert code == 1
    assert "kept in git" in error
    assert (center.defs / "logins_to_leads" / "defs.yaml").read_text() == before
    assert "history of its own" in command("changes", "logins_to_leads")[2]
