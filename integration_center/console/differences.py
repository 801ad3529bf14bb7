"""In what versions of one integration differ, in words: for two people who edit it, and for the audit log."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from integration_center.console.labels import Labels
from integration_center.console.overview import LONG_AGO, list_field_options, list_settings
from integration_center.integration.mapping import FieldMapping
from integration_center.integration.spec import IntegrationSpec

NONE = "none"
LIMIT_NAMES = {
    "min_match_rate": "Held below this match rate",
    "max_cleared": "Held when more records would lose a value",
    "max_changed": "Held when more records would change",
    "max_failed": "Failed when more records are refused or cannot be sent",
    "max_absent": "Held when more people drop out at once",
    "allow_empty": "A report without rows is no error",
}
NAMES = {
    "name": "Name",
    "report": "Report",
    "object": "Object",
    "enabled": "On the schedule",
    "timezone": "Time zone",
    "max_matches": "Most records of one key",
    "ignore_invalid": "Addresses that a sandbox changed are matched",
    "rerun_on_change": "A changed report runs its day again",
}
WORDED = frozenset({"environment", "keys", "fields", "limits", "schedule", "after", "arrive_by", "not_between"}) | {
    *("when_null", "when_many_match", "rows", "window", "filter", "when_absent", "where", "latest_by", "owners"),
    *("gainsight", "account"),
}
"""The attributes that `_list_values` says in sentences; all others are said by their names and values."""
PRIVATE = ("Only rows with", "Only records with", "Owners")


@dataclass(frozen=True)
class Difference:
    """A setting that not all versions say the same of.

    Attributes:
        name: what it is about, in words.
        texts: what each version says of it.
        private: whether the texts can hold a person's data or a secret: conditions, calculations, owners, and tags,
            which can be the settings of a cluster.
    """

    name: str
    texts: tuple[str, ...]
    private: bool


@dataclass(frozen=True)
class _Value:
    name: str
    text: str
    private: bool = False


def compare_versions(specs: Sequence[IntegrationSpec], labels: Labels) -> list[Difference]:
    """List the settings in which versions of an integration differ, in the order of its page."""
    versions = [_list_values(spec, labels) for spec in specs]
    names = dict.fromkeys(key for version in versions for key in version)
    rows = [[version.get(key, _Value("", NONE)) for version in versions] for key in names]
    return [
        Difference(
            next(value.name for value in row if value.name),
            tuple(value.text for value in row),
            any(value.private for value in row),
        )
        for row in rows
        if len({value.text for value in row}) > 1
    ]


def describe_changes(before: IntegrationSpec, after: IntegrationSpec, labels: Labels) -> str:
    """Say before and after of what an edit changed, for the audit log; private texts are left out."""
    return "; ".join(
        each.name if each.private else f"{each.name} from {each.texts[0]} to {each.texts[1]}"
        for each in compare_versions([before, after], labels)
    )


def _list_values(spec: IntegrationSpec, labels: Labels) -> dict[str, _Value]:
    """List what an integration says, by keys that are the same in each version."""
    rest = {
        name: _Value(
            NAMES.get(name, name.replace("_", " ").capitalize()),
            _say(value := getattr(spec, name)),
            not isinstance(value, str | int | float | date | None),
        )
        for name in type(spec).model_fields
        if name not in WORDED
    }
    keys = " and ".join(f"{pair.column} is the {labels.of(pair.field)}" for pair in spec.keys)
    settings = {
        each.name: _Value(each.name, each.text, each.name in PRIVATE) for each in list_settings(spec, labels, LONG_AGO)
    }
    fields = {
        f"field {each.field.lower()}": _Value(
            labels.of(each.field), _say_mapping(each), each.value is not None or each.absent is not None
        )
        for each in spec.fields
    }
    limits = {name: _Value(label, _say_limit(getattr(spec.limits, name))) for name, label in LIMIT_NAMES.items()}
    return {
        "name": rest.pop("name"),
        "account": _Value("Account", spec.environment.title),
        "keys": _Value("Key", keys),
        **fields,
        **settings,
        **limits,
        **rest,
    }


def _say_mapping(mapping: FieldMapping) -> str:
    source = mapping.column if mapping.value is None else mapping.value
    return "; ".join([f"{source}", *list_field_options(mapping)])


def _say_limit(value: object) -> str:
    return f"{value:g} %" if isinstance(value, int | float) and not isinstance(value, bool) else _say(value)


def _say(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value}" if value else NONE
