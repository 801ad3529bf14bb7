"""Sends the messages that are due: each is taken, sent, and noted as sent. A channel that is down stops nothing."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from integration_center.alerts.channels import knows_messages, send
from integration_center.alerts.message import Message, build_message
from integration_center.alerts.settings import AlertSettings, Channel
from integration_center.database.incidents import ENDED, Incidents
from integration_center.errors import TransientError

logger = logging.getLogger(__name__)

MOST = 100
"""Messages that one look sends at most."""


def deliver(
    store: Incidents,
    settings: AlertSettings,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sending: Callable[[Channel, Message, Callable[[], None]], None] = send,
) -> int:
    """Send the messages that are due, and return how many were sent.

    Args:
        store: where they are kept.
        settings: the channels.
        now: the clock.
        sending: sends one message; calls its last argument right before the message goes out.
    """
    sent = 0
    for _ in range(MOST):
        noted = store.take(now())
        if noted is None:
            break
        channel = settings.channels.get(noted.channel)
        if channel is None:
            store.give_up(noted, "the channel was removed")
            continue
        if noted.went_out and not knows_messages(channel):
            # Its process was killed meanwhile. Nobody knows whether the channel has it. It is not sent twice.
            logger.warning("alert channel %r: a message went out when its process was killed", noted.channel)
            store.sent(noted, now())
            continue
        ended = noted.phase == ENDED
        content = noted.content
        message = build_message(noted.stable_id, noted.incident_id, content["kind"], content, ended=ended)
        try:
            sending(channel, message, partial(store.going_out, noted))
        except TransientError as error:
            again = store.failed(noted, str(error), now(), wait=error.retry_after)
            then = "it is tried again" if again else "it is given up after a day"
            logger.warning("alert channel %r: %s; %s", noted.channel, error, then)
            continue
        store.sent(noted, now())
        sent += 1
    return sent
