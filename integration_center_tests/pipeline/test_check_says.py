"""`check` of what cannot be looked at: assets that no run has read, reports without a day, orgs that do not answer."""

import pytest
import stamina

from integration_center_tests.pipeline.center import COUNT, HEADER, PLAIN, Center, email, logins
from integration_center_tests.pipeline.commands import Command, as_json
from integration_center_tests.pipeline.test_source_assets import SLUG, SPEC, build_project, run_all, usage


@pytest.mark.proof
def test_an_asset_is_checked_by_the_rows_that_the_newest_run_read(center: Center, command: Command) -> None:
    center.integrate(SLUG, **SPEC, report=None)
    code, out, _ = command("check", SLUG)
    assert code == 1
    assert out.startswith(f"not checked  {SLUG}")
    assert f"asset 'marts/usage' was not read yet; materialize {SLUG}/update_set once, then check again" in out
    run = run_all(center, build_project(usage))
    assert run.success, run.error
    code, out, error = command("check", SLUG)
    assert (code, out.splitlines()[0]) == (0, f"sound  {SLUG}"), out + error
    center.integrate(SLUG, **{**SPEC, "fields": [{"column": "log ins", "field": COUNT}]}, report=None)
    code, out, _ = command("check", SLUG)
    assert code == 1
    assert "'log ins'" in out


def test_a_report_without_any_day(center: Center, command: Command) -> None:
    center.integrate()
    (found,) = as_json(command("check", "--json"))
    assert found["verdict"] == "broken"
    assert found["problems"] == ["report 'Logins Review' has no data yet, so its columns are not known"]


def test_an_org_that_does_not_answer_makes_nothing_broken(center: Center, command: Command) -> None:
    center.integrate()
    center.write("broken", "type: [")
    center.drop(logins(PLAIN))
    center.emulator.sandbox.faults.respond(503, times=None)
    center.emulator.sandbox.calls.clear()
    with stamina.set_testing(True, attempts=1):  # no waits
        code, out, _ = command("check")
        asked = len(center.emulator.sandbox.calls.find())
        center.integrate("second", object="Contact", fields=[{"column": "Last Login", "field": "Title"}])
        center.emulator.sandbox.calls.clear()
        command("check")
        assert len(center.emulator.sandbox.calls.find()) == asked, "an org that is away is not asked for each again"
        (center.defs / "second" / "defs.yaml").unlink()
        found = {each["slug"]: each for each in as_json(command("check", "--json"))}
    assert code == 1
    assert [line.split("  ")[0] for line in out.splitlines() if line.endswith(("logins_to_leads", "broken"))] == [
        "broken",
        "not checked",
    ]
    assert "Rights in Sandbox that are not known:" in out
    assert found["logins_to_leads"]["rights"]["unknown"]
    assert found["logins_to_leads"]["fires"] is None
    assert (found["broken"]["rights"], found["broken"]["verdict"]) == (None, "broken")


def test_what_was_found_without_a_declaration_is_a_note(center: Center, command: Command) -> None:
    center.integrate()
    folder = center.home / "drops" / "logins"
    center.drop([])
    rows = [";".join(HEADER), *(f"{email(number)};2026-01-01 08:00:00;2026-10-02 09:30:15;7" for number in PLAIN)]
    next(folder.glob("*.csv")).write_text("\n".join([*rows, rows[-1]]), encoding="utf-8")
    code, out, error = command("check", "logins_to_leads")
    assert code == 0, out + error
    notes = [line for line in out.splitlines() if line.startswith("  note: ")]
    assert any(note.endswith("cells are separated by semicolons") for note in notes), out
    found = as_json(command("check", "--json"))[0]
    assert notes == [f"  note: {said}" for said in (*found["warnings"], *found["notes"])]


@pytest.mark.sampled
@pytest.mark.parametrize("options", [(), ("--json",), ("--markdown",)])
def test_a_plan_of_all_shows_each_and_why_one_has_none(
    center: Center, command: Command, options: tuple[str, ...]
) -> None:
    center.integrate()
    center.integrate("nps", report="NPS", fields=[{"column": "Score", "field": "WalkMe_NPS_Score__c"}])
    center.drop(logins(PLAIN))
    said = command("plan", "--all", *options)
    assert said[0] == 1
    if "--json" in options:
        found = {each["slug"]: each for each in as_json(said)}
        assert found["logins_to_leads"]["problem"] is None
        assert found["logins_to_leads"]["status"] == "Planned"
        assert {change["field"] for change in found["logins_to_leads"]["changes"]} >= {COUNT}
        assert "no data" in found["nps"]["problem"]
        assert found["nps"]["changes"] == []
    else:
        assert "no data" in said[1]
        assert ("| planned | " if options else "Planned  logins_to_leads") in said[1]
    assert center.writes() == []


@pytest.mark.parametrize("options", [(), ("--markdown",)])
def test_a_plan_of_nothing_says_so(center: Center, command: Command, options: tuple[str, ...]) -> None:
    code, out, _ = command("plan", "--all", *options)
    assert code == 0
    assert "No integration changed." in out


def test_integrations_of_the_database_have_no_commit(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTEGRATION_CENTER_DEFS", "database")
    code, _, error = command("plan", "--all", "--changed-since", "HEAD")
    assert code == 1
    assert "integrations are kept in the database here; leave it out" in error
