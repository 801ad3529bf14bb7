"""The doctor looks at everything, says what to do, and packs what support needs."""

import json
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (  # not public: the state of schedules
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._daemon.types import DaemonHeartbeat  # not public: what a running daemon leaves behind

from integration_center.pipeline.starting.alert_watch import find_silent_parts
from integration_center.settings import Settings
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import PLAIN, Center, days_before, email, logins
from integration_center_tests.pipeline.commands import Command, as_json, build_command

AREAS = {
    *("versions", "settings", "database", "storage", "disk", "certificates", "integrations", "dagster", "schedules"),
    *("reports", "accounts", "clock", "alerts"),
}


def ask(command: Command, *options: str) -> dict[str, list[dict[str, Any]]]:
    """What the doctor found, by area."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in as_json(command("doctor", "--json", *options)):
        found.setdefault(row["area"], []).append(row)
    return found


def texts(rows: list[dict[str, Any]], state: str) -> str:
    return " ".join(row["text"] for row in rows if row["state"] == state)


def test_a_schedule_that_is_off_in_the_location_of_another_project_is_seen(
    center_on_disk: Center, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    center_on_disk.integrate()
    for location, name, status in (
        ("acme_data", "weekly_retention", InstigatorStatus.DECLARED_IN_CODE),
        ("acme_data", "daily_sync", InstigatorStatus.STOPPED),
    ):
        target = LoadableTargetOrigin(module_name=location)
        repository = RemoteRepositoryOrigin(InProcessCodeLocationOrigin(target, location_name=location), "all")
        origin, about = RemoteInstigatorOrigin(repository, name), ScheduleInstigatorData("0 8 * * *")
        center_on_disk.instance.add_instigator_state(InstigatorState(origin, InstigatorType.SCHEDULE, status, about))
    found = ask(build_command(monkeypatch, capsys))
    assert "Logins to Leads: what starts it is switched off in Dagster." in texts(found["schedules"], "problem")


def test_everything_is_looked_at_and_what_is_wrong_has_an_advice(center: Center, command: Command) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    found = ask(command)
    assert found.keys() == AREAS
    wrong = [row for rows in found.values() for row in rows if row["state"] != "ok"]
    assert {row["area"] for row in wrong} <= {"dagster", "disk", "alerts"}
    assert all(row["advice"] for row in wrong)
    assert "Dagster's daemon does not run" in texts(found["dagster"], "problem")
    assert f"Logins Review: the newest day is {YESTERDAY}." in texts(found["reports"], "ok")
    assert "Logins to Leads: next at" in texts(found["schedules"], "ok")
    assert "API calls are left" in texts(found["accounts"], "ok")
    code, out, _ = command("doctor")
    assert (code, "At a terminal: integration-center up" in out) == (1, True)


def test_what_is_broken_is_named(center: Center, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    center.integrate(arrive_by="12:00", fields=[{"column": "First Login", "field": "Nothing__c"}])
    center.integrate("to_production", environment="production", report="nobody")
    center.write("broken", "type: integration_center.Integration\nattributes: {}")
    center.drop(logins(PLAIN), days_before(4))
    (center.home / "alerts.yaml").write_text("channels: {a: {type: pigeon}}")
    found = ask(command)
    assert "broken is broken" in texts(found["integrations"], "problem")
    assert "may not write Nothing__c of Lead" in texts(found["accounts"], "problem")
    assert "Production is not connected" in texts(found["accounts"], "problem")
    assert "nobody" in texts(found["reports"], "problem")
    assert "is expected" in texts(found["reports"], "warning")
    assert "alerts.yaml" in texts(found["alerts"], "problem")
    assert "Logins to Leads: next at" in texts(found["schedules"], "ok")
    monkeypatch.setenv("INTEGRATION_CENTER_API_RESERVE", "many")
    assert "INTEGRATION_CENTER_API_RESERVE" in texts(ask(command)["settings"], "problem")


def test_an_org_that_does_not_answer_is_named_once(center: Center, command: Command) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    center.emulator.sandbox.faults.respond(503, times=None)
    (warned,) = [row for row in ask(command)["accounts"] if row["state"] != "ok"]
    assert warned["text"].startswith("Sandbox: ")
    assert warned["state"] == "warning"


def test_a_daemon_that_does_not_run_is_one_incident(center_on_disk: Center) -> None:
    instance = center_on_disk.instance

    def record(part: str) -> None:
        instance.add_daemon_heartbeat(DaemonHeartbeat(now.timestamp(), part, None, []))

    now = datetime.now(UTC)
    assert [wrong.subject for wrong in find_silent_parts(instance, now)] == ["daemon"]
    first, *others = sorted(instance.get_required_daemon_types())
    record(first)
    (silent,) = find_silent_parts(instance, now)
    assert (silent.subject, "looks for new reports and ended runs" in silent.finding.text) == ("daemon", True)
    assert not any(part in silent.finding.text for part in others)
    for part in others[1:]:
        record(part)
    (silent,) = find_silent_parts(instance, now)
    assert (silent.subject, "1 part" in silent.finding.text) == ("daemon", False)
    record(others[0])
    assert find_silent_parts(instance, now) == []


@pytest.mark.sqlite
def test_a_bundle_holds_no_secret_and_no_personal_data(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate(owners=["ann@acme.example"], where="Company != 'Secret Inc'")
    center.drop(logins(PLAIN))
    center.run()
    place = center.home / "bundle.zip"
    command("doctor", "--bundle", str(place))
    assert place.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(place) as archive:
        held = {name: archive.read(name).decode() for name in archive.namelist()}
    assert set(held) == {"doctor.json", "settings.json", "integrations.json", "runs.json"}
    secrets = [center.emulator.sandbox.client_secret, (center.home / "secret.key").read_text().strip()]
    together = "".join(held.values())
    for hidden in (*secrets, "ann@acme", "Secret Inc", *(email(number) for number in PLAIN)):
        assert hidden not in together
    assert json.loads(held["settings.json"]).keys() == {field.alias for field in Settings.model_fields.values()}
    assert json.loads(held["runs.json"])[0]["status"] == "Completed"
