"""Channels that nobody answers: each says what happened, in words without its secrets."""

import socket

import pytest
import yaml

from integration_center_tests.alerts.receivers import Mailbox
from integration_center_tests.pipeline.center import Center
from integration_center_tests.pipeline.commands import Command, as_json


def try_channels(center: Center, command: Command, **channels: dict[str, object]) -> tuple[int, dict[str, str]]:
    """What the trial of some channels comes to."""
    file = center.home / "alerts.yaml"
    file.write_text(yaml.safe_dump({"channels": channels}), encoding="utf-8")
    file.chmod(0o600)
    said = command("alerts", "test", "--json")
    return said[0], {row["channel"]: row["result"] for row in as_json(said)}


def mail(port: int, **changes: object) -> dict[str, object]:
    """A channel of mailboxes at a port of this machine."""
    options = {"type": "email", "host": "127.0.0.1", "port": port, "security": "none", "sender": "a@acme.example"}
    return {**options, "to": ["ops@acme.example"], **changes}


@pytest.fixture
def closed() -> int:
    """A port at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def test_servers_that_do_not_listen(center: Center, command: Command, closed: int) -> None:
    code, results = try_channels(
        center,
        command,
        hook={"type": "webhook", "url": f"http://127.0.0.1:{closed}/x", "secret": "whsec_" + "c2VjcmV0" * 4},
        plain=mail(closed),
        tls=mail(closed, security="tls"),
    )
    assert code == 1
    assert results["hook"] == "it does not answer (ConnectError)"
    assert results["plain"] == results["tls"] == "the mail server did not take it (ConnectionRefusedError)"


def test_a_mail_server_without_what_the_channel_wants(center: Center, command: Command, mailbox: Mailbox) -> None:
    """The server offers neither TLS nor sign-in: a message must not leave unprotected or unsigned instead."""
    code, results = try_channels(
        center,
        command,
        starttls=mail(mailbox.port, security="starttls"),
        user=mail(mailbox.port, user="center", password="secret"),
        nobody=mail(mailbox.port, to=[]),
        plain=mail(mailbox.port),
    )
    assert code == 1
    refused = "the mail server did not take it (SMTPNotSupportedError)"
    assert results == {"starttls": refused, "user": refused, "nobody": "sent", "plain": "sent"}
    assert len(mailbox.mails) == 1
