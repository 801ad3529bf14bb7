"""A sender that is killed, at whatever moment, leaves each incident with one opening message."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from integration_center.alerts.delivery import deliver
from integration_center.alerts.places import AlertFile, read_alert_settings
from integration_center.database.incidents import Incidents
from integration_center.installation import open_installation
from integration_center.settings import read_settings
from integration_center_tests.alerts.receivers import Mailbox, Receiver
from integration_center_tests.pipeline.center import Center

CHILD = """
import json, os, signal, sys
from integration_center.alerts import delivery
from integration_center.alerts.channels import send
from integration_center.alerts.channels import build_request
from integration_center.alerts.delivery import deliver
from integration_center.alerts.places import AlertFile, read_alert_settings
from integration_center.database import incidents as store
from integration_center.database.engine import build_engine
from datetime import UTC, datetime
from pathlib import Path

where, home = sys.argv[1], Path(sys.argv[2])
def die(place):
    if place == where:
        os.kill(os.getpid(), signal.SIGKILL)
kept = store.Incidents(build_engine(sys.argv[4]))
content = {"kind": "failed", "title": "t", "text": "x", "advice": "", "links": {}, "owners": []}
kept.begin(store.NewIncident("failed:a", "failed", "a", content, sys.argv[3].split()), datetime.now(UTC))
die("before it is sent")
def sending(channel, message, begin):
    send(channel, message, begin)
    die("before it is noted as sent")
delivery.deliver(kept, read_alert_settings(AlertFile(home)), sending=sending)
"""


@pytest.mark.proof
def test_a_process_that_is_killed_leaves_each_incident_with_one_opening_message(
    alerts: Center, receiver: Receiver, mailbox: Mailbox
) -> None:
    def run(where: str) -> int:
        database = read_settings().database
        command = [sys.executable, "-c", CHILD, where, str(alerts.home), "chat hook mail", database]
        return subprocess.run(command, check=False).returncode

    assert run("before it is sent") == -9
    assert receiver.taken == []
    for _ in range(3):  # one channel after the other
        assert run("before it is noted as sent") == -9
    settings = read_alert_settings(AlertFile(alerts.home))
    assert settings is not None
    with open_installation() as installation:
        store = Incidents(installation.engine)
        for seconds in (31, 62):  # what the dead process had taken is free again
            deliver(store, settings, now=lambda late=seconds: datetime.now(UTC) + timedelta(seconds=late))  # type: ignore[misc]
        assert len(store.open()) == 1
    assert len(receiver.of("/slack")) == 1
    assert len(mailbox.mails) == 1
    taken = receiver.of("/hooks")
    assert len({document["id"] for document in taken}) == 1  # a signed request that comes again has the same id
    assert len(taken) == 2


@pytest.mark.proof
def test_a_sender_that_is_killed_before_its_answer_has_reported_once(alerts: Center, receiver: Receiver) -> None:
    command = [sys.executable, "-c", CHILD, "nowhere", str(alerts.home), "chat pager hook", read_settings().database]
    for _ in range(3):  # one channel after the other
        with subprocess.Popen(command) as sender:

            def kill(moment: str, port: int, sender: subprocess.Popen[bytes] = sender) -> None:
                if moment == "unanswered":
                    sender.kill()
                    sender.wait()

            receiver.notice = kill
        assert sender.returncode == -9
    receiver.notice = lambda moment, port: None
    settings = read_alert_settings(AlertFile(alerts.home))
    assert settings is not None
    with open_installation() as installation:
        deliver(Incidents(installation.engine), settings, now=lambda: datetime.now(UTC) + timedelta(seconds=31))
    assert len(receiver.of("/slack")) == 1
    for path, name in (("/hooks", "id"), ("/v2/enqueue", "dedup_key")):
        first, again = receiver.of(path)
        assert first[name] == again[name]
