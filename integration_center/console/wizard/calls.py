"""What the screens ask of orgs and of the report source, kept shortly."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import polars as pl

from integration_center.accounts.store import Account
from integration_center.console.lookups import KEPT, LARGE, Answer
from integration_center.console.shell.context import Console
from integration_center.console.wizard.alternatives import TriedPair, find_alternatives
from integration_center.console.wizard.drafts import Draft, FieldRow
from integration_center.console.wizard.files import FoundFile, find_file
from integration_center.console.wizard.samples import Samples, find_samples
from integration_center.console.wizard.specs import read_condition, read_option
from integration_center.errors import ConfigurationError
from integration_center.insights.catalogue import ReportInfo, report_slug
from integration_center.insights.files import FilesSource
from integration_center.integration.spec import Environment, IntegrationSpec, Rows
from integration_center.planning.match_sample import measure_match_rate
from integration_center.planning.newest_report import NewestReport, read_earlier, read_newest
from integration_center.planning.repeated_keys import RepeatedKeys, find_repeated_rows
from integration_center.planning.spelled_columns import spell_columns
from integration_center.planning.value_preview import ValuePreview, find_value_dtype, preview_values
from integration_center.salesforce.objects.describe import SObjectSummary
from integration_center.salesforce.objects.firing import Firing
from integration_center.salesforce.objects.firing_notes import FiringNotes
from integration_center.salesforce.org import Org
from integration_center.sync.match.match_rate import MatchRate
from integration_center.sync.schema import SObjectField, SObjectSchema

T = TypeVar("T")

REPORTS_KEPT = 60.0
"""Seconds; a report or its tag may have been added a moment ago."""
MATCH_KEPT = 120.0
FIRES_KEPT = 600.0
HELD_SHOWN = 3
MOST_SAMPLES = 1_000


@dataclass(frozen=True)
class Calls:
    """The questions of one request, each answered from memory while the answer is fresh."""

    console: Console
    _accounts: dict[Environment, Account] = field(default_factory=dict, init=False, repr=False)
    """The accounts that this request has read; nearly each question asks which one is connected."""

    def reports(self) -> Answer[list[ReportInfo]]:
        """The visible reports."""
        return self.console.lookups.ask(
            ("reports",), lambda tell: self.console.installation.source().list_reports(), kept=REPORTS_KEPT
        )

    def objects(self, environment: Environment) -> Answer[tuple[SObjectSummary, ...]]:
        """All objects of the org. Raises NotConnected."""
        says = f"Reading the objects of {environment.title}"
        return self._ask_org(environment, ("objects",), says, lambda org: org.list_objects())

    def schema(self, environment: Environment, name: str) -> Answer[SObjectSchema]:
        """An object's fields. Raises NotConnected."""
        says = f"Reading the fields of {name}"
        return self._ask_org(environment, ("schema", name.lower()), says, lambda org: org.describe(name))

    def field_names(self, environment: Environment, name: str) -> Answer[frozenset[str] | None]:
        """All fields an object has, hidden ones too; None when the org does not tell. Raises NotConnected."""

        def work(org: Org) -> frozenset[str] | None:
            names = org.list_field_names(name)
            return None if names is None else frozenset(names)

        return self._ask_org(environment, ("field names", name.lower()), f"Looking for hidden fields of {name}", work)

    def fires(self, environment: Environment, schema: SObjectSchema) -> Answer[Firing]:
        """What fires in the org when a record of the object is updated; see `FiringNotes`. Raises NotConnected."""
        account, notes = self.account(environment), FiringNotes(self.console.interactive.settings.scratch)
        names, asker = [field.name for field in schema.fields], (account.org_id, account.user_id)

        def work(org: Org) -> Firing:
            return notes.look(org.session, schema.name, names, asker)

        says = f"Looking at what runs when {schema.name} is updated"
        return self._ask_org(environment, ("fires", schema.name.lower()), says, work, kept=FIRES_KEPT)

    def newest(self, draft: Draft) -> Answer[NewestReport]:
        """The newest rows of the draft's report, typed as a run with its keys would type them."""
        installation = self.console.interactive
        others, own = self.text_columns(draft.change(keys=())), {column for column, _ in draft.pairs}

        def ask(text: frozenset[str]) -> Answer[NewestReport]:
            def work(tell: Callable[[str], None]) -> NewestReport:
                tell(f"Reading the newest rows of {draft.report}")
                return read_newest(installation.source(), installation.reports, draft.report, text)

            return lookups.ask(("rows", report_slug(draft.report), text), work, kept=REPORTS_KEPT, most=LARGE)

        lookups = self.console.lookups
        before = lookups.find(("rows", report_slug(draft.report), others))
        # Columns that are text without being keys are the same as keys, so the rows need not be read once more.
        if before and before.ready and not before.future.exception() and before.get().holds_text(own):
            return ask(others)
        return ask(others | own)

    def match(self, draft: Draft, rows: NewestReport, schema: SObjectSchema) -> Answer[MatchRate]:
        """The match rate of the draft's key pairs. Raises NotConnected."""
        where, ignore_invalid = read_condition(draft), bool(read_option(draft, "ignore_invalid"))

        def work(org: Org) -> MatchRate:
            return measure_match_rate(rows.frame, draft.pairs, schema, org, where=where, ignore_invalid=ignore_invalid)

        about = ("match", schema.name, report_slug(draft.report), rows.day, draft.pairs, where, ignore_invalid)
        says = f"Looking up keys in {schema.name}"
        return self._ask_org(require_environment(draft), about, says, work, kept=MATCH_KEPT)

    def alternatives(self, draft: Draft, rows: NewestReport, schema: SObjectSchema) -> Answer[list[TriedPair]]:
        """Other key pairs that match better. Raises NotConnected."""

        def work(org: Org) -> list[TriedPair]:
            return find_alternatives(rows, schema, org, draft.pairs)

        about = ("pairs", schema.name, report_slug(draft.report), rows.day, draft.pairs)
        says = f"Trying other fields of {schema.name}"
        return self._ask_org(require_environment(draft), about, says, work, kept=MATCH_KEPT)

    def held_now(
        self, draft: Draft, schema: SObjectSchema, keys: Sequence[str]
    ) -> Answer[Mapping[str, Sequence[object]]]:
        """What the mapped fields hold now in the records of some keys, by field. Raises NotConnected."""
        names = sorted({field.name for row in draft.complete_rows if (field := schema.get(row.field))})
        key = draft.pairs[0][1]

        def work(org: Org) -> Mapping[str, Sequence[object]]:
            records = org.read_records(schema, [key, *names], key=(key, list(keys))).head(HELD_SHOWN)
            return {name: records[name].to_list() for name in names}

        about = ("held", schema.name, key, *keys, *names)
        says = f"Reading what {schema.name} holds"
        return self._ask_org(require_environment(draft), about, says, work, kept=MATCH_KEPT, most=50)

    def samples(self, draft: Draft, rows: NewestReport, schema: SObjectSchema) -> list[Answer[Samples]]:
        """What each row of the draft would write, by some values."""
        typed = (report_slug(draft.report), rows.day, self.text_columns(draft))
        return [self._sample(typed, rows, row, schema.get(row.field) if row.field else None) for row in draft.rows]

    def _sample(
        self, typed: tuple[Hashable, ...], rows: NewestReport, row: FieldRow, field: SObjectField | None
    ) -> Answer[Samples]:
        about = (*typed, row, field and (field.name, field.type))
        return self.console.lookups.ask(
            ("samples", *about), lambda tell: find_samples(rows.frame, row, field), kept=REPORTS_KEPT, most=MOST_SAMPLES
        )

    def values(self, draft: Draft, rows: NewestReport) -> list[Answer[pl.DataType] | None]:
        """What each value of the draft gives; None for a plain column, or one without SQL yet.

        Reading an answer raises ConfigurationError where the SQL cannot be used.
        """
        keys = tuple(column for column, _ in draft.pairs)
        of_key: Rows = "all" if read_option(draft, "rows") == "all" else "newest"
        typed = (report_slug(draft.report), rows.day, self.text_columns(draft), keys, of_key)

        def ask(value: str) -> Answer[pl.DataType]:
            return self.console.lookups.ask(
                ("values", *typed, value),
                lambda tell: find_value_dtype(value, of_key, rows, keys),
                kept=REPORTS_KEPT,
                most=MOST_SAMPLES,
            )

        return [ask(row.value.strip()) if row.is_value and row.value.strip() else None for row in draft.rows]

    def preview(self, spec: IntegrationSpec, rows: NewestReport, schema: SObjectSchema) -> Answer[ValuePreview]:
        """What an integration's values hold for the first keys. Days of a window are read where they are stored."""
        reports = self.console.interactive.reports

        def work(tell: Callable[[str], None]) -> ValuePreview:
            tell("Calculating the values")
            columns = [column for column in spec.columns if column in rows.frame.columns]
            earlier = read_earlier(reports, rows, columns, spec.window or 1)
            return preview_values(spec, rows, schema, earlier if earlier.height else None)

        shown = spec.model_dump_json(include={"keys", "fields", "rows", "window", "filter", "latest_by"})
        about = (report_slug(spec.report), rows.day, schema.name, shown)
        return self.console.lookups.ask(("preview", *about), work, kept=REPORTS_KEPT, most=50)

    def repeated(self, spec: IntegrationSpec, rows: NewestReport, schema: SObjectSchema) -> Answer[RepeatedKeys]:
        """How many rows a plan would drop because another row has their key."""
        spec = spell_columns(spec, rows.frame.columns)
        about = (report_slug(spec.report), rows.day, schema.name, spec.model_dump_json(include={"keys", "latest_by"}))
        return self.console.lookups.ask(
            ("repeated", *about),
            lambda tell: find_repeated_rows(spec, rows, schema),
            kept=REPORTS_KEPT,
            most=50,
        )

    def has_files(self) -> bool:
        """Whether reports are files, so that there is something to look at."""
        return self.console.installation.settings.walkme_source == "files"

    def inspect(self, report: str) -> Answer[FoundFile | None]:
        """What the newest file of a report is; None where reports are no files."""
        source = self.console.interactive.source()

        def work(tell: Callable[[str], None]) -> FoundFile | None:
            tell(f"Looking at the file of {report}")
            return find_file(source, report) if isinstance(source, FilesSource) else None

        return self.console.lookups.ask(("file", report_slug(report)), work, kept=REPORTS_KEPT, most=LARGE)

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
        for kind in kinds or ("objects", "schema", "field names", "match", "pairs", "held"):
            self.console.lookups.forget(kind, *self._org(environment))
        if not kinds or "schema" in kinds:
            self.console.lookups.forget("labels", self.account(environment).org_id)

    def _ask_org(
        self,
        environment: Environment,
        about: tuple[Hashable, ...],
        says: str,
        work: Callable[[Org], T],
        *,
        kept: float = KEPT,
        most: int | None = None,
    ) -> Answer[T]:
        """Ask the org that is connected now. Raises NotConnected.

        Args:
            environment: the account.
            about: what is asked; its first part is the kind of question.
            says: the step that a waiting page shows.
            work: asks the org.
            kept: seconds for which the answer counts.
            most: of this kind, so many answers are kept.
        """
        installation, (kind, *rest) = self.console.interactive, about

        def ask(tell: Callable[[str], None]) -> T:
            tell(says)
            with installation.connect(environment) as org:
                return work(org)

        return self.console.lookups.ask((kind, *self._org(environment), *rest), ask, kept=kept, most=most)

    def _org(self, environment: Environment) -> tuple[str, str, str]:
        account = self.account(environment)
        return account.org_id, account.user_id, account.connected_at.isoformat()

    def account(self, environment: Environment) -> Account:
        """The account that is connected at the time of the request. Raises NotConnected."""
        if environment not in self._accounts:
            self._accounts[environment] = self.console.installation.accounts.get(environment)
        return self._accounts[environment]


def require_environment(draft: Draft) -> Environment:
    """The draft's environment.

    Raises:
        ConfigurationError: none is chosen.
    """
    if draft.slot is None:
        raise ConfigurationError("choose an environment first")
    return draft.slot
