"""The fields that a list offers, in groups. Those that cannot be chosen come last, disabled, with the reason."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from integration_center.sync.mapping.suggestions import Choice, suggest_api_name
from integration_center.sync.schema import SObjectSchema

MISSING = "Not there, or hidden from the connected user"
NEW = "Not there yet: ask the Salesforce admin for"
WALKME = "WalkMe fields"


@dataclass(frozen=True)
class Option:
    """One line of a list. The selected one is never disabled: a browser does not send a disabled option."""

    value: str
    text: str
    disabled: bool = False
    selected: bool = False


Group = tuple[str, Sequence[Option]]


def select_option(groups: Sequence[Group], chosen: str) -> list[Group]:
    """Return the groups with the chosen value selected, in upper or lower case, and without groups that are empty."""
    wanted = chosen.lower()
    return [
        (
            says,
            [
                replace(option, selected=True, disabled=False) if option.value.lower() == wanted else option
                for option in options
            ],
        )
        for says, options in groups
        if options
    ]


def group_keys(choices: Sequence[Choice], chosen: str, used: Collection[str]) -> list[Group]:
    """Fields as keys.

    Args:
        choices: what `rank_keys` gives.
        chosen: the field of this pair; it may be missing from the object.
        used: the fields of the other pairs, in small letters: each Salesforce identifier is usable once.
    """
    sure = [choice for choice in choices if choice.reason is None and choice.suggested]
    other = [choice for choice in choices if choice.reason is None and not choice.suggested]
    return select_option(
        [
            (MISSING, _missing([choice.field.name for choice in choices], chosen)),
            ("Suggested", [_offer(choice, used) for choice in sure]),
            ("Other fields", [_offer(choice, used) for choice in other]),
            ("Cannot be keys", [_refuse(choice) for choice in choices if choice.reason]),
        ],
        chosen,
    )


def group_targets(
    choices: Sequence[Choice], schema: SObjectSchema, chosen: str, column: str, used: Collection[str]
) -> list[Group]:
    """Fields as targets of a column.

    Args:
        choices: what `rank_targets` gives: without key fields.
        schema: the object.
        chosen: the field of this row; it may be missing from the object.
        column: the report column, empty while none is chosen.
        used: the fields of the other rows, in small letters.
    """
    fit = [choice for choice in choices if choice.reason is None]
    ours = [choice for choice in fit if choice.suggested]
    wish = suggest_api_name(column) if column else ""
    wished = [Option(wish, wish)] if wish and schema.get(wish) is None and wish.lower() != chosen.lower() else []
    return select_option(
        [
            (MISSING, _missing([field.name for field in schema.fields], chosen)),
            (WALKME, [_offer(choice, used) for choice in ours]),
            ("Fields", [_offer(choice, used) for choice in fit if not choice.suggested]),
            (NEW, wished),
            ("Cannot be written", [_refuse(choice) for choice in choices if choice.reason]),
        ],
        chosen,
    )


def _offer(choice: Choice, used: Collection[str]) -> Option:
    taken = choice.field.name.lower() in used
    return Option(choice.field.name, _name(choice) + (" – used already" if taken else ""), taken)


def _refuse(choice: Choice) -> Option:
    return Option(choice.field.name, f"{_name(choice)} – {choice.reason}", disabled=True)


def _missing(names: Collection[str], chosen: str) -> list[Option]:
    known = {name.lower() for name in names}
    return [Option(chosen, chosen)] if chosen and chosen.lower() not in known else []


def _name(choice: Choice) -> str:
    field = choice.field
    return field.label if field.label == field.name else f"{field.label} · {field.name}"
