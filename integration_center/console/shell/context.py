"""What the pages work with, made once when the console starts."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from ipaddress import ip_address
from typing import Unpack

from starlette.requests import Request

from integration_center.access.audit import Action, Concerned
from integration_center.access.provider import Provider
from integration_center.access.signed_headers import SignedHeaders
from integration_center.accounts.encryption import Cipher, build_cipher
from integration_center.console.account_checks import AccountChecks
from integration_center.console.engine import Engine, Starts, UnfinishedRun, look_at_dagster
from integration_center.console.lookups import Lookups
from integration_center.console.plain_words import say_error
from integration_center.console.report_states import ReportStates, look_at_reports
from integration_center.console.searches import Searches
from integration_center.console.shell.users import Identify, User, local_operator
from integration_center.console.watch import Watch
from integration_center.database.shared_notes import SharedNotes
from integration_center.errors import ConfigurationError
from integration_center.installation import Installation
from integration_center.integration_files.folder import DefsFolder
from integration_center.integration_files.places import open_place
from integration_center.pipeline.instance.webserver import Webserver, find_webserver
from integration_center.pipeline.judging import judge_with_dagster
from integration_center.remote import RetryPolicy

SHORT = RetryPolicy(read_timeout=120.0, attempts=3, timeout=15.0, wait_max=3.0, retry_after_max=3.0)
"""How long an org is waited for while a person waits; a run has more patience."""
ENGINE_FRESH, ENGINE_KEPT = 3.0, 60.0
"""Seconds for which what Dagster does counts as seen just now, and as known."""
REPORTS_FRESH, REPORTS_FRESH_REMOTE, REPORTS_KEPT = 10.0, 300.0, 1_200.0
"""The same of the reports: a folder is looked at often, a bucket or an API is not."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Console:
    """One running console.

    Attributes:
        installation: its stored state.
        identify: finds the user of a request.
        now: the clock, UTC.
        checks: the accounts that were looked at lately.
    """

    installation: Installation
    identify: Identify = local_operator
    now: Callable[[], datetime] = field(default=_now)
    checks: AccountChecks = field(default_factory=AccountChecks)

    @cached_property
    def notes(self) -> SharedNotes:
        """What the consoles of this installation note for each other."""
        return SharedNotes(self.installation.engine)

    @cached_property
    def lookups(self) -> Lookups:
        """Calls to orgs and report sources, kept shortly."""
        return Lookups(notes=self.notes if self.notes.has_readers else None)

    @cached_property
    def starts(self) -> Starts:
        """The runs that a console started a moment ago."""
        return Starts(self.notes)

    @cached_property
    def defs(self) -> DefsFolder:
        """The integrations as files; one for all requests, because it remembers what it has loaded."""
        return DefsFolder(open_place(self.installation.settings), judge_with_dagster)

    @cached_property
    def interactive(self) -> Installation:
        """The installation, with less patience for orgs that are not there."""
        return replace(self.installation, retries=SHORT)

    @cached_property
    def provider(self) -> Provider | None:
        """The OpenID Connect provider by which people sign in; None without one."""
        settings = self.installation.settings
        return Provider(settings) if settings.has_provider else None

    @cached_property
    def signed_headers(self) -> SignedHeaders | None:
        """The headers by which a proxy says who somebody is; None where none is believed."""
        settings = self.installation.settings
        return SignedHeaders(settings, self.installation.engine) if settings.has_signing_proxy else None

    @cached_property
    def cipher(self) -> Cipher:
        """Encrypts what leaves this process, such as a search in an address."""
        return build_cipher(self.installation.settings)

    @cached_property
    def searches(self) -> Searches:
        """What people search for."""
        return Searches(self.cipher)

    @cached_property
    def engine(self) -> Watch[Engine]:
        """What Dagster does."""
        return Watch(self.look_at_dagster, fresh=ENGINE_FRESH, kept=ENGINE_KEPT)

    @cached_property
    def reports(self) -> Watch[ReportStates]:
        """How the reports are that integrations name."""
        settings = self.installation.settings
        remote = settings.walkme_source == "api" or "://" in settings.walkme_files_root
        fresh = REPORTS_FRESH_REMOTE if remote else REPORTS_FRESH
        return Watch(self.look_at_reports, fresh=fresh, kept=REPORTS_KEPT)

    def find_unfinished(self, engine: Engine | None) -> dict[str, UnfinishedRun]:
        """List the newest unfinished run of each integration, by slug; `engine` may not have seen the newest start."""
        return {**self.starts.recent(), **(engine.runs if engine else {})}

    def look_at_dagster(self) -> Engine:
        """See what Dagster does now; takes a moment."""
        return look_at_dagster(self.installation, {file.slug: file.spec for file in self.defs.list()}, self.now())

    def look_at_reports(self) -> ReportStates:
        """See how the reports are now; takes a moment."""
        specs = [file.spec for file in self.defs.list() if file.spec and file.spec.enabled]
        names = [spec.report for spec in specs if spec.source is None]
        try:
            source = self.interactive.source()
        except ConfigurationError as error:
            return ReportStates(problem=say_error(error))
        return look_at_reports(source, names)

    def forget_reports(self) -> None:
        """Read the reports again: a file or its `report.yaml` was changed from here."""
        for kind in ("file", "rows", "reports", "report list"):
            self.lookups.forget(kind)
        self.reports.expire()

    def find_dagster(self) -> Webserver | None:
        """The Dagster webserver of this installation; None while it is down."""
        return find_webserver(self.installation.settings)


def console_of(request: Request) -> Console:
    """The console that answers this request."""
    console: Console = request.app.state.console
    return console


def user_of(request: Request) -> User:
    """Who sent this request; only for pages that need a user."""
    user: User = request.state.user
    return user


def address_of(request: Request) -> str:
    """Where a request came from: an address, as the trusted proxy says it if there is one; else `unknown`."""
    host = request.client.host if request.client else ""
    try:
        return str(ip_address(host.partition("%")[0]))
    except ValueError:  # what a proxy passed on from the client's own header
        return "unknown"


def note(request: Request, action: Action, **concerned: Unpack[Concerned]) -> None:
    """Put what the user of this request did into the audit log; see `AuditLog.record`."""
    audit = console_of(request).installation.audit
    audit.record(action, who=user_of(request).name, where=address_of(request), **concerned)
