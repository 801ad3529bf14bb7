"""The installation of the pipeline's tests, and receivers of its alerts."""

from collections.abc import Iterator

import pytest
import yaml

from integration_center_tests.alerts.receivers import SECRET, Mailbox, Receiver, receiving, receiving_mail
from integration_center_tests.pipeline.center import Center
from integration_center_tests.pipeline.conftest import (
    center,
    command,
    connect,
    history_in_memory,
    home,
)

__all__ = ["center", "command", "connect", "history_in_memory", "home"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with receiving_mail() as mailbox:
        yield mailbox


@pytest.fixture
def alerts(center: Center, receiver: Receiver, mailbox: Mailbox) -> Center:
    """An installation that alerts all kinds of channels."""
    channels = {
        "chat": {"type": "slack", "url": f"{receiver.url}/slack"},
        "team": {"type": "teams", "url": f"{receiver.url}/teams"},
        "pager": {"type": "pagerduty", "routing_key": "R" * 32, "url": f"{receiver.url}/v2/enqueue"},
        "hook": {"type": "webhook", "url": f"{receiver.url}/hooks", "secret": SECRET},
        "mail": {
            "type": "email",
            "host": "127.0.0.1",
            "port": mailbox.port,
            "security": "none",
            "sender": "center@acme.example",
            "to": ["ops@acme.example"],
        },
    }
    (center.home / "alerts.yaml").write_text(yaml.safe_dump({"channels": channels}), encoding="utf-8")
    (center.home / "alerts.yaml").chmod(0o600)
    return center
