"""What an integration does, in a sentence and in read-only tables: for its own page, which viewers read, too."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from integration_center.console.labels import Labels
from integration_center.console.past_limits import explain_limits
from integration_center.database.sync_records import SyncRecord
from integration_center.integration.mapping import FieldMapping
from integration_center.integration.schedule_words import say_times
from integration_center.integration.spec import IntegrationSpec, WhenAbsent
from integration_center.wording.sentences import capitalize_first, count

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Setting:
    """One option in words.

    Attributes:
        name: what it is about.
        text: what it says.
        past: of a limit, what it would have done in the last runs; empty where they do not show that.
    """

    name: str
    text: str
    past: str = ""


def describe_integration(spec: IntegrationSpec, labels: Labels, now: datetime) -> str:
    """Say in a sentence what an integration does: when, from which report, which fields of which records."""
    mapped = len(spec.fields)
    fields = labels.of(spec.fields[0].field) if mapped == 1 else count(mapped, "field")
    keys = " and ".join(f"{pair.column} is the {labels.of(pair.field)}" for pair in spec.keys)
    when = capitalize_first(say_times(spec.times, now, utc=True))
    return f"{when}, {spec.report} updates {fields} of {labels.object} in {spec.environment.title} where {keys}."


def list_settings(spec: IntegrationSpec, labels: Labels, now: datetime) -> list[Setting]:
    """List the options of an integration in words."""
    many = {"update_all": f"All of them are updated, up to {spec.max_matches:,}", "skip": "The row is left out"}
    return [
        Setting("Schedule", capitalize_first(say_times(spec.times, now, utc=True))),
        *([Setting("Waits for its report until", spec.arrive_by)] if spec.arrive_by else []),
        *([Setting("Does not start between", ", ".join(spec.not_between))] if spec.not_between else []),
        Setting("A report cell without a value", _say_null(spec.when_null)),
        Setting("A key that several records have", many.get(spec.when_many_match, "The run stops")),
        *(
            [Setting("Of several rows with the same key", "One value is made of all of them")]
            if spec.rows == "all"
            else []
        ),
        *(
            [Setting("Rows of", f"the {count(spec.window, 'day that ends', 'days that end')} with the run's")]
            if spec.window
            else []
        ),
        *([Setting("Only rows with", spec.filter)] if spec.filter else []),
        *([Setting("People who drop out", _say_absence(spec))] if spec.writes_absent or spec.when_absent else []),
        *([Setting("Only records with", spec.where)] if spec.where else []),
        *([Setting("Of rows with the same key, the newest by", spec.latest_by)] if spec.latest_by else []),
        *([Setting("Owners", ", ".join(spec.owners))] if spec.owners else []),
        *([Setting("Read by Gainsight from", labels.of(spec.gainsight))] if spec.gainsight else []),
    ]


def list_limits(spec: IntegrationSpec, runs: Sequence[SyncRecord]) -> list[Setting]:
    """List the limits of an integration, each with what happens when it is passed, and what it did in the last runs."""
    limits = spec.limits
    percents = limits.model_dump(exclude={"allow_empty"})
    past = explain_limits(runs, percents)

    def limit(verb: str, name: str, text: str) -> Setting:
        return Setting(verb, text.format(percents[name]), past.get(name, ""))

    return [
        limit("Held when", "min_match_rate", "fewer than {:g} % of the keys match a record"),
        limit("Held when", "max_cleared", "more than {:g} % of the records would lose a value"),
        *(
            [limit("Held when", "max_changed", "more than {:g} % of the records would change")]
            if limits.max_changed is not None
            else []
        ),
        limit("Held when", "max_absent", "more than {:g} % of the people drop out of the report at once"),
        limit("Failed when", "max_failed", "more than {:g} % of the records are refused or cannot be sent"),
        Setting("A report without rows", "is no error" if limits.allow_empty else "fails the run"),
    ]


def list_field_options(mapping: FieldMapping) -> list[str]:
    """List what is special about how a field is written, in words."""
    return [
        *(["Calculated"] if mapping.value is not None else []),
        *([f"Of people who drop out: {mapping.absent}"] if mapping.absent is not None else []),
        *([_say_null(mapping.when_null)] if mapping.when_null else []),
        *(["Text that is too long is cut"] if mapping.truncate else []),
        *(["A value that does not fit is left out"] if mapping.on_unfit == "empty" else []),
        *([f"Multiplied by {mapping.factor:g}"] if mapping.factor is not None else []),
    ]


def _say_absence(spec: IntegrationSpec) -> str:
    absence = spec.when_absent or WhenAbsent()
    fields = "their fields are emptied" if absence.then == "clear" else "their fields keep what they hold"
    named = ", but for those with a value of their own" if any(each.absent is not None for each in spec.fields) else ""
    return f"After {count(absence.after, 'day')} {fields}{named}"


def _say_null(when_null: str) -> str:
    return "Clears the field" if when_null == "clear" else "Leaves the field as it is"
