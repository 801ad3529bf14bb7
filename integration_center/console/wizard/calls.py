"""What the screens ask of orgs and of the report source, kept shortly."""

from collections.abc import Callable
from dataclasses import dataclass

from integration_center.accounts.store import Account
from integration_center.console.lookups import LARGE, Answer
from integration_center.console.shell.context import Console
from integration_center.console.wizard.drafts import Draft
from integration_center.console.wizard.specs import read_condition, read_option
from integration_center.errors import ConfigurationError
from integration_center.insights.catalogue import ReportInfo, report_slug
from integration_center.integration.spec import Environment
from integration_center.planning.match_sample import measure_match_rate
from integration_center.planning.newest_report import NewestReport, read_newest
from integration_center.salesforce.objects.describe import SObjectSummary
from integration_center.sync.match.match_rate import MatchRate
from integration_center.sync.schema import SObjectSchema

REPORTS_KEPT = 60.0
"""Seconds; a report or its tag may have been added a moment ago."""
MATCH_KEPT = 120.0


@dataclass(frozen=True)
class Calls:
    """The questions, each answered from memory while the answer is fresh."""

    console: Console

    def reports(self) -> Answer[list[ReportInfo]]:
        """The visible reports."""
        return self.console.lookups.ask(
            ("reports",), lambda tell: self.console.installation.source().list_reports(), kept=REPORTS_KEPT
        )

    def objects(self, environment: Environment) -> Answer[tuple[SObjectSummary, ...]]:
        """All objects of the org. Raises NotConnected."""
        installation = self.console.interactive

        def work(tell: Callable[[str], None]) -> tuple[SObjectSummary, ...]:
            tell(f"Reading the objects of {environment.title}")
            with installation.connect(environment) as org:
                return org.list_objects()

        return self.console.lookups.ask(("objects", *self._org(environment)), work)

    def schema(self, environment: Environment, name: str) -> Answer[SObjectSchema]:
        """An object's fields. Raises NotConnected."""
        installation = self.console.interactive

        def work(tell: Callable[[str], None]) -> SObjectSchema:
            tell(f"Reading the fields of {name}")
            with installation.connect(environment) as org:
                return org.describe(name)

        return self.console.lookups.ask(("schema", *self._org(environment), name.lower()), work)

    def field_names(self, environment: Environment, name: str) -> Answer[frozenset[str] | None]:
        """All fields an object has, hidden ones too; None when the org does not tell. Raises NotConnected."""
        installation = self.console.interactive

        def work(tell: Callable[[str], None]) -> frozenset[str] | None:
            tell(f"Looking for hidden fields of {name}")
            with installation.connect(environment) as org:
                names = org.list_field_names(name)
            return None if names is None else frozenset(names)

        return self.console.lookups.ask(("field names", *self._org(environment), name.lower()), work)

    def newest(self, draft: Draft) -> Answer[NewestReport]:
        """The newest rows of the draft's report, typed as a run with its keys would type them."""
        installation = self.console.interactive
        text = self.text_columns(draft)

        def work(tell: Callable[[str], None]) -> NewestReport:
            tell(f"Reading the newest rows of {draft.report}")
            return read_newest(installation.source(), installation.reports, draft.report, text)

        return self.console.lookups.ask(("rows", report_slug(draft.report), text), work, kept=REPORTS_KEPT, most=LARGE)

    def match(self, draft: Draft, rows: NewestReport, schema: SObjectSchema) -> Answer[MatchRate]:
        """The match rate of the draft's key pairs. Raises NotConnected."""
        installation, environment = self.console.interactive, require_environment(draft)

        def work(tell: Callable[[str], None]) -> MatchRate:
            tell(f"Looking up keys in {schema.name}")
            with installation.connect(environment) as org:
                return measure_match_rate(
                    rows.frame, draft.pairs, schema, org, where=where, ignore_invalid=ignore_invalid
                )

        where, ignore_invalid = read_condition(draft), bool(read_option(draft, "ignore_invalid"))
        about = (schema.name, report_slug(draft.report), rows.day, draft.pairs, where, ignore_invalid)
        return self.console.lookups.ask(("match", *self._org(environment), *about), work, kept=MATCH_KEPT)

    def text_columns(self, draft: Draft) -> frozenset[str]:
        """The columns of the draft's report that a run keeps as text: the keys of all its readers, and the draft's."""
        slug = report_slug(draft.report)
        readers = [
            file.spec for file in self.console.defs.list() if file.spec and report_slug(file.spec.report) == slug
        ]
        keys = {pair.column for spec in readers for pair in spec.keys}
        return frozenset(keys | {column for column, _ in draft.pairs})

    def forget(self, environment: Environment, *kinds: str) -> None:
        """Ask the org again for these kinds of answers, all when none is named: somebody may have changed it."""
        for kind in kinds or ("objects", "schema", "field names", "match"):
            self.console.lookups.forget(kind, *self._org(environment))

    def _org(self, environment: Environment) -> tuple[str, str, str]:
        account = self.account(environment)
        return account.org_id, account.user_id, account.connected_at.isoformat()

    def account(self, environment: Environment) -> Account:
        """The account connected now. Raises NotConnected."""
        return self.console.installation.accounts.get(environment)


def require_environment(draft: Draft) -> Environment:
    """The draft's environment.

    Raises:
        ConfigurationError: none is chosen.
    """
    if draft.slot is None:
        raise ConfigurationError("choose an environment first")
    return draft.slot
