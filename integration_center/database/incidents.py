"""Incidents, and the messages about them: an outbox, so that a process that is killed loses and repeats nothing.

One transaction opens an incident and notes its messages. Only then are they sent. A process takes a message for a while
before it sends the message, so that two processes do not both send it. A message has the same id however often
it is sent: a receiver that knows the id takes it once.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine, Row, delete, exists, insert, select, update

from integration_center.database.engine import insert_if_absent, reading, writing
from integration_center.database.tables import alert_messages, incidents

OPENED, ENDED = "opened", "ended"
TAKEN = timedelta(seconds=30)
"""How long a message belongs to the process that took it."""
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=15), timedelta(minutes=10)
"""How long a channel that did not take a message is left alone."""
MOST_ASKED = timedelta(hours=1)
"""The longest wait that a channel may ask for."""
GOING_OUT = "it is going out"
"""The value in place of an error while a message goes out."""
GIVEN_UP = timedelta(hours=24)
KEPT = timedelta(days=90)


@dataclass(frozen=True)
class Incident:
    """Something that went wrong, from its beginning to its end.

    Attributes:
        key: what is wrong with what. Of one key at most one incident is open.
        content: what the message to people says.
        ended_at: None while it is open.
    """

    id: str
    key: str
    kind: str
    slug: str | None
    content: Mapping[str, Any]
    opened_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Noted:
    """A message that is to be sent.

    Attributes:
        phase: `OPENED` or `ENDED`.
        channel: its name in the settings.
        attempts: how often it was taken, this time included.
        went_out: whether it was going out when it was taken before, and its process noted no result.
    """

    id: int
    incident_id: str
    phase: str
    channel: str
    content: Mapping[str, Any]
    created_at: datetime
    attempts: int
    went_out: bool = False

    @property
    def stable_id(self) -> str:
        """The id of the message, the same however often it is sent."""
        return f"{self.incident_id}-{self.phase}"


@dataclass(frozen=True)
class NewIncident:
    """What is wrong now.

    Attributes:
        key: see `Incident`.
        content: see `Incident`.
        channels: the names of those that get a message.
    """

    key: str
    kind: str
    slug: str | None
    content: Mapping[str, Any]
    channels: Sequence[str]


class Incidents:
    """Opens and ends incidents, and keeps their messages until they are sent.

    Args:
        engine: our database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open(self) -> Sequence[Incident]:
        """List the open incidents, the oldest first."""
        statement = select(incidents).where(incidents.c.ended_at.is_(None)).order_by(incidents.c.opened_at)
        with reading(self._engine) as connection:
            return tuple(map(_build_incident, connection.execute(statement)))

    def begin(self, new: NewIncident, now: datetime) -> bool:
        """Open an incident and note its messages, unless one of its key is open; whether it was opened."""
        number = uuid4().hex
        values = {
            "id": number,
            "open_key": new.key,
            "key": new.key,
            "kind": new.kind,
            "slug": new.slug,
            "content": dict(new.content),
            "opened_at": now,
        }
        with writing(self._engine) as connection:
            if not insert_if_absent(connection, incidents, values):
                return False
            for channel in new.channels:
                connection.execute(insert(alert_messages), _build_message(number, OPENED, channel, new.content, now))
        return True

    def end(self, incident: Incident, content: Mapping[str, Any], now: datetime) -> bool:
        """End an incident, and note messages for all channels that heard of its begin.

        Returns:
            Whether it was still open.
        """
        ended = (
            update(incidents)
            .where(incidents.c.id == incident.id, incidents.c.ended_at.is_(None))
            .values(ended_at=now, open_key=None)
        )
        notified = select(alert_messages.c.channel).where(
            alert_messages.c.incident_id == incident.id, alert_messages.c.phase == OPENED
        )
        with writing(self._engine) as connection:
            if connection.execute(ended).rowcount != 1:
                return False
            for channel in connection.execute(notified).scalars().all():
                connection.execute(insert(alert_messages), _build_message(incident.id, ENDED, channel, content, now))
        return True

    def take(self, now: datetime) -> Noted | None:
        """Take the oldest message that is due, so that no other process sends it meanwhile; None when none is.

        Only channels that heard of its begin hear of its end.
        """
        opening = alert_messages.alias("opening")
        waits = exists().where(
            opening.c.incident_id == alert_messages.c.incident_id,
            opening.c.channel == alert_messages.c.channel,
            opening.c.phase == OPENED,
            opening.c.due_at.is_not(None),
        )
        due = (
            select(alert_messages)
            .where(alert_messages.c.due_at <= now, (alert_messages.c.phase == OPENED) | ~waits)
            .order_by(alert_messages.c.id)
            .limit(1)
        )
        with writing(self._engine) as connection:
            row = connection.execute(due.with_for_update(skip_locked=True)).one_or_none()
            if row is None:
                return None
            attempts = row.attempts + 1
            taken = {"due_at": now + TAKEN, "attempts": attempts}
            connection.execute(update(alert_messages).where(alert_messages.c.id == row.id).values(**taken))
        went_out = row.error == GOING_OUT
        return Noted(row.id, row.incident_id, row.phase, row.channel, row.content, row.created_at, attempts, went_out)

    def going_out(self, message: Noted) -> None:
        """Note that a message goes out now. If its process is killed, it may have arrived."""
        self._change(message, error=GOING_OUT)

    def sent(self, message: Noted, now: datetime) -> None:
        """Note that a message was sent."""
        self._change(message, due_at=None, sent_at=now, error=None)

    def failed(self, message: Noted, error: str, now: datetime, *, wait: float | None = None) -> bool:
        """Note why a message could not be sent; whether it is tried again.

        Args:
            message: the message.
            error: why.
            now: the time.
            wait: the seconds that the channel asks to be left alone, if it does.
        """
        again = now - message.created_at < GIVEN_UP
        usual = min(FIRST_WAIT * 2 ** min(message.attempts - 1, 10), LONGEST_WAIT)
        pause = usual if wait is None else min(max(usual, timedelta(seconds=wait)), MOST_ASKED)
        self._change(message, due_at=now + pause if again else None, error=error)
        return again

    def give_up(self, message: Noted, error: str) -> None:
        """Note that a message cannot be sent at all."""
        self._change(message, due_at=None, error=error)

    def _change(self, message: Noted, **values: object) -> None:
        with writing(self._engine) as connection:
            connection.execute(update(alert_messages).where(alert_messages.c.id == message.id).values(**values))

    def unsent(self) -> Sequence[tuple[str, str]]:
        """List channel and error of the messages that are still to be sent after an attempt failed."""
        statement = select(alert_messages.c.channel, alert_messages.c.error).where(
            alert_messages.c.due_at.is_not(None),
            alert_messages.c.error.is_not(None),
            alert_messages.c.error != GOING_OUT,
        )
        with reading(self._engine) as connection:
            return [(channel, error) for channel, error in connection.execute(statement)]

    def delete_old(self, now: datetime) -> int:
        """Delete the incidents that ended long ago, with their messages, and return their number."""
        with writing(self._engine) as connection:
            return connection.execute(delete(incidents).where(incidents.c.ended_at < now - KEPT)).rowcount


def reconcile(
    store: Incidents,
    found: Collection[NewIncident],
    *,
    judged: Collection[str],
    say_end: Callable[[Incident], Mapping[str, Any]],
    now: datetime,
) -> None:
    """Open what is wrong and not yet open, and end what is open and no longer wrong.

    Args:
        store: of the incidents.
        found: what is wrong now.
        judged: the kinds that were looked at. Incidents of other kinds stay as they are.
        say_end: what people read when an incident ends.
        now: the time.
    """
    wrong = {new.key for new in found}
    still = store.open()
    for incident in still:
        if incident.key not in wrong and incident.kind in judged:
            store.end(incident, say_end(incident), now)
    known = {incident.key for incident in still}
    for new in found:
        if new.key not in known:
            store.begin(new, now)


def _build_message(
    incident_id: str, phase: str, channel: str, content: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    return {
        "incident_id": incident_id,
        "phase": phase,
        "channel": channel,
        "content": dict(content),
        "created_at": now,
        "attempts": 0,
        "due_at": now,
    }


def _build_incident(row: Row[Any]) -> Incident:
    return Incident(row.id, row.key, row.kind, row.slug, row.content, row.opened_at, row.ended_at)
