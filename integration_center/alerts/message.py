"""What people read of an incident: names, counts, the reason, what to do, and links. Never a key or value."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from integration_center.wording.plain_text import make_printable

ADDRESS = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+")
LONGEST = 600


@dataclass(frozen=True)
class Message:
    """What a message says.

    Attributes:
        id: the same however often the message is sent.
        incident: the id of the incident: the messages about its beginning and its end share it.
        kind: of the incident, such as `failed`.
        ended: whether the incident is over.
        title: in a line.
        text: what happened, and the counts.
        advice: what to do, and how at a terminal; empty when there is nothing to do.
        links: addresses by what they are called.
        owners: e-mail addresses of the owners of the integration.
    """

    id: str
    incident: str
    kind: str
    ended: bool
    title: str
    text: str
    advice: str
    links: Mapping[str, str]
    owners: Sequence[str] = ()

    @property
    def lines(self) -> Sequence[str]:
        """Text, advice and links, each in a line of its own."""
        links = [f"{name}: {url}" for name, url in self.links.items()]
        return [line for line in (self.text, self.advice, *links) if line]


@dataclass(frozen=True)
class Content:
    """The part of a message that is kept with its incident."""

    kind: str
    title: str
    text: str
    advice: str = ""
    links: Mapping[str, str] | None = None
    owners: Sequence[str] = ()
    command: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As it is stored. Addresses of people are taken out, and control characters shown."""
        shown = {name: clean(str(getattr(self, name))) for name in ("title", "text", "advice", "command")}
        return {**asdict(self), **shown, "links": dict(self.links or {}), "owners": list(self.owners)}


def clean(text: str) -> str:
    """Take what looks like an e-mail address out of a text, show control characters, and cut it."""
    plain = ADDRESS.sub("(an address)", make_printable(" ".join(text.split())))
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]} …"


def build_message(stable_id: str, incident: str, kind: str, content: Mapping[str, Any], *, ended: bool) -> Message:
    """Build the message of stored content."""
    return Message(
        id=stable_id,
        incident=incident,
        kind=kind,
        ended=ended,
        title=content["title"],
        text=content["text"],
        advice=" ".join(filter(None, (content["advice"], content.get("command", "")))),
        links=content["links"],
        owners=tuple(content["owners"]),
    )
