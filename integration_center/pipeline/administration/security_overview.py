"""Write one page for a security review: addresses, access, tokens, people, data. It holds no secret."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version

from integration_center.access.audit import KEPT as AUDIT_KEPT
from integration_center.access.people import People
from integration_center.access.users import Role, read_users
from integration_center.accounts.store import Account
from integration_center.errors import ConfigurationError
from integration_center.installation import Installation
from integration_center.pipeline.administration.egress import list_destinations
from integration_center.pipeline.judging import read_installed
from integration_center.store.retention import KEPT as FILES_KEPT
from integration_center.wording.markdown import escape_markdown
from integration_center.wording.plain_text import make_printable
from integration_center.wording.sentences import count

FLOWS = {
    "web": "OAuth web-server flow with PKCE",
    "jwt": "OAuth JWT bearer flow",
    "client-credentials": "OAuth client credentials flow",
}

MOST_OBJECTS, MOST_FIELDS = 15, 20
"""How many are named, so that it stays one page."""


@dataclass(frozen=True)
class TokenFacts:
    """What may be known of an account's tokens.

    Attributes:
        age: since the newest access token was issued; None when the tokens cannot be read.
        renews: what renews it.
    """

    age: timedelta | None
    renews: str


def find_token_facts(installation: Installation, account: Account, now: datetime) -> TokenFacts:
    """Find how old the tokens of an account are, and what renews them."""
    try:
        tokens = installation.accounts.tokens(account.environment)
    except ConfigurationError:
        return TokenFacts(None, "they cannot be read with the key of this installation")
    renews = (
        "a refresh token" if tokens.refresh_token else "a signing key" if tokens.signing_key else "the app's secret"
    )
    return TokenFacts(max(now - tokens.issued_at, timedelta()), renews)


def write_overview(installation: Installation, now: datetime) -> str:
    """Write the page as Markdown.

    Raises:
        ConfigurationError: the list of users or a setting cannot be read.
    """
    return "\n".join(
        [
            "# Security overview of this Integration Center",
            "",
            f"Version {version('integration-center')}, {now:%Y-%m-%d %H:%M} UTC. It holds no secret and no record.",
            "",
            *_write_state(installation),
            *_write_destinations(installation),
            *_write_accounts(installation, now),
            *_write_fields(installation),
            *_write_people(installation),
            *_write_data(installation),
        ]
    )


def _write_state(installation: Installation) -> Iterator[str]:
    stop = installation.stops.find()
    yield f"**{escape_markdown(stop.sentence)}.**" if stop else "Nothing is stopped."
    yield "`integration-center stop-all`, or Admin in the console, ends all runs and revokes all tokens at once."
    yield ""


def _write_code(text: str) -> str:
    """Write a text as code, so that it can be copied as it is into a firewall's rules or a search."""
    shown = make_printable(text).replace("`", "").replace("|", r"\|")  # a bar would end the cell of a table
    return f"`{shown}`"


def _write_destinations(installation: Installation) -> Iterator[str]:
    found = list_destinations(installation)
    rows = [(_write_code(each.host), *map(escape_markdown, (each.purpose, each.protection))) for each in found]
    yield from _write_table("Where it sends requests", ("Address", "Purpose", "Protected by"), rows)
    open_ = [_write_code(each.host) for each in found if each.is_open]
    if open_:
        yield f"**A setting allows requests without TLS to {', '.join(open_)}.**"
    else:
        yield "No setting allows requests to another machine without encryption."
    yield "Redirects carry no token. No telemetry."
    yield ""


def _write_accounts(installation: Installation, now: datetime) -> Iterator[str]:
    rows = []
    for account in installation.accounts.list():
        facts = find_token_facts(installation, account, now)
        age = "unknown" if facts.age is None else say_age(facts.age)
        kind = "sandbox" if account.is_sandbox else "Developer Edition" if account.developer_edition else "production"
        before = (account.environment.title, f"{account.org_name} {account.org_id}, {kind}")
        after = (
            FLOWS.get(account.flow, account.flow),
            ", ".join(account.scopes) or "unknown",
            f"{age}, renewed by {facts.renews}",
            f"{account.connected_at:%Y-%m-%d} by {account.connected_by}",
        )
        rows.append((*map(escape_markdown, before), _write_code(account.username), *map(escape_markdown, after)))
    heads = ("Environment", "Org", "User", "Signed in by", "Scopes", "Age of the access token", "Connected")
    yield from _write_table("Salesforce accounts", heads, rows, "No account is connected.")
    yield "Tokens are encrypted in the database (Fernet: AES-128-CBC with HMAC-SHA256). The key is kept outside of it."
    yield ""


def _write_fields(installation: Installation) -> Iterator[str]:
    """Write which fields integrations update, by account and object."""
    written: dict[tuple[str, str], dict[str, None]] = {}
    for spec in read_installed(installation.settings).specs.values():
        fields = written.setdefault((spec.environment.title, spec.object), {})
        fields |= {each.field: None for each in spec.fields}
    rows = [(*map(escape_markdown, key), _list_names(sorted(fields))) for key, fields in sorted(written.items())]
    more = len(rows) - MOST_OBJECTS
    heads = ("Environment", "Object", "Fields that are updated")
    yield from _write_table("What it changes in Salesforce", heads, rows[:MOST_OBJECTS], "No integration is built.")
    if more > 0:
        yield f"And {more:,} more objects."
    yield "Records are never created or deleted. Fields and permission sets are made only when a person asks for it."
    yield ""


def _list_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_FIELDS:,} more" if len(names) > MOST_FIELDS else ""
    return ", ".join(map(_write_code, names[:MOST_FIELDS])) + more


def _write_people(installation: Installation) -> Iterator[str]:
    settings = installation.settings
    users = read_users(settings)
    yield "## Who may use it"
    yield ""
    if not settings.has_sign_in:
        yield "Nobody signs in: the console answers this machine only, whose user may do everything."
        yield ""
        return
    given = {person.name.lower(): person.role for person in People(installation.engine).list() if person.role}
    roles = Counter(given.get(name) or user.role for name, user in users.items())
    counted = ", ".join(f"{roles[role]} {role.title}" for role in Role if roles[role])
    if users:
        yield f"- Name and password (Argon2id): {counted}."
    if settings.has_provider:
        yield f"- OpenID Connect: {settings.oidc_issuer}. Roles: {settings.group_roles or 'given in the console'}."
    if settings.has_signing_proxy:
        yield f"- A header that a proxy signs, {settings.proxy_header} of {settings.proxy_issuer}."
    yield "- Sessions end after an hour without a page, and after twelve hours. Admins end them at any time."
    yield ""


def _write_data(installation: Installation) -> Iterator[str]:
    place = installation.settings.bucket or "files of mode 0600 on the server"
    yield "## What it keeps"
    yield ""
    yield f"- Reports, plans, ledgers and snapshots, with personal data: {place}, deleted after {FILES_KEPT.days} days."
    yield f"- The audit log of who connected, changed, ran or signed in, without values: {AUDIT_KEPT.days} days."
    yield "- Logs and run histories: counts, ids and field names; no keys, values or secrets."
    yield ""


def _write_table(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], empty: str = "None."
) -> Iterator[str]:
    yield from (f"## {title}", "")
    if not rows:
        yield from (empty, "")
        return
    yield f"| {' | '.join(heads)} |"
    yield f"| {' | '.join('---' for _ in heads)} |"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def say_age(age: timedelta) -> str:
    """`3 days`, `5 hours`, `12 minutes` or `less than a minute`."""
    days, hours, minutes = age.days, age.seconds // 3600, age.seconds // 60
    if age.days == 0 and age.seconds < 60:
        return "less than a minute"
    number, unit = (days, "day") if days else (hours, "hour") if hours else (minutes, "minute")
    return count(number, unit)
