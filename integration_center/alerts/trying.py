"""Try the channels of alerts: each gets a message that says that it is a test."""

from uuid import uuid4

from integration_center.alerts.channels import send
from integration_center.alerts.message import Content, build_message
from integration_center.alerts.settings import AlertSettings
from integration_center.errors import TransientError

SENT = "sent"
"""The result of a channel that took the message."""


def try_channel(settings: AlertSettings, name: str) -> dict[str, str]:
    """Send a message to one channel, and say what came of it."""
    channel = settings.channels[name]
    content = Content(
        kind="test",
        title="Integration Center: a test",
        text=f"This is a test of the channel {name}. Nothing is wrong.",
    ).as_dict()
    number = uuid4().hex
    try:
        send(channel, build_message(f"{number}-opened", number, "test", content, ended=False))
        if channel.type == "pagerduty":  # whose alert would stay open
            send(channel, build_message(f"{number}-ended", number, "test", content, ended=True))
    except TransientError as error:
        return {"channel": name, "type": channel.type, "result": str(error)}
    return {"channel": name, "type": channel.type, "result": SENT}
