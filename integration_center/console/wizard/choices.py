"""The fields that a list offers, in groups. Those that cannot be chosen come last, disabled, with the reason."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from html import escape
from typing import NamedTuple

import polars as pl
from markupsafe import Markup

from integration_center.sync.mapping.suggestions import Choice, rank_targets, suggest_api_name
from integration_center.sync.schema import SObjectSchema

MISSING = "Not there, or hidden from the connected user"
NEW = "Not there yet: ask the Salesforce admin for"
WALKME = "WalkMe fields"


@dataclass(frozen=True)
class Option:
    """One line of a list. The selected one is never disabled: a browser does not send a disabled option.

    Attributes:
        taken: whether it is disabled because another row has it.
    """

    value: str
    text: str
    disabled: bool = False
    selected: bool = False
    taken: bool = False

    @cached_property
    def key(self) -> str:
        """The value as Salesforce compares names: in small letters."""
        return self.value.lower()

    @cached_property
    def html(self) -> str:
        """The line as HTML. The rows of a page share most lines of their long lists, and each is written once."""
        taken = self.taken and not self.selected
        state = " selected" if self.selected else " disabled" if self.disabled else ""
        text = f"{self.text} – used already" if taken else self.text
        mark = " data-taken" if taken else ""
        return f'<option value="{escape(self.value)}"{state}{mark}>{escape(text)}</option>'


class Group(NamedTuple):
    """Some lines of a list, below one heading.

    Attributes:
        says: the heading; empty for none.
        options: its lines.
        own: whether other lists for the same type of column do not have it.
    """

    says: str
    options: Sequence[Option]
    own: bool = False

    @property
    def html(self) -> Markup:
        """Its lines as HTML. A template that writes 800 lines one by one takes five times as long."""
        return Markup("\n".join(option.html for option in self.options))  # noqa: S704 - each line is escaped


def name_list(choices: Sequence[Choice]) -> str:
    """Name what lists for the same type of column have in common: a page needs it once."""
    return _name([f"{each.field.name}\t{each.field.label}\t{each.reason}\t{each.suggested}" for each in choices])


def name_columns(columns: Sequence[tuple[str, str]]) -> str:
    """Name the list of a report's columns."""
    return _name([f"{name}\t{kind}" for name, kind in columns])


def _name(lines: Sequence[str]) -> str:
    return hashlib.blake2s("\n".join(lines).encode(), digest_size=6).hexdigest()


def select_option(groups: Sequence[Group], chosen: str, used: Collection[str] = ()) -> list[Group]:
    """Return the groups without those that are empty, with what is chosen and what other rows use marked.

    Args:
        groups: as each list has them.
        chosen: the value that is selected, in upper or lower case.
        used: the values of other rows, in small letters.
    """
    wanted = chosen.lower()
    changed = {wanted, *used}

    def mark(option: Option) -> Option:
        if option.key == wanted:
            return replace(option, selected=True, disabled=False, taken=wanted in used)
        return option if option.disabled else replace(option, disabled=True, taken=True)

    return [
        Group(group.says, [mark(each) if each.key in changed else each for each in group.options], group.own)
        for group in groups
        if group.options
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
            Group(MISSING, _missing([choice.field.name for choice in choices], chosen)),
            Group("Suggested", [_offer(choice) for choice in sure]),
            Group("Other fields", [_offer(choice) for choice in other]),
            Group("Cannot be keys", [_refuse(choice) for choice in choices if choice.reason]),
        ],
        chosen,
        used,
    )


@lru_cache(maxsize=32)
def offer_targets(
    schema: SObjectSchema, dtype: pl.DataType | None, keys: frozenset[str]
) -> tuple[str, Sequence[Group]]:
    """Return the name of the list for one type of column, and the groups that all such lists have.

    A page asks for them again with each change, and for an object of 800 fields that takes most of its time.

    Args:
        schema: the object.
        dtype: what the column holds; None while no column is chosen.
        keys: the key fields in small letters, which are left out.
    """
    choices = rank_targets(schema, dtype, taken=keys)
    fit = [choice for choice in choices if choice.reason is None]
    return name_list(choices), (
        Group(WALKME, [_offer(choice) for choice in fit if choice.suggested]),
        Group("Fields", [_offer(choice) for choice in fit if not choice.suggested]),
        Group("Cannot be written", [_refuse(choice) for choice in choices if choice.reason]),
    )


def group_targets(
    shared: Sequence[Group],
    schema: SObjectSchema,
    chosen: str,
    column: str,
    used: Collection[str],
    *,
    own_only: bool = False,
) -> list[Group]:
    """Fields as targets of a column.

    Args:
        shared: the groups of `offer_targets`.
        schema: the object.
        chosen: the field of this row; it may be missing from the object.
        column: the report column, empty while none is chosen.
        used: the fields of the other rows, in small letters.
        own_only: leave out the groups that all lists of this type of column have.
    """
    wish = suggest_api_name(column) if column else ""
    wished = [Option(wish, wish)] if wish and schema.get(wish) is None and wish.lower() != chosen.lower() else []
    own = [
        Group(MISSING, _missing([field.name for field in schema.fields], chosen), own=True),
        Group(NEW, wished, own=True),
    ]
    return select_option(own if own_only else [*own, *shared], chosen, used)


def _offer(choice: Choice) -> Option:
    return Option(choice.field.name, _title(choice))


def _refuse(choice: Choice) -> Option:
    return Option(choice.field.name, f"{_title(choice)} – {choice.reason}", disabled=True)


def _missing(names: Collection[str], chosen: str) -> list[Option]:
    known = {name.lower() for name in names}
    return [Option(chosen, chosen)] if chosen and chosen.lower() not in known else []


def _title(choice: Choice) -> str:
    field = choice.field
    return field.label if field.label == field.name else f"{field.label} · {field.name}"
