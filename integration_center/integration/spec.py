"""The model of an integration: environment + report + object + key pairs + field mappings + options.

Pure data and the rules that need neither a report nor an org. The live rules (does the field exist, can it hold
the column) are in `integration_center.sync.mapping.fitness`; the rule across integrations is `find_conflicts` here.
"""

import keyword
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from integration_center.errors import ConfigurationError
from integration_center.integration.condition import check_condition
from integration_center.integration.schedule import (
    DEFAULT_SCHEDULE,
    DEFAULT_ZONE,
    Clock,
    QuietTimes,
    RunTimes,
    Schedule,
    Zone,
)
from integration_center.wording.near_names import say_nearest

SLUG = re.compile(r"^[a-z0-9_]+$")
OUR_NAMES = frozenset(
    {"insights", "salesforce", "gainsight", "sync", "retention", "delete_old_files"}
    | {
        f"{verb}_{environment}"
        for verb in ("undo", "write_back", "release", "send_released")
        for environment in ("sandbox", "production")
    }
)
"""Jobs, ops and groups of the product itself."""
DAGSTER_NAMES = frozenset(
    {"context", "conf", "config", "meta", "arg_dict", "dict", "input_arg_dict", "output_arg_dict", "int", "str"}
    | {"float", "bool", "input", "output", "type", *keyword.kwlist}
)
"""Names that Dagster 1.13 gives to no job, op or group. Source: `dagster._core.definitions.utils.DISALLOWED_NAMES`."""
STEP_NAME = re.compile(r"^insights__|__(update_set|push|send)$")
"""How the steps of reports and of integrations are called: a job must not have the name of a step."""
OWNER = re.compile(r"team:.+|\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Z|a-z]{2,7}\b", re.DOTALL)
"""Whom Dagster takes for the owner of an asset. Source: `is_valid_email` and `is_valid_owner` of Dagster 1.13."""
WhenNull = Literal["keep", "clear"]
WhenUnfit = Literal["reject", "empty"]
WhenManyMatch = Literal["update_all", "skip", "fail"]


class Environment(StrEnum):
    """A slot for one connected org."""

    SANDBOX = "sandbox"
    PRODUCTION = "production"

    @property
    def title(self) -> str:  # type: ignore[override]
        """The name as shown to people."""
        return self.value.capitalize()


def read_percent(value: object) -> object:
    """`"10 %"`, `"10%"` and `10` all mean ten percent."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return value.strip()[:-1].strip()
    return value


Percent = Annotated[float, BeforeValidator(read_percent), Field(ge=0, le=100)]
Name = Annotated[str, Field(min_length=1, max_length=255)]
ApiName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=255)]


class Model(BaseModel):
    """Frozen, and strict about unknown attributes: a misspelt option is an error, not silence."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class KeyPair(Model):
    """A report column and the object field it is matched to.

    Attributes:
        column: the report column that holds the key.
        field: the API name of the field that holds the same key.
    """

    column: Name
    field: ApiName


class FieldMapping(Model):
    """A report column and the object field it is written to.

    Attributes:
        column: the report column that holds the value.
        field: the API name of the field to write.
        when_null: overrides the integration's own `when_null` for this field.
        truncate: cut text that is too long instead of rejecting the line.
        on_unfit: what happens where the field cannot hold a value: `reject` leaves the whole record as it is, `empty`
            leaves this field alone and writes the others.
        factor: multiplies a number before it is written, such as 0.01 for a percentage kept as a fraction.
    """

    column: Name
    field: ApiName
    when_null: WhenNull | None = None
    truncate: bool = False
    on_unfit: WhenUnfit = "reject"
    factor: Annotated[float, Field(allow_inf_nan=False)] | None = None


class Limits(Model):
    """What stops a push, in percent.

    Attributes:
        min_match_rate: percent of the rows with a key that must match a record.
        max_cleared: percent of the matched records that may lose a value.
        max_changed: percent of the matched records that may change at all. Off by default.
        max_failed: percent of rejected, conflict, failed, unprocessed and unknown lines, among those and the updated,
            overridden and unchanged ones, above which the run is Failed.
        allow_empty: a report without rows is no error.
    """

    min_match_rate: Percent = 1
    max_cleared: Percent = 10
    max_changed: Percent | None = None
    max_failed: Percent = 10
    allow_empty: bool = False


class IntegrationSpec(Model):
    """One integration, as its `defs.yaml` says it.

    Attributes:
        name: what people call the integration.
        environment: `sandbox` or `production`.
        report: the name, alias or slug of the report. Case makes no difference.
        object: the API name of the Salesforce object.
        keys: pairs of `column` and `field`. With several pairs, all must match.
        fields: pairs of `column` and `field` to write, each with its own options.
        enabled: `false` takes the integration off the schedule. It then runs only by its own Run Now, by
            `integration-center run`, or with `run_disabled: true` in the run config of its push.
        schedule: a cron expression, in the time zone `timezone`.
        timezone: of the schedule and of the other times of the day, such as `Europe/Berlin`.
        not_between: quiet times such as `["22:00-06:00"]`, in which no run starts by itself. What falls into one
            starts when it ends.
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
    """

    name: Name
    environment: Environment
    report: Name
    object: ApiName
    keys: tuple[KeyPair, ...] = Field(min_length=1)
    fields: tuple[FieldMapping, ...] = Field(min_length=1)
    enabled: bool = True
    schedule: Schedule = DEFAULT_SCHEDULE
    timezone: Zone = DEFAULT_ZONE
    not_between: QuietTimes = ()
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
    approval: Annotated[
        Literal["off", "required"],
        Field(
            description="`required` ends a run that has something to write as Waiting for approval. Somebody who did"
            " not change the integration last then releases or rejects its plan."
        ),
    ] = "off"
    canary: Annotated[
        int | None,
        Field(
            ge=1,
            le=10_000,
            description="So many records are written first, and read back. The others follow only when the org holds"
            " what was written; else they are held.",
        ),
    ] = None

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

    def when_null_of(self, mapping: FieldMapping) -> WhenNull:
        """What an empty report value does to the field of `mapping`."""
        return mapping.when_null or self.when_null

    @property
    def times(self) -> RunTimes:
        """When it runs by itself."""
        return RunTimes(self.schedule, self.timezone, self.not_between, self.arrive_by)

    @property
    def waits(self) -> bool:
        """Whether a run may start later than its schedule says, so that Dagster's schedule alone cannot start it."""
        return self.arrive_by is not None or bool(self.not_between)

    @property
    def runs_daily(self) -> bool:
        """Whether it runs with all others, at the time of the daily schedule."""
        return self.times == RunTimes(DEFAULT_SCHEDULE)

    @property
    def columns(self) -> tuple[str, ...]:
        """The report columns this integration reads, each once, in order of first use."""
        named = [pair.column for pair in self.keys] + [mapping.column for mapping in self.fields]
        if self.latest_by:
            named.append(self.latest_by)
        return tuple(dict.fromkeys(named))


def is_reserved(slug: str) -> bool:
    """Whether a name that looks like a slug is one that Dagster or the product needs for something else."""
    return slug in OUR_NAMES or slug in DAGSTER_NAMES or STEP_NAME.search(slug) is not None


def check_slug(slug: str) -> str:
    """`slug` itself.

    Raises:
        ConfigurationError: it is no lower-case name of letters, digits and underscores, or a reserved one.
    """
    if is_reserved(slug):
        raise ConfigurationError(
            f"folder {slug!r}: Dagster or the Integration Center itself uses this name; rename the folder, for example"
            f" to {free_slug(slug)!r}"
        )
    if not SLUG.fullmatch(slug):
        raise ConfigurationError(
            f"folder {slug!r}: rename it; an integration's folder may hold only lower-case letters, digits and _"
        )
    return slug


def free_slug(slug: str, taken: Collection[str] = ()) -> str:
    """`slug`, or one like it that is neither reserved nor taken."""
    base = STEP_NAME.sub("", slug).strip("_") or "integration"
    found, number = slug, 1
    while found in taken or is_reserved(found):
        number += 1
        found = f"{base}_{number}"
    return found


def name_broken(folder: str, taken: Collection[str]) -> str:
    """The folder's name, so that its history goes on; where that is taken or can be no slug, one like it."""
    if SLUG.fullmatch(folder) and not is_reserved(folder) and folder not in taken:
        return folder
    name = "broken_" + "".join(char if char.isascii() and char.isalnum() else "_" for char in folder).lower()
    while name in taken or is_reserved(name):
        name += "_"
    return name


def find_conflicts(integrations: Mapping[str, IntegrationSpec]) -> dict[str, str]:
    """The slugs of enabled integrations that write a field another enabled one writes, with the reason.

    The first keeps the field. Given the oldest first, adding an integration never breaks one that runs.
    """
    owners: dict[tuple[Environment, str, str], str] = {}
    conflicts: dict[str, list[str]] = defaultdict(list)
    for slug, spec in integrations.items():
        if not spec.enabled:
            continue
        for mapping in spec.fields:
            owner = owners.setdefault((spec.environment, spec.object.lower(), mapping.field.lower()), slug)
            if owner != slug:
                field = f"{spec.object}.{mapping.field}"
                conflicts[slug].append(f"{field} is already written by integration {owner!r}; disable one of the two")
    return {slug: "; ".join(reasons) for slug, reasons in conflicts.items()}


def require_columns(spec: IntegrationSpec, available: Iterable[str]) -> None:
    """Check that the report holds every column the integration names.

    Raises:
        ConfigurationError: names the missing columns and those there are.
    """
    there = list(available)
    missing = [column for column in spec.columns if column not in there]
    if missing:
        said = "; ".join(f"no column {column!r}; {say_nearest(column, there)}" for column in missing)
        raise ConfigurationError(f"report {spec.report!r} has {said}")
