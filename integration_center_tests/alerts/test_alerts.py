"""An incident has one message when it begins and one when it ends, even if processes are killed or down in between."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import dagster as dg
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from integration_center.alerts.channels import build_request
from integration_center.alerts.judging import judge_integration
from integration_center.alerts.message import Content, build_message
from integration_center.alerts.places import AlertFile, read_alert_settings
from integration_center.alerts.settings import (
    AlertSettings,
    Kind,
    PagerDuty,
    Slack,
    Teams,
    Thresholds,
)
from integration_center.database.incidents import GIVEN_UP, Incidents
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.errors import ConfigurationError
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.pipeline.starting.alert_watch import Watch
from integration_center.wording.remedies import Said
from integration_center_tests.alerts.receivers import Mailbox, Receiver
from integration_center_tests.alerts.shapes import SHAPES
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import EXAMPLE, PLAIN, Center, email, logins
from integration_center_tests.pipeline.commands import Command, as_json
from integration_center_tests.proofs import examples

SLUG = "logins_to_leads"


def look(center: Center, watch: Watch | None = None) -> int:
    with open_installation() as installation:
        return (watch or Watch(accounts=False)).look(installation, center.instance)


def fail(center: Center) -> str:
    """Let the integration fail: its day has no report."""
    center.integrate(owners=["ann@acme.example", "team:success"])
    return center.run().run_id


def recover(center: Center) -> None:
    center.drop(logins(PLAIN))
    assert center.run().success


@pytest.mark.proof
def test_an_incident_is_reported_once_when_it_begins_and_once_when_it_ends(
    alerts: Center, receiver: Receiver, mailbox: Mailbox
) -> None:
    run_id = fail(alerts)
    assert [look(alerts) for _ in range(3)] == [5, 0, 0]
    fail(alerts)  # the second failure is no other incident
    assert look(alerts) == 0
    (slack,), (teams,), (event,), (hook,) = map(receiver.of, ("/slack", "/teams", "/v2/enqueue", "/hooks"))
    assert slack["text"].startswith("Failed: Logins to Leads (sandbox): The run of")
    assert [block["type"] for block in slack["blocks"]] == ["header", "section", "context"]
    card = teams["attachments"][0]["content"]
    assert (teams["type"], card["type"], card["actions"][0]["type"]) == ("message", "AdaptiveCard", "Action.OpenUrl")
    assert (event["event_action"], event["dedup_key"], event["payload"]["severity"]) == (
        "trigger",
        hook["incident"],
        "error",
    )
    assert hook["type"] == "incident.opened"
    assert hook["links"]["Console"] == f"http://localhost:3001/integrations/{SLUG}/runs/{run_id}"
    (mail,) = mailbox.mails
    assert mail["To"] == "ops@acme.example, ann@acme.example"
    assert parsedate_to_datetime(mail["Date"]) <= datetime.now(UTC)
    assert mail["Message-ID"] == f"<{hook['id']}@integration-center>"
    assert "no data for" in mail.get_payload()

    recover(alerts)
    assert [look(alerts) for _ in range(2)] == [5, 0]
    (_, ended), (_, resolved) = receiver.of("/hooks"), receiver.of("/v2/enqueue")
    assert (ended["type"], ended["incident"]) == ("incident.ended", hook["incident"])
    assert ended["title"] == "Recovered: Failed: Logins to Leads (sandbox)"
    assert (resolved["event_action"], resolved["dedup_key"]) == ("resolve", hook["incident"])
    assert mailbox.mails[1]["In-Reply-To"] == mail["Message-ID"]
    (alerts.home / "drops" / "logins" / f"{YESTERDAY}.csv").unlink()
    fail(alerts)
    assert look(alerts) == 5  # another incident
    assert receiver.refused == 0


@pytest.mark.proof
def test_a_channel_that_is_down_is_tried_again_and_stops_no_other(alerts: Center, receiver: Receiver) -> None:
    receiver.answers = {"/slack": 503, "/hooks": 302}
    fail(alerts)
    assert look(alerts) == 3
    with open_installation() as installation:
        assert sorted(Incidents(installation.engine).unsent()) == [
            ("chat", "it answered 503"),
            ("hook", "it answered 302"),
        ]
    receiver.answers.clear()
    assert look(alerts) == 0  # not at once
    later = Watch(accounts=False, now=lambda: datetime.now(UTC) + timedelta(minutes=1))
    assert look(alerts, later) == 2
    assert len(receiver.of("/slack")) == 1
    receiver.answers = {"/slack": 500}
    recover(alerts)
    assert look(alerts) == 4
    much_later = Watch(accounts=False, now=lambda: datetime.now(UTC) + GIVEN_UP + timedelta(minutes=1))
    assert look(alerts, much_later) == 0
    with open_installation() as installation:
        assert Incidents(installation.engine).unsent() == []


def test_a_channel_that_asks_for_patience_is_left_alone_that_long(alerts: Center, receiver: Receiver) -> None:
    receiver.answers, receiver.retry_after = {"/slack": 429}, "120"
    fail(alerts)
    assert look(alerts) == 4
    receiver.answers, receiver.retry_after = {}, None
    for seconds, sent in ((60, 0), (115, 0), (125, 1)):
        late = timedelta(seconds=seconds)
        assert look(alerts, Watch(accounts=False, now=lambda late=late: datetime.now(UTC) + late)) == sent  # type: ignore[misc]


TEXTS = st.text(max_size=400) | st.sampled_from(["&" * 900, "<!channel>" * 90])


@examples(60)
@given(title=TEXTS, text=TEXTS, advice=TEXTS, ended=st.booleans())
def test_any_text_makes_a_document_of_the_documented_shape(title: str, text: str, advice: str, ended: bool) -> None:
    links = {"Console": "https://console.example/a|b>c", "Dagster": "https://dagster.example"}
    content = Content("failed", f"Failed: {title}", f"The run failed: {text}", advice, links).as_dict()
    message = build_message("i-opened", "i", "failed", content, ended=ended)
    channels: dict[str, Slack | Teams | PagerDuty] = {
        "/slack": Slack(type="slack", url=SecretStr("https://x.example")),
        "/teams": Teams(type="teams", url=SecretStr("https://x.example")),
        "/v2/enqueue": PagerDuty(type="pagerduty", routing_key=SecretStr("R" * 32)),
    }
    for path, channel in channels.items():
        SHAPES[path].model_validate_json(build_request(channel, message)[0])


def test_a_message_holds_no_key_value_or_address(alerts: Center, receiver: Receiver, mailbox: Mailbox) -> None:
    alerts.integrate(limits={"max_changed": "0 %"}, name="Logins of ann@acme.example <b>&*x*")
    alerts.drop(logins(PLAIN, 123456))
    alerts.run()
    look(alerts)
    messages = json.dumps(receiver.taken) + "".join(str(mail) for mail in mailbox.mails)
    assert "integration-center release" in messages
    assert all(email(number) not in messages and str(123456 + number) not in messages for number in PLAIN)
    assert "ann@acme" not in messages
    assert "&lt;b&gt;&amp;" in receiver.of("/slack")[0]["text"]
    assert "\\*x\\*" in receiver.of("/teams")[0]["attachments"][0]["content"]["body"][0]["text"]


def test_channels_receive_what_they_want(alerts: Center, receiver: Receiver) -> None:
    document = yaml.safe_load((alerts.home / "alerts.yaml").read_text())
    document["channels"] = {
        "held": {**document["channels"]["chat"], "kinds": ["held"]},
        "other": {**document["channels"]["team"], "integrations": ["another"]},
        "production": {**document["channels"]["pager"], "environments": ["production"]},
        "all": document["channels"]["hook"],
    }
    (alerts.home / "alerts.yaml").write_text(yaml.safe_dump(document))
    fail(alerts)
    assert look(alerts) == 1
    assert len(receiver.of("/hooks")) == 1


@pytest.mark.proof
def test_an_account_that_salesforce_refuses_is_reported(
    alerts: Center, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    alerts.integrate()
    recover(alerts)
    seconds = 0.0
    watch = Watch(clock=lambda: seconds)
    look(alerts, watch)
    assert receiver.of("/hooks") == []
    alerts.emulator.sandbox.org.sessions.revoke_all()
    monkeypatch.setenv("SALESFORCE_SANDBOX_CLIENT_SECRET", "another")
    assert look(alerts, watch) == 0  # an account is tried every quarter of an hour
    seconds = 1000.0
    assert look(alerts, watch) == 5
    assert receiver.of("/hooks")[0]["title"] == "Account refused: Sandbox"
    monkeypatch.setenv("SALESFORCE_SANDBOX_CLIENT_SECRET", alerts.emulator.sandbox.client_secret)
    seconds = 2000.0
    assert look(alerts, watch) == 5
    assert receiver.of("/hooks")[1]["type"] == "incident.ended"


def test_each_channel_is_tried_by_a_command(alerts: Center, receiver: Receiver, command: Command) -> None:
    code, out, _ = command("alerts", "test", "--json")
    assert code == 0
    assert {row["channel"]: row["result"] for row in json.loads(out)} == dict.fromkeys(
        ("chat", "team", "pager", "hook", "mail"), "sent"
    )
    receiver.answers = {"/slack": 404}
    code, out, _ = command("alerts", "test", "--channel", "chat")
    assert (code, "it answered 404" in out) == (1, True)
    assert "no channel 'nobody'" in command("alerts", "test", "--channel", "nobody")[2]
    (alerts.home / "alerts.yaml").chmod(0o644)
    assert "chmod 600" in command("alerts", "test", "--channel", "team")[2]
    fail(alerts)
    look(alerts)
    (row,) = as_json(command("alerts", "list", "--json"))
    assert (row["kind"], row["slug"]) == ("failed", SLUG)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("channels: {a: {type: slack, url: 'http://hooks.example/T/secret'}}", "https://"),
        ("channels: {a: {type: carrier_pigeon}}", "line 1"),
        ("channels: {a: {type: email, host: x, sender: nobody}}", "sender"),
        ("chanels: {}", "channels"),
        ("- a", ""),
        ("a: [", ""),
    ],
)
def test_what_is_wrong_with_the_file_is_named_without_its_secrets(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "alerts.yaml").write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        read_alert_settings(AlertFile(tmp_path))
    assert said in str(raised.value)
    assert "secret" not in str(raised.value)


def test_the_sensor_of_dagster_looks_and_tells(alerts: Center, receiver: Receiver) -> None:
    fail(alerts)
    repository = alerts.definitions().get_repository_def()
    with dg.build_sensor_context(alerts.instance, repository_def=repository) as context:
        data = repository.get_sensor_def("alerts").evaluate_tick(context)
    assert data.skip_message == "5 messages sent"
    assert receiver.of("/hooks")[0]["kind"] == "failed"


def test_a_run_that_failed_for_another_integration_is_reported(alerts: Center, receiver: Receiver) -> None:
    alerts.integrate()
    alerts.integrate("twin")
    alerts.drop(logins(PLAIN))
    assert not alerts.run("twin").success  # both write the same field
    assert look(alerts) == 5
    assert receiver.of("/hooks")[0]["incident"]
    assert "already written by integration" in receiver.of("/hooks")[0]["text"]


def test_an_integration_whose_file_is_broken_is_reported(alerts: Center, receiver: Receiver) -> None:
    alerts.integrate("not_whole", keys=[])
    minutes = 0
    watch = Watch(accounts=False, now=lambda: datetime.now(UTC) + timedelta(minutes=minutes))
    assert look(alerts, watch) == 0  # somebody may be writing it
    minutes = 6
    look(alerts, watch)
    alerts.integrate("not_whole")
    look(alerts, watch)
    messages = [(each["type"], each["title"]) for each in receiver.of("/hooks") if "not_whole" in each["title"]]
    assert messages == [
        ("incident.opened", "Dagster: not_whole"),
        ("incident.ended", "Recovered: Dagster: not_whole"),
    ]


def test_without_a_file_nothing_is_reported(center: Center) -> None:
    fail(center)
    assert look(center) == 0
    assert read_alert_settings(AlertFile(center.home)) is None
    assert AlertSettings().channels == {}


def sync(status: SyncStatus = SyncStatus.COMPLETED, day: int = 20, held: str | None = None, **rows: int) -> SyncRecord:
    at = datetime(2026, 11, day, 8, 1, tzinfo=UTC)
    counts = {"rows": rows, "lines": rows}
    return SyncRecord(
        *(
            f"r{day}",
            "a",
            "A",
            Environment.SANDBOX,
            "00D",
            "Logins",
            "Lead",
            at.date(),
            at.date(),
            status,
            at,
            at,
            counts,
        ),
        *("p", at, at, "h", held, Said("why") if status is SyncStatus.FAILED else None, 3, "schedule"),
    )


NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
BEFORE = [sync(day=day, updated=40, unchanged=50, unmatched=10) for day in range(19, 9, -1)]


@pytest.mark.parametrize(
    ("last", "kinds"),
    [
        (sync(updated=40, unchanged=50, unmatched=10), []),
        (sync(SyncStatus.FAILED, failed=3), [Kind.FAILED]),
        (sync(SyncStatus.FAILED, held="too many", planned=3), [Kind.HELD]),
        (sync(SyncStatus.WAITING), [Kind.APPROVAL]),
        (sync(updated=40, unchanged=50, failed=8), [Kind.FAILED_ROWS]),
        (sync(updated=40, unchanged=10, unmatched=50), [Kind.MATCH_RATE]),
        (sync(updated=40, unchanged=5), [Kind.UNUSUAL]),
        (sync(updated=400, unchanged=50, unmatched=10), [Kind.UNUSUAL]),
        (sync(updated=0, unchanged=90, unmatched=10), []),
        (sync(SyncStatus.RUNNING), []),
    ],
)
def test_what_is_wrong_with_a_run(last: SyncRecord, kinds: list[Kind]) -> None:
    spec = IntegrationSpec.model_validate(EXAMPLE)
    found = judge_integration(spec, [last, *BEFORE], Thresholds(), NOW, NOW)
    assert [finding.kind for finding in found] == kinds


def test_a_run_that_never_came_is_missed_a_quarter_of_an_hour_later() -> None:
    spec = IntegrationSpec.model_validate(EXAMPLE)
    long_ago = NOW - timedelta(days=30)
    assert judge_integration(spec, BEFORE, Thresholds(), NOW.replace(hour=8, minute=14), long_ago) == []
    (late,) = judge_integration(spec, BEFORE, Thresholds(), NOW.replace(hour=8, minute=16), long_ago)
    assert late.kind is Kind.LATE
    assert judge_integration(spec, BEFORE, Thresholds(), NOW, NOW - timedelta(minutes=30)) == []  # written since
    waits = spec.model_copy(update={"arrive_by": "12:00"})
    assert judge_integration(waits, BEFORE, Thresholds(), NOW, long_ago) == []
    (late,) = judge_integration(waits, BEFORE, Thresholds(), NOW.replace(hour=12, minute=16), long_ago)
    assert "12:00" in late.text
