"""The model of an integration: environment + report + object + key pairs + field mappings + options.

Pure data and the rules that need neither a report nor an org. The live rules (does the field exist, can it hold
the column) are in `integration_center.sync.mapping.fitness`; the rules across
integrations are in `conflicts` and `chain` here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from integration_center.errors import ConfigurationError
from integration_center.integration.account_name import (
    NamedAccount,
    NamedEnvironment,
    name_environment,
    write_environment,
)
from integration_center.integration.condition import check_condition
from integration_center.integration.environment import Environment as Environment
from integration_center.integration.environment import OrgKind as OrgKind
from integration_center.integration.expression import Expression, parse_expression
from integration_center.integration.limits import Limits as Limits
from integration_center.integration.limits import Percent as Percent
from integration_center.integration.limits import WhenAbsent as WhenAbsent
from integration_center.integration.mapping import (
    ApiName,
    FieldMapping,
    KeyPair,
    Model,
    Name,
    Sql,
    WhenNull,
    read_expression,
)
from integration_center.integration.schedule import (
    DEFAULT_SCHEDULE,
    DEFAULT_ZONE,
    Clock,
    QuietTimes,
    RunTimes,
    Schedule,
    Zone,
)
from integration_center.integration.source import AssetSource, describe_integration, name_asset
from integration_center.integration.sql_words import quote_name
from integration_center.integration.variables import fill_in_variables
from integration_center.wording.near_names import say_nearest

OWNER = re.compile(r"team:.+|\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Z|a-z]{2,7}\b", re.DOTALL)
"""Whom Dagster takes for the owner of an asset. Source: `is_valid_email` and `is_valid_owner` of Dagster 1.13."""
WhenManyMatch = Literal["update_all", "skip", "fail"]
Rows = Literal["newest", "all"]


class IntegrationSpec(Model):
    """One integration, as its `defs.yaml` says it.

    Attributes:
        name: what people call the integration.
        environment: `sandbox` or `production`: the first account of its kind. Left out where `account` is given.
        account: the name of any account, such as `emea-prod`, in place of `environment`.
        report: the name, alias or slug of the report. Case makes no difference. Left out where `source` is given.
        source: an asset of the team to read instead of a report; see below.
        object: the API name of the Salesforce object.
        keys: pairs of `column` and `field`. With several pairs, all must match.
        fields: pairs of `column` or `value`, and the `field` to write, each with its own options.
        rows: `newest` uses one row per key. `all` makes one value of all rows of a key: each mapping then has a `value`
            that aggregates, such as `AVG("Course Progress")`.
        window: for reports of events: the number of days, ending with the day of the run, whose rows are used.
        filter: an SQL condition on the report's rows. Rows that do not meet it are left out.
        when_absent: what happens to the records of people who dropped out of the report; see below.
        enabled: `false` takes the integration off the schedule. It then runs only by its own Run Now, by
            `integration-center run`, or with `run_disabled: true` in the run config of its push.
        schedule: a cron expression, in the time zone `timezone`.
        timezone: of the schedule and of the other times of the day, such as `Europe/Berlin`.
        not_between: quiet times such as `["22:00-06:00"]`, in which no run starts by itself. What falls into one
            starts when it ends.
        after: the folder of another integration. A run then starts when one of that integration has completed, for the
            same days, and `schedule` is not used.
        paused_until: a date such as `2026-12-24`. Until the beginning of that day, no run starts by itself.
        arrive_by: a time of the day such as `"12:00"`. A run then waits for the day's report: it starts as soon as
            the report has landed, at the earliest at the time of the schedule, at the latest at this time.
        rerun_on_change: with `arrive_by`, a report that is dropped again with other content runs its day again.
        when_null: what an empty report value does: `keep` the field, or `clear` it.
        when_many_match: what happens to a key that several records have: `update_all` updates them, `skip` makes them
            ambiguous, `fail` fails the run.
        max_matches: a key that more records have is ambiguous.
        ignore_invalid: in a sandbox, Salesforce changes addresses to `ann@x.com.invalid` or `ann=x.com@example.com`.
            `true` matches them as `ann@x.com`.
        latest_by: the column that says which of several rows of one key is the newest, over all days of events,
            whenever they run. Text must be ISO times or numbers. The report may bring its own.
        where: a SOQL condition that narrows the records, such as `IsConverted = false AND Country = 'Germany'`: the
            condition alone, without WHERE, other clauses or subqueries.
        limits: what stops a push; see below.
        owners: e-mail addresses or team names, shown in Dagster.
        gainsight: the Gainsight object that reads the Salesforce one, for lineage.
        automation: what starts the integration instead of its schedule: `eager` (when its input is materialized),
            `on_cron` (at its schedule, once its input is newer) or `on_missing`.
        prefix: what the names of assets and jobs begin with, so that several projects share one Dagster deployment.
        group: the group of its assets in Dagster. Without it, the slug.
        tags: tags of its assets in Dagster, for the asset catalogue.
        kinds: kinds of its assets in Dagster, besides our own.
        op_tags: tags of its steps, such as `dagster-k8s/config`.
        plan_retries: how often the planning step is tried again after an error that may pass. A push is never retried.
        give_up_after: days after which a record that Salesforce refuses run after run is no longer sent, until it or
            its row in the report changes.
        approval: `required` ends a run that has something to write as Waiting for approval. Somebody who did not
            change the integration last then releases or rejects its plan.
        canary: so many records are written first and read back. The others follow only when the org holds what was
            written; else they are held.
    """

    model_config = ConfigDict(json_schema_extra=describe_integration)

    name: Name
    environment: NamedEnvironment
    account: NamedAccount = None  # in a file alone; see `name_environment`
    report: Name
    source: AssetSource | None = None
    object: ApiName
    keys: tuple[KeyPair, ...] = Field(min_length=1)
    fields: tuple[FieldMapping, ...] = Field(min_length=1)
    rows: Rows = "newest"
    window: Annotated[int | None, Field(ge=1, le=366)] = None
    filter: Sql | None = None
    when_absent: WhenAbsent | None = None
    enabled: bool = True
    schedule: Schedule = DEFAULT_SCHEDULE
    timezone: Zone = DEFAULT_ZONE
    not_between: QuietTimes = ()
    after: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$", max_length=255)] | None = None
    paused_until: date | None = None
    arrive_by: Clock | None = None
    rerun_on_change: bool = True
    when_null: WhenNull = "keep"
    when_many_match: WhenManyMatch = "update_all"
    max_matches: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    ignore_invalid: bool = False
    latest_by: Name | None = None
    where: str | None = None
    limits: Limits = Limits()
    batch_size: Annotated[
        int | None,
        Field(
            ge=1,
            le=200,
            description="Records that Salesforce saves as one transaction, 1 to 200. Set it where triggers or flows of"
            " the org fail with more. Without it, the size that worked in the last runs is used.",
        ),
    ] = None
    duplicate_rules: Annotated[
        Literal["respect", "allow"],
        Field(
            description="What happens to a record for which a duplicate rule of the org alerts: `respect` leaves it as"
            " it is, `allow` saves it. Rules that block cannot be passed."
        ),
    ] = "respect"
    owners: tuple[str, ...] = ()
    gainsight: ApiName | None = None
    automation: Literal["eager", "on_cron", "on_missing"] | None = None
    prefix: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)] | None = None
    group: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$", max_length=255)] | None = None
    tags: Mapping[str, str] = {}
    kinds: tuple[str, ...] = Field(default=(), max_length=1)
    op_tags: Mapping[str, Any] = {}
    plan_retries: Annotated[int, Field(ge=0, le=10)] = 0
    give_up_after: Annotated[int, Field(ge=1, le=3650)] = 14
    approval: Literal["off", "required"] = "off"
    canary: Annotated[int, Field(ge=1, le=10_000)] | None = None

    @model_validator(mode="before")
    @classmethod
    def name_source(cls, data: Any) -> Any:
        """An asset that is read takes the place of the report; see `name_asset`."""
        return name_asset(data)

    @model_validator(mode="before")
    @classmethod
    def name_account(cls, data: Any) -> Any:
        """An account that is named takes the place of the environment; see `name_environment`."""
        return name_environment(data)

    @model_validator(mode="before")
    @classmethod
    def fill_in(cls, data: Any) -> Any:
        """Variables of the environment become their values, before anything else looks; see `fill_in_variables`."""
        return fill_in_variables(data)

    @model_serializer(mode="wrap")
    def say_account(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Say the account the way that `name_account` reads it."""
        return write_environment(handler(self))

    @field_validator("where")
    @classmethod
    def check_where(cls, value: str | None) -> str | None:
        """A SOQL condition alone; the org is asked about its fields and values when it is used."""
        return None if value is None else check_condition(value)

    @field_validator("owners")
    @classmethod
    def check_owners(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Addresses and teams, as Dagster takes them."""
        for owner in value:
            if not OWNER.fullmatch(owner):
                raise ValueError(f"{owner!r} is neither an e-mail address nor a team, such as 'team:success'")
        return value

    @model_validator(mode="after")
    def check_fields(self) -> Self:
        """A Salesforce field is used once, and each identifier pairs with one report column."""
        seen: set[str] = set()
        for pair in self.keys:
            if pair.field.lower() in seen:
                raise ValueError(
                    f"keys: field {pair.field} is used twice; each Salesforce identifier pairs with one column"
                )
            seen.add(pair.field.lower())
        key_fields = set(seen)
        for mapping in self.fields:
            if mapping.field.lower() in key_fields:
                raise ValueError(f"fields: {mapping.field} is a key field, and a key field is never written")
            if mapping.field.lower() in seen:
                raise ValueError(f"fields: {mapping.field} is written twice; remove one of the two mappings")
            seen.add(mapping.field.lower())
        return self

    @model_validator(mode="after")
    def check_rows(self) -> Self:
        """Values aggregate exactly where the rows of a key form one record."""
        condition = read_expression("filter", self.filter)
        if condition and condition.aggregates:
            raise ValueError(
                "filter: it judges each row by itself, so it cannot aggregate; leave out SUM, COUNT and the like"
            )
        for mapping in self.fields:
            found = mapping.expression
            if self.rows == "newest" and found and found.aggregates:
                raise ValueError(
                    f"value of {mapping.field}: it makes one value of many rows; that needs `rows: all` in the"
                    " integration"
                )
            if self.rows == "all" and found is None:
                raise ValueError(
                    f"fields: {mapping.field} takes column {mapping.column!r}, but with `rows: all` each field needs a"
                    f" value that aggregates, such as value: 'MAX({quote_name(mapping.column or '')})'"
                )
        return self

    @model_validator(mode="after")
    def check_start(self) -> Self:
        """One thing starts it: times and deadlines, or a condition; and only reports are waited for."""
        if self.automation and self.waits:
            raise ValueError("automation starts it by a condition; take out after, arrive_by and not_between")
        if self.automation and self.paused_until:
            raise ValueError("automation starts it by a condition; to pause it, say `enabled: false`")
        if self.after and self.schedule != DEFAULT_SCHEDULE:
            raise ValueError(f"after starts it when {self.after} has run, so take out schedule")
        if self.after and self.arrive_by:
            raise ValueError(f"after starts it when {self.after} has run, so take out arrive_by")
        if self.source and self.arrive_by:
            raise ValueError("arrive_by waits for a report; for an asset, say `automation: eager`")
        return self

    def slug_in(self, folder: str) -> str:
        """The slug of the integration in a folder: its name, after the prefix."""
        return f"{self.prefix}_{folder}" if self.prefix else folder

    @property
    def condition(self) -> Expression | None:
        """The expression of `filter`, if there is one."""
        return None if self.filter is None else parse_expression(self.filter)

    @property
    def shapes_rows(self) -> bool:
        """Whether rows are filtered, or values are made of them, before they are matched."""
        return self.rows == "all" or self.filter is not None or any(each.value is not None for each in self.fields)

    @property
    def writes_absent(self) -> bool:
        """Whether anything is written to the records of people who dropped out of the report."""
        clears = self.when_absent is not None and self.when_absent.then == "clear"
        return clears or any(mapping.absent is not None for mapping in self.fields)

    def when_null_of(self, mapping: FieldMapping) -> WhenNull:
        """What an empty report value does to the field of `mapping`."""
        return mapping.when_null or self.when_null

    @property
    def times(self) -> RunTimes:
        """When it runs by itself."""
        return RunTimes(self.schedule, self.timezone, self.not_between, self.arrive_by, self.after, self.paused_until)

    @property
    def waits(self) -> bool:
        """Whether a run may start later than its schedule says, so that Dagster's schedule alone cannot start it."""
        return self.arrive_by is not None or bool(self.not_between) or self.after is not None

    @property
    def runs_daily(self) -> bool:
        """Whether it runs with all others, at the time of the daily schedule."""
        return replace(self.times, paused_until=None) == RunTimes(DEFAULT_SCHEDULE)

    @property
    def key_columns(self) -> list[str]:
        """The report columns of the key pairs."""
        return [pair.column for pair in self.keys]

    @property
    def key_fields(self) -> list[str]:
        """The Salesforce fields of the key pairs."""
        return [pair.field for pair in self.keys]

    @property
    def named_fields(self) -> list[str]:
        """The Salesforce fields of the key pairs, then those that are written."""
        return [*self.key_fields, *(mapping.field for mapping in self.fields)]

    @property
    def columns(self) -> tuple[str, ...]:
        """The report columns this integration reads, each once, in order of first use."""
        named = self.key_columns + [name for mapping in self.fields for name in mapping.columns]
        named += self.condition.columns if self.condition else ()
        named += [self.latest_by] if self.latest_by else []
        return tuple(dict.fromkeys(named))


def require_columns(spec: IntegrationSpec, available: Iterable[str]) -> None:
    """Check that the report holds every column the integration names.

    Raises:
        ConfigurationError: names the missing columns and those there are.
    """
    there = list(available)
    if missing := [column for column in spec.columns if column not in there]:
        said = "; ".join(f"no column {column!r}; {say_nearest(column, there)}" for column in missing)
        raise ConfigurationError(f"report {spec.report!r} has {said}")
