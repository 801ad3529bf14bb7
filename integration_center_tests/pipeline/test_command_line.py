"""The command line: what it prints for people and programs, and its exit codes."""

import csv
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from dagster import EventLogEntry
from sqlalchemy import event

from integration_center.database.engine import build_engine
from integration_center.errors import ConfigurationError
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.location.launching import run_here
from integration_center.pipeline.planned_events import TOGETHER
from integration_center.settings import read_settings
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, days_before, logins
from integration_center_tests.pipeline.commands import Command, as_json
from salesforce_emulator.refusals import RowError


def test_from_plan_to_ledger(center: Center, command: Command, tmp_path: Path) -> None:
    center.integrate()
    center.drop([*logins(PLAIN), ("=cmd()@nowhere.example", None, None, 1)])

    code, out, _ = command("plan", "logins_to_leads")
    assert code == 0
    assert "Planned" in out
    assert re.search(rf"To be updated +{len(PLAIN)} +{len(PLAIN)}", out)
    assert re.search(rf"{COUNT} .*→ +{7 + PLAIN[0]}\b", out)
    assert center.writes() == []

    code, out, _ = command("run", "logins_to_leads", "--json")
    assert code == 0
    ran = json.loads(out)
    assert ran["rows"] == {"updated": len(PLAIN), "unmatched": 1}
    assert (ran["status"], ran["partition"]) == ("Completed", str(YESTERDAY))

    history = as_json(command("log", "--json"))
    assert [line["status"] for line in history] == ["Completed", "Planned"]
    assert history[0]["run_id"] == ran["run_id"]
    assert history[0]["triggered_by"] == "command line"
    assert history[0]["runtime_seconds"] > 0

    target = tmp_path / "ledger.csv"
    target.touch(mode=0o644)
    code, _, _ = command("ledger", ran["run_id"][:8], "--csv", str(target))
    assert code == 0
    with target.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["outcome"] for line in lines] == ["updated"] * len(PLAIN) + ["unmatched"]
    assert lines[-1]["key"] == "'=cmd()@nowhere.example"
    assert target.stat().st_mode & 0o777 == 0o600
    (unmatched,) = as_json(command("ledger", ran["run_id"], "--outcome", "unmatched", "--json"))
    assert (unmatched["row"], lines[0]["row"]) == (len(PLAIN) + 2, "2"), "as a spreadsheet counts: row 1 is the header"


def test_a_push_that_the_org_stops_says_why(center: Center, command: Command) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    body = '[{"errorCode": "TRANSACTION_SECURITY_BLOCK", "message": "blocked"}]'
    center.emulator.sandbox.faults.respond(
        403, "*/composite/sobjects", times=None, body=body, content_type="application/json"
    )
    code, out, _ = command("run", "logins_to_leads")
    assert code == 1
    assert f"{len(PLAIN)} records were not reached" in out
    assert "the connected user may not do this (TRANSACTION_SECURITY_BLOCK)" in out
    (line,) = as_json(command("log", "--json"))
    why = "not reached before the push stopped: the connected user may not do this (TRANSACTION_SECURITY_BLOCK)"
    assert line["error"].endswith(f"{len(PLAIN)} {why}")


def test_a_failed_run_exits_with_one_and_its_reason(center: Center, command: Command) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    center.emulator.sandbox.faults.fail_rows(center.leads(), RowError("CUSTOM_ERROR", "no"))
    code, out, _ = command("run", "logins_to_leads")
    assert code == 1
    assert f"{len(PLAIN)} of {len(PLAIN)} records went wrong (100.0 %; at most 10 % may): {len(PLAIN)} refused" in out


def test_errors_before_the_plan_are_reported(center: Center, command: Command) -> None:
    center.integrate()
    center.drop(logins(PLAIN[:1]), day=days_before(3))
    for verb in ("plan", "run"):
        code, out, error = command(verb, "logins_to_leads")
        assert code == 1
        assert f"no data for {YESTERDAY}; the newest is {days_before(3)}" in out, error


def test_list_and_check(center: Center, command: Command) -> None:
    center.integrate()
    fields = [{"column": "# Logins Last 30 Days", "field": "Logins_of_30_Days__c"}]
    center.integrate("no_field", fields=fields)
    center.write("broken", "type: [")
    center.drop(logins(PLAIN))

    code, out, _ = command("list", "--json")
    listed = {row["slug"]: row for row in json.loads(out)}
    assert code == 0
    assert listed.keys() == {"logins_to_leads", "no_field", "broken"}
    assert listed["logins_to_leads"]["error"] is None
    assert str(center.defs / "broken" / "defs.yaml") in listed["broken"]["error"]

    assert command("check", "logins_to_leads")[0] == 0
    code, out, _ = command("check", "no_field")
    assert code == 1
    assert "Lead.Logins_of_30_Days__c is missing" in out
    assert "API name: Logins_of_30_Days__c, type: Number(18, 0)" in out
    assert center.emulator.sandbox.org.profile.username in out
    code, out, _ = command("check")
    assert code == 1
    assert re.findall(r"^(sound|broken) +(\w+)", out, re.MULTILINE) == [
        ("broken", "broken"),
        ("sound", "logins_to_leads"),
        ("broken", "no_field"),
    ]
    assert center.writes() == []


def test_check_sees_the_columns_as_a_run_will(center: Center, command: Command) -> None:
    """What all values of a column look like refuses a mapping that can never fit; its other readers change nothing."""
    factor = {"column": "# Logins Last 30 Days", "field": "WalkMe_NPS_Comment__c", "factor": 2}
    center.integrate(fields=[factor])
    center.integrate("by_count", keys=[{"column": "# Logins Last 30 Days", "field": "Company"}], enabled=False)
    center.drop(logins(PLAIN))
    assert command("check", "logins_to_leads")[0] == 0

    center.integrate(fields=[{**factor, "column": "Last Login"}])
    code, out, _ = command("check", "logins_to_leads")
    assert code == 1
    assert "column 'Last Login' holds no numbers" in out
    run = center.run()
    assert not run.success
    assert "column 'Last Login' holds no numbers" in (center.sync(run).error or "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "nonsense"], "there is no integration 'nonsense'; there are 'logins_to_leads'"),
        (["check", "nonsense"], "there is no integration 'nonsense'"),
        (["run", "logins_to_leads", "--partition", "yesterday"], "'yesterday' must be a UTC day"),
        (["plan", "logins_to_leads", "--partition", "2999-01-01"], "the last UTC day that has ended"),
        (["run", "logins_to_leads", "--partition", "2025-02-03..2025-02-01"], "the first day is after the last"),
        (["run", "logins_to_leads", "--dry-run"], "No such option"),
        (["ledger", "x", "--outcome", "lost"], "'lost'"),
        (["log", "--limit", "ten"], "Invalid value for '--limit': it must be a whole number"),
        (["log", "--limit", "0"], "Invalid value for '--limit': it must be at least 1"),
        (["emulator", "--records", "9000000"], "Invalid value for '--records': it may be at most 2,000,000"),
        (["fly"], "No such command 'fly'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_exits_with_two(center: Center, command: Command, arguments: list[str], said: str) -> None:
    center.integrate()
    code, _, error = command(*arguments)
    assert code == 2
    assert said in error


def test_errors_are_printed_as_they_are(center: Center, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Brackets in a path are no markup."""
    center.integrate()
    monkeypatch.setenv("WALKME_FILES_ROOT", "/drops/[red]/[/]")
    code, _, error = command("reports")
    assert code == 1
    assert "/drops/[red]/[/]" in error
    assert command("ledger", "nonsense")[0] == 1


@pytest.mark.proof
def test_a_jwt_account_syncs_and_renews_its_token_by_itself(
    center: Center, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    org = center.emulator.sandbox.org
    monkeypatch.setattr(org.app, "jwt_certificate", public)
    monkeypatch.delenv("SALESFORCE_SANDBOX_CLIENT_SECRET")
    pem = tmp_path / "app.pem"
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    connect = ("connect", "sandbox", "--flow", "jwt", "--key-file", str(pem), "--username")
    code, _, err = command(*connect, "nobody@acme.example")
    assert code == 1
    assert "the user has not approved the External Client App" in err
    code, out, _ = command(*connect, org.profile.username)
    assert code == 0
    assert f"as {org.profile.username}" in " ".join(out.split())
    pem.unlink()  # kept encrypted, beside the account

    center.integrate()
    center.drop(logins(PLAIN))
    org.sessions.expire_access()
    assert as_json(command("run", "logins_to_leads", "--json"))["rows"] == {"updated": len(PLAIN)}
    (account,) = as_json(command("accounts", "--json"))
    assert (account["flow"], account["username"]) == ("jwt", org.profile.username)


@pytest.mark.parametrize(
    ("content", "expected"), [(b"\xff\x00", "not an RSA private key in PEM"), (None, "is a directory")]
)
def test_a_key_file_that_is_none_is_refused(
    center: Center, command: Command, tmp_path: Path, content: bytes | None, expected: str
) -> None:
    path = tmp_path
    if content is not None:
        path = tmp_path / "app.pem"
        path.write_bytes(content)
    code, _, err = command(
        "connect", "sandbox", "--flow", "jwt", "--username", "ann@acme.example", "--key-file", str(path)
    )
    assert code != 0
    assert expected in err


def test_the_version_is_reported_before_anything_heavy_is_imported() -> None:
    program = "import sys\nfrom integration_center.cli import main\nmain()\nassert 'dagster' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"integration-center {version('integration-center')}\n"


def test_a_command_announces_what_its_run_makes_at_once_and_opens_our_database_once(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    center.integrate()
    center.drop(logins([1]))
    assert command("accounts")[0] == 0
    for name in TOGETHER:
        monkeypatch.delenv(name)
    announced: list[int] = []
    storage = center.instance.event_log_storage
    store = storage.store_event_batch

    def count(events: Sequence[EventLogEntry]) -> None:
        announced.append(len(events))
        store(events)

    monkeypatch.setattr(storage, "store_event_batch", count)
    engine, opened = build_engine(read_settings().database), list[object]()
    event.listen(engine, "connect", lambda *arguments: opened.append(arguments))
    assert command("run", "logins_to_leads")[0] == 0
    assert announced == [14]
    assert engine.dialect.name != "sqlite" or len(opened) <= 4  # one a thread; without a block there were 60


def test_a_run_keeps_the_settings_that_it_began_with(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    center.integrate()
    center.drop(logins([1]))
    settings = read_settings()
    monkeypatch.setenv("INTEGRATION_CENTER_API_RESERVE", "much")
    _, succeeded = run_here(RunRequest("logins_to_leads", (YESTERDAY, YESTERDAY), {}), settings, center.instance)
    assert succeeded
    with pytest.raises(ConfigurationError, match="INTEGRATION_CENTER_API_RESERVE"):
        read_settings()
