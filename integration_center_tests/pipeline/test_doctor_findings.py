"""What the doctor says of schedules, clocks, rights, reports, and of a bundle that it cannot write."""

from pathlib import Path
from typing import Any

import pytest

from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, FIRST, LAST, PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command, as_json


def ask(command: Command) -> list[tuple[str, str, str, str]]:
    """Area, state, text and advice of all that the doctor found."""
    rows: list[dict[str, Any]] = as_json(command("doctor", "--json"))
    return [(row["area"], row["state"], row["text"], row["advice"]) for row in rows]


def test_how_each_integration_starts_is_said(center: Center, command: Command) -> None:
    center.integrate(paused_until="2999-01-01", fields=[{"column": "First Login", "field": FIRST}])
    center.integrate("second", name="Second", after="logins_to_leads", fields=[{"column": "Last Login", "field": LAST}])
    usage = {"source": {"asset": "marts/usage"}, "report": None, "automation": "eager"}
    center.integrate("third", name="Third", **usage, fields=[{"column": "logins", "field": COUNT}])
    center.integrate("off", enabled=False)
    center.drop(logins(PLAIN))
    said = {text.partition(":")[0]: text for area, _, text, _ in ask(command) if area == "schedules"}
    assert said.keys() == {"Logins to Leads", "Second", "Third"}
    assert said["Logins to Leads"].endswith("UTC (paused until 2999-01-01).")
    assert "after each completed run of Logins to Leads" in said["Second"]
    assert "by the condition eager" in said["Third"]


def test_a_clock_that_is_off_hidden_keys_and_a_report_without_days(center: Center, command: Command) -> None:
    center.integrate()
    center.integrate("nps", report="NPS", fields=[{"column": "Score", "field": "WalkMe_NPS_Score__c"}])
    center.drop(logins(PLAIN))
    center.emulator.sandbox.clock.advance(7200)
    center.emulator.sandbox.org.schema.hide("Lead", "Email")
    found = ask(command)
    (clock,) = [each for each in found if each[0] == "clock"]
    assert clock[1] == "warning"
    assert "s away from Sandbox's" in clock[2]
    assert "by NTP" in clock[3]
    problems = {text: advice for _, state, text, advice in found if state == "problem"}
    assert "Logins to Leads: the account may not see the key Email of Lead." in problems
    assert "integration-center check" in problems["Logins to Leads: the account may not see the key Email of Lead."]
    assert problems["NPS: there is no day at all."] == "Look whether WalkMe delivers it, and where to."
    assert ("reports", "ok", f"Logins Review: the newest day is {YESTERDAY}.", "") in found


def test_nothing_switched_on_needs_no_account(center: Center, command: Command) -> None:
    center.integrate(enabled=False)
    assert ("accounts", "ok", "No integration is switched on, so no account is needed.", "") in ask(command)


@pytest.mark.parametrize("setting", ["", "many"])
def test_a_bundle_that_was_not_written_is_not_called_written(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, setting: str
) -> None:
    place = tmp_path / "bundle.zip" if setting else tmp_path / "missing" / "bundle.zip"
    if setting:
        monkeypatch.setenv("INTEGRATION_CENTER_API_RESERVE", setting)
    code, out, _ = command("doctor", "--bundle", str(place))
    assert code == 1
    assert not place.exists()
    assert "Written to" not in out
    assert ("INTEGRATION_CENTER_API_RESERVE" if setting else f"--bundle {place}") in out
