"""Objects of an org and what its user may see of them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

from salesforce_emulator.schema.fields import Field


@dataclass(frozen=True)
class SObject:
    """One object of the org.

    Attributes:
        key_prefix: the first three characters of its record ids.
        writable: whether records may be made, changed and deleted through the API.
        bulk: whether the Bulk API takes it.
    """

    name: str
    label: str
    label_plural: str
    key_prefix: str | None
    fields: tuple[Field, ...]
    writable: bool = True
    bulk: bool = True

    @property
    def custom(self) -> bool:
        """Tell a custom object by its suffix."""
        return self.name.endswith("__c")

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """Fields by lower-case name: the API does not mind case."""
        return {item.name.lower(): item for item in self.fields}

    @cached_property
    def by_relationship(self) -> Mapping[str, Field]:
        """Lookup fields by lower-case relationship name."""
        return {item.relationship.lower(): item for item in self.fields if item.relationship}

    @cached_property
    def stored(self) -> tuple[Field, ...]:
        """Fields that are columns of the table."""
        return tuple(item for item in self.fields if item.stored)

    def has(self, name: str) -> bool:
        """Tell whether the object has a field of this name."""
        return name.lower() in self.by_name


@dataclass
class Schema:
    """The objects of one org as its API user sees them.

    A hidden field is one without field-level security: describe, SOQL and writes no longer know it. Any change moves
    the schema's stamp, which is the Last-Modified and ETag of every describe.
    """

    objects: Sequence[SObject]
    now: Callable[[], datetime]
    modified: datetime = field(init=False)
    _hidden: set[tuple[str, str]] = field(default_factory=set, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self._by_name = {item.name.lower(): item for item in self.objects}
        self.modified = self.now().replace(microsecond=0)

    def find(self, name: str) -> SObject | None:
        """Return the object with this name, whatever its case, or None."""
        return self._by_name.get(name.lower())

    def by_prefix(self, prefix: str) -> SObject | None:
        """Return the object whose record ids begin so, or None."""
        return next((item for item in self.objects if item.key_prefix == prefix), None)

    def visible_fields(self, sobject: SObject) -> tuple[Field, ...]:
        """Return the fields the user may see."""
        return tuple(item for item in sobject.fields if (sobject.name, item.name) not in self._hidden)

    def find_field(self, sobject: SObject, name: str) -> Field | None:
        """Return a field the user may see, whatever its case, or None."""
        found = sobject.by_name.get(name.lower())
        return None if found is None or (sobject.name, found.name) in self._hidden else found

    def hide(self, sobject: str, name: str) -> None:
        """Take a field away from the user."""
        self._change(sobject, name, self._hidden.add)

    def show(self, sobject: str, name: str) -> None:
        """Give a hidden field back."""
        self._change(sobject, name, self._hidden.discard)

    def alter(self, sobject: str, changed: Field) -> Field:
        """Put a field in place of the one with its name, as an administrator does; what was there.

        Records stay as they are stored, so only changes that the store need not know of make sense.
        """
        found = self.find(sobject)
        if found is None or not found.has(changed.name):
            raise KeyError(f"{sobject}.{changed.name}")
        before = found.by_name[changed.name.lower()]
        fields = tuple(changed if item is before else item for item in found.fields)
        with self._lock:
            self._by_name[sobject.lower()] = replace(found, fields=fields)
            self.modified = self.now().replace(microsecond=0)
        return before

    def hidden(self) -> list[tuple[str, str]]:
        """Return the hidden fields as (object, field)."""
        return sorted(self._hidden)

    def _change(self, sobject: str, name: str, apply: Callable[[tuple[str, str]], None]) -> None:
        found = self.find(sobject)
        item = found.by_name.get(name.lower()) if found else None
        if found is None or item is None:
            raise KeyError(f"{sobject}.{name}")
        with self._lock:
            apply((found.name, item.name))
            self.modified = self.now().replace(microsecond=0)
