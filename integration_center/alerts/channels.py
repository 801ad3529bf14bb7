"""Sends one message to one channel.

Slack, Teams and PagerDuty take a small JSON document over HTTPS. Apprise, which knows them too, cannot give PagerDuty
the key by which an incident is resolved, a message an id that stays the same, or a webhook a signature, and sends to
fixed hosts only. So httpx and smtplib do it here.
"""

import base64
import hashlib
import hmac
import json
import re
import smtplib
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import httpx

from integration_center.alerts.message import Message
from integration_center.alerts.settings import Channel, Email, PagerDuty, Slack, Teams, Webhook
from integration_center.errors import ServiceUnavailable
from integration_center.remote import read_retry_after, trust_certificates

SECONDS = 10.0
"""How long a channel may take."""
SECRET_PREFIX = "whsec_"  # noqa: S105 - how the secrets of standardwebhooks.com begin
SOURCE = "Integration Center"
REQUEST_BEGINS = "http11.send_request_headers.started"
"""The event of httpcore when the connection is there, and the request goes out."""
LONGEST_SECTION = 3_000
"""Characters of a text in a block. Source: Slack, "Reference: blocks"."""
LONGEST_SUMMARY = 1_024
"""Characters of a summary. Source: PagerDuty, Events API v2."""


def knows_messages(channel: Channel) -> bool:
    """Return whether a channel takes a message that it gets twice only once: PagerDuty and webhooks know its id."""
    return isinstance(channel, PagerDuty | Webhook)


def send(channel: Channel, message: Message, begin: Callable[[], None] = lambda: None) -> None:
    """Send a message.

    Args:
        channel: where to.
        message: what it says.
        begin: called when the channel answers, right before the message itself goes out.

    Raises:
        ServiceUnavailable: the channel did not take it; says why, without a secret.
    """
    if isinstance(channel, Email):
        send_email(channel, message, begin)
        return
    body, headers = build_request(channel, message)
    post(channel.url.get_secret_value(), body, headers, begin)


def build_request(channel: Slack | Teams | PagerDuty | Webhook, message: Message) -> tuple[bytes, dict[str, str]]:
    """Build the body of a request, and its headers."""
    match channel:
        case Slack():
            document = build_slack(message)
        case Teams():
            document = build_teams(message)
        case PagerDuty():
            document = build_pagerduty(channel, message)
        case Webhook():
            document = build_webhook(message)
    body = json.dumps(document, ensure_ascii=False).encode()
    headers = {"content-type": "application/json; charset=utf-8"}
    return body, headers | (sign(channel, message, body) if isinstance(channel, Webhook) else {})


def post(url: str, body: bytes, headers: Mapping[str, str], begin: Callable[[], None] = lambda: None) -> None:
    """Post a document; see `send`.

    Raises:
        ServiceUnavailable: the answer is no success, or there is none. The address, a secret, is not repeated.
    """

    def trace(event: str, _: Mapping[str, Any]) -> None:
        if event == REQUEST_BEGINS:
            begin()

    try:
        with httpx.Client(timeout=SECONDS, verify=trust_certificates()) as client:
            answer = client.post(url, content=body, headers=headers, extensions={"trace": trace})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ServiceUnavailable(f"it does not answer ({type(error).__name__})") from None
    if not answer.is_success:
        wait = read_retry_after(answer.headers)
        raise ServiceUnavailable(f"it answered {answer.status_code}", retry_after=wait)


def build_slack(message: Message) -> dict[str, Any]:
    """Build the document of an incoming webhook. Source: Slack, "Sending messages using incoming webhooks"."""
    text = "\n".join(escape_slack(line) for line in (message.text, message.advice) if line)
    links = "  ".join(f"<{url}|{escape_slack(name)}>" for name, url in message.links.items())
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": message.title[:150]}},
        {"type": "section", "text": {"type": "mrkdwn", "text": cut_slack(text) or "-"}},
        *([{"type": "context", "elements": [{"type": "mrkdwn", "text": cut_slack(links)}]}] if links else []),
    ]
    return {"text": escape_slack(f"{message.title}: {message.text}"), "blocks": blocks}


def cut_slack(text: str) -> str:
    """Cut an escaped text to what a block takes, without a part of an escaped character at its end."""
    return text if len(text) <= LONGEST_SECTION else re.sub(r"&[a-z]{0,3}$", "", text[:LONGEST_SECTION])


def escape_slack(text: str) -> str:
    """Escape the three characters that mean something to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def build_teams(message: Message) -> dict[str, Any]:
    """Build the document of a workflow's webhook: a message with an Adaptive Card.

    Source: Microsoft, "Create incoming webhooks with Workflows for Microsoft Teams".
    """
    lines = [{"type": "TextBlock", "text": escape_card(text), "wrap": True} for text in (message.text, message.advice)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {
                "type": "TextBlock",
                "text": escape_card(message.title),
                "weight": "Bolder",
                "size": "Medium",
                "wrap": True,
            },
            *(line for line in lines if line["text"]),
        ],
        "actions": [{"type": "Action.OpenUrl", "title": name, "url": url} for name, url in message.links.items()],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def escape_card(text: str) -> str:
    """Escape what Adaptive Cards read as Markdown."""
    return "".join(f"\\{char}" if char in "\\*_[]()`#" else char for char in text)


def build_pagerduty(channel: PagerDuty, message: Message) -> dict[str, Any]:
    """Build an event: the incident's id triggers one alert, and resolves it. Source: PagerDuty, Events API v2."""
    event: dict[str, Any] = {
        "routing_key": channel.routing_key.get_secret_value(),
        "event_action": "resolve" if message.ended else "trigger",
        "dedup_key": message.incident,
    }
    if message.ended:
        return event
    return event | {
        "payload": {
            "summary": f"{message.title}: {message.text}"[:LONGEST_SUMMARY],
            "source": SOURCE,
            "severity": "error",
            "class": message.kind,
            "custom_details": {"advice": message.advice},
        },
        "links": [{"href": url, "text": name} for name, url in message.links.items()],
    }


def build_webhook(message: Message) -> dict[str, Any]:
    """Build the document of a webhook of one's own."""
    return {
        "type": "incident.ended" if message.ended else "incident.opened",
        "id": message.id,
        "incident": message.incident,
        "kind": message.kind,
        "title": message.title,
        "text": message.text,
        "advice": message.advice,
        "links": dict(message.links),
    }


def sign(channel: Webhook, message: Message, body: bytes) -> dict[str, str]:
    """Sign a request. Source: standardwebhooks.com, "Signature scheme"."""
    secret, now = channel.secret.get_secret_value(), str(int(time.time()))
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX)) if secret.startswith(SECRET_PREFIX) else secret.encode()
    signed = hmac.new(key, f"{message.id}.{now}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": message.id,
        "webhook-timestamp": now,
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }


def send_email(channel: Email, message: Message, begin: Callable[[], None] = lambda: None) -> None:
    """Send an e-mail; see `send`.

    Raises:
        ServiceUnavailable: the server did not take it.
    """
    to = tuple(dict.fromkeys((*channel.to, *(message.owners if channel.owners else ()))))
    if not to:
        return
    mail = build_email(channel, message, to)
    try:
        with connect(channel) as server:
            if channel.security == "starttls":
                server.starttls(context=trust_certificates())
            if channel.user:
                server.login(channel.user, channel.password.get_secret_value())
            begin()
            refused = server.send_message(mail)
    except (smtplib.SMTPException, OSError, ValueError) as error:
        code = f" {error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else ""
        raise ServiceUnavailable(f"the mail server did not take it ({type(error).__name__}{code})") from None
    if refused:
        raise ServiceUnavailable(f"the mail server refused {len(refused)} of {len(to)} mailboxes")


def connect(channel: Email) -> smtplib.SMTP:
    """Connect to the mail server."""
    if channel.security == "tls":
        return smtplib.SMTP_SSL(channel.host, channel.port, timeout=SECONDS, context=trust_certificates())
    return smtplib.SMTP(channel.host, channel.port, timeout=SECONDS)


def build_email(channel: Email, message: Message, to: tuple[str, ...]) -> EmailMessage:
    """Build an e-mail. Its id stays the same, and the end of an incident answers its beginning."""
    mail = EmailMessage()
    mail["Subject"] = message.title
    mail["From"] = channel.sender
    mail["To"] = ", ".join(to)
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = f"<{message.id}@integration-center>"
    mail["Auto-Submitted"] = "auto-generated"
    if message.ended:
        mail["In-Reply-To"] = f"<{message.incident}-opened@integration-center>"
    mail.set_content("\n\n".join(message.lines) + "\n")
    return mail
