"""`new`: the wizard in the terminal. The same proposals and checks as in the console, question by question."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import polars as pl
import typer

from integration_center.access.audit import Action
from integration_center.accounts.store import Account
from integration_center.cli.asking import SKIP, Pair, ask_field, ask_one, say_alike
from integration_center.cli.creating_fields import offer_fields
from integration_center.cli.new_values import Absence, Made, ask_absence, ask_values, say_proposed
from integration_center.cli.output import ask, console
from integration_center.errors import ConfigurationError, NotConnected, ReportError, SchemaMismatch, UnknownReport
from integration_center.insights.catalogue import ReportInfo, find_report, report_slug
from integration_center.installation import Installation, open_installation
from integration_center.integration.schedule import DEFAULT_SCHEDULE, check_schedule
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.folder import DefsFolder
from integration_center.integration_files.integrations import find_key_columns
from integration_center.integration_files.places import open_place, require_changeable
from integration_center.pipeline.judging import judge_with_dagster
from integration_center.planning.match_sample import measure_match_rate
from integration_center.planning.newest_report import NewestReport, read_newest
from integration_center.planning.validation import validate
from integration_center.salesforce.objects.describe import SObjectSummary
from integration_center.salesforce.objects.field_creation import write_help_text
from integration_center.salesforce.org import Org
from integration_center.sync.mapping.missing_fields import admin_message
from integration_center.sync.mapping.suggestions import rank_keys, rank_targets, suggest_key, suggest_targets
from integration_center.sync.match.match_rate import ALTERED, MatchRate
from integration_center.sync.schema import SObjectSchema
from integration_center.wording.near_names import say_nearest


def new_integration(
    values: Annotated[
        bool, typer.Option("--values", help="Ask for values made of columns, and of all rows of a key, too.")
    ] = False,
    creates: Annotated[
        bool, typer.Option("--create-fields", help="Offer to create a field in the org for a column that none suits.")
    ] = False,
) -> None:
    """Build an integration by answering questions, and write its file. It is checked first."""
    with open_installation() as installation:
        require_changeable(installation.settings)
        defs = DefsFolder(open_place(installation.settings), judge_with_dagster)
        account = choose_account(installation)
        info = choose_report(installation.source().list_reports())
        with installation.connect(account.environment) as org:
            schema = choose_object(org)
            report = read_report(installation, defs, info, ())
            keys = ask_keys(report, schema)
            report = read_report(installation, defs, info, keys)
            show_rate(measure_match_rate(report.frame, keys, schema, org), schema)
            if creates:
                schema = offer_fields(
                    installation,
                    account,
                    org,
                    schema,
                    report,
                    keys=keys,
                    help_text=write_help_text(f"{info.name} to {schema.label}", info.name),
                )
            if not values:
                say_proposed(report, schema)
            made = ask_values(report, schema, keys) if values else Made()
            fields = [] if made.rows == "all" else ask_fields(report, schema, keys, made)
            absence = ask_absence([name for _, name in (*fields, *made.values)]) if values else Absence()
            earlier = [file.slug for file in defs.list() if file.spec]
            spec = ask_rest(info, schema, account, Mapped(keys, fields, made, absence), earlier)
            check(spec, schema, report, org, account)
        file = defs.create(spec)
        installation.audit.record_command(Action.CREATED, environment=spec.environment, slug=file.slug)
    console.print(f"Written: {file.name}", markup=False, soft_wrap=True)
    console.print(f"See what it would do: integration-center plan {file.slug}", markup=False)
    console.print("A Dagster that runs reads it under Deployment → Reload.", markup=False)


@dataclass(frozen=True)
class Mapped:
    """What goes where: the key pairs, columns and fields, values, and what becomes of people who drop out."""

    keys: Sequence[Pair]
    fields: Sequence[Pair]
    made: Made
    absence: Absence

    @property
    def attributes(self) -> dict[str, Any]:
        """The attributes of the integration."""
        sources = [("column", *pair) for pair in self.fields] + [("value", *pair) for pair in self.made.values]
        absent, after = self.absence.values, self.absence.after
        return {
            "keys": [{"column": column, "field": field} for column, field in self.keys],
            "fields": [
                {kind: source, "field": field, **({"absent": absent[field]} if field in absent else {})}
                for kind, source, field in sources
            ],
            "rows": self.made.rows,
            "window": self.made.window,
            "filter": self.made.filter,
            "when_absent": after and {"after": after, "then": "clear" if self.absence.clears else "keep"},
        }


def choose_account(installation: Installation) -> Account:
    """One of the connected accounts; the only one is not asked for.

    Raises:
        NotConnected: there is none.
    """
    accounts = {account.environment.value: account for account in installation.accounts.list()}
    if not accounts:
        raise NotConnected("no account is connected; run: integration-center connect sandbox")
    only = next(iter(accounts))
    given = only if len(accounts) == 1 else ask_one("Account", list(accounts), only)
    account = accounts[given]
    console.print(f"{account.environment.title}: {account.org_name}, as {account.username}", markup=False)
    return account


def choose_report(reports: Sequence[ReportInfo]) -> ReportInfo:
    """One of the visible reports.

    Raises:
        ConfigurationError: the source offers none.
    """
    usable = [info for info in reports if info.problem is None]
    if not usable:
        raise ConfigurationError("the source offers no report; custom reports need the tag integrations_salesforce")
    console.print("Reports: " + ", ".join(info.name for info in usable), markup=False)
    while True:
        given = ask("Report", default=usable[0].name)
        try:
            return find_report(usable, given)
        except (UnknownReport, ReportError) as error:
            console.print(str(error), markup=False)


def choose_object(org: Org) -> SObjectSchema:
    """The object, found by API name, label, or a part of one."""
    objects = [summary for summary in org.list_objects() if summary.queryable and summary.updateable]
    while True:
        given = ask("Salesforce object (API name, label, or a part)", default="Lead").strip().casefold()
        exact = [each for each in objects if given in (each.name.casefold(), each.label.casefold())]
        if len(exact) == 1:
            return org.describe(exact[0].name)
        alike = [each for each in objects if given in each.name.casefold() or given in each.label.casefold()]
        say_alike([_name_object(each) for each in exact or alike], "the connected user can update no object like it")


def read_report(installation: Installation, defs: DefsFolder, info: ReportInfo, keys: Sequence[Pair]) -> NewestReport:
    """The newest rows, the keys of all readers and of the new integration as text, as a run has them."""
    specs = [file.spec for file in defs.list() if file.spec and report_slug(file.spec.report) == info.slug]
    text = find_key_columns(specs) | {column for column, _ in keys}
    return read_newest(installation.source(), installation.reports, info.slug, text)


def ask_keys(report: NewestReport, schema: SObjectSchema) -> list[Pair]:
    """The key pairs, the report's own key and the likeliest field first."""
    keys: list[Pair] = []
    columns = report.frame.columns
    column_default, field_default = report.info.key_column, suggest_key(schema)
    while True:
        column = ask_one("Key: report column", columns, column_default)
        used = {field.lower() for _, field in keys}
        field = ask_field(f"{column} = {schema.name} field", rank_keys(schema), field_default, used)
        keys.append((column, field))
        if not typer.confirm("Another key pair (all must match)?", default=False):
            return keys
        column_default = field_default = None


def ask_fields(report: NewestReport, schema: SObjectSchema, keys: Sequence[Pair], made: Made) -> list[Pair]:
    """The mappings: for each column its field, or none."""
    dtypes: Mapping[str, pl.DataType] = report.likely_dtypes
    taken = {field.lower() for _, field in [*keys, *made.values]}
    proposed = suggest_targets(schema, dtypes, taken)
    while True:
        fields: list[Pair] = []
        console.print(f"Which field does each column go to? {SKIP} for none.", markup=False)
        for column, dtype in dtypes.items():
            used = taken | {field.lower() for _, field in fields}
            choices = rank_targets(schema, dtype, taken)
            given = ask_field(column, choices, proposed.get(column, SKIP), used, may_skip=True)
            if given != SKIP:
                fields.append((column, given))
        if fields or made.values:
            return fields
        console.print("Nothing is mapped yet; map at least one column.", markup=False)


def ask_rest(
    info: ReportInfo,
    schema: SObjectSchema,
    account: Account,
    mapped: Mapped,
    earlier: Sequence[str],
) -> IntegrationSpec:
    """Name and schedule, and all of it as an integration; `earlier` are those after which it may run."""
    name = ask("Name", default=f"{info.name} to {schema.label}")
    start = ask_start(earlier)
    return IntegrationSpec.model_validate(
        {
            "name": name,
            "environment": account.environment,
            "report": info.name,
            "object": schema.name,
            **mapped.attributes,
            **start,
        }
    )


def ask_start(earlier: Sequence[str]) -> dict[str, str]:
    """When it runs: a cron expression, or the integration after which it runs."""
    while True:
        given = ask("Schedule (cron, UTC; or: after INTEGRATION)", default=DEFAULT_SCHEDULE)
        word, name = (part.strip() for part in given.strip().partition(" ")[::2])
        if word.lower() == "after" and name in earlier:
            return {"after": name}
        if word.lower() == "after":
            console.print(f"There is no integration {name!r}; {say_nearest(name, earlier)}", markup=False)
            continue
        try:
            return {"schedule": check_schedule(given)}
        except ValueError as error:
            console.print(f"{error}", markup=False)


def check(spec: IntegrationSpec, schema: SObjectSchema, report: NewestReport, org: Org, account: Account) -> None:
    """The rules of every save.

    Raises:
        SchemaMismatch: it does not fit; says where.
    """
    verdict = validate(spec, schema, report, org)
    for warning in verdict.warnings:
        console.print(f"Note: {warning}.", markup=False, soft_wrap=True)
    if verdict.missing:
        console.print_lines(admin_message(verdict.missing, spec, user=account.username))
    if verdict.problems:
        raise SchemaMismatch("; ".join(verdict.problems))


def show_rate(rate: MatchRate, schema: SObjectSchema) -> None:
    """The match rate, with a few keys that match none."""
    console.print(
        f"{rate.percent:.0f} % of {rate.scope} match a record of {schema.name}: {rate.matched:,} match"
        f" one, {rate.many:,} several, {rate.unmatched:,} none",
        markup=False,
    )
    if rate.strays:
        console.print("No record has: " + ", ".join(rate.strays), markup=False, soft_wrap=True)
    if rate.hashed:
        console.print("These look like WalkMe's hashed user ids, which match no e-mail field.", markup=False)
    if rate.altered:
        console.print(f"Hardly any match: {ALTERED}.", markup=False, soft_wrap=True)


def _name_object(summary: SObjectSummary) -> str:
    return summary.name if summary.name == summary.label else f"{summary.name} ({summary.label})"
