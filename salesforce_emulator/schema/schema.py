"""Objects of an org and what its user may see of them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Protocol

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


class Sight(Protocol):
    """What the calling user's rights let them see."""

    def reads(self, sobject: SObject) -> bool:
        """Tell whether the user may read the object."""

    def see(self, sobject: SObject, field: Field, *, hidden: bool) -> Field | None:
        """Return the field with the user's rights on it, or None when the user may not read it."""


class FullSight:
    """The sight of a user whose profile gives everything that is not hidden."""

    def reads(self, sobject: SObject) -> bool:
        """See `Sight`."""
        return True

    def see(self, sobject: SObject, field: Field, *, hidden: bool) -> Field | None:
        """See `Sight`."""
        return None if hidden else field


@dataclass
class Schema:
    """The objects of one org as its API user sees them.

    A hidden field is one that the user's profile gives no field-level security for: describe, SOQL and writes no longer
    know it, unless a permission set of the user grants it. Any change moves the schema's stamp, which is the
    Last-Modified and ETag of every describe.

    Attributes:
        sight: the rights of the calling user.
    """

    objects: Sequence[SObject]
    now: Callable[[], datetime]
    sight: Sight = field(default_factory=FullSight)
    modified: datetime = field(init=False)
    _hidden: set[tuple[str, str]] = field(default_factory=set, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self._by_name = {item.name.lower(): item for item in self.objects}
        self.modified = self.now().replace(microsecond=0)

    def find(self, name: str) -> SObject | None:
        """Return the object with this name, whatever its case, or None when it is not there for the user."""
        found = self._by_name.get(name.lower())
        return found if found is not None and self.sight.reads(found) else None

    def find_any(self, name: str) -> SObject | None:
        """Return the object with this name, whatever its case, also when the user may not read it."""
        return self._by_name.get(name.lower())

    def by_prefix(self, prefix: str) -> SObject | None:
        """Return the object whose record ids begin so, or None."""
        return next((item for item in self.objects if item.key_prefix == prefix), None)

    def visible_fields(self, sobject: SObject) -> tuple[Field, ...]:
        """Return the fields the user may see."""
        seen = (self._see(sobject, item) for item in sobject.fields)
        return tuple(item for item in seen if item is not None)

    def find_field(self, sobject: SObject, name: str) -> Field | None:
        """Return a field the user may see, whatever its case, or None."""
        found = sobject.by_name.get(name.lower())
        return None if found is None else self._see(sobject, found)

    def _see(self, sobject: SObject, item: Field) -> Field | None:
        return self.sight.see(sobject, item, hidden=(sobject.name, item.name) in self._hidden)

    def touch(self) -> None:
        """Move the stamp, because what the user may see has changed."""
        with self._lock:
            self.modified = self.now().replace(microsecond=0)

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
        found = self.find_any(sobject)
        if found is None or not found.has(changed.name):
            raise KeyError(f"{sobject}.{changed.name}")
        before = found.by_name[changed.name.lower()]
        fields = tuple(changed if item is before else item for item in found.fields)
        with self._lock:
            self._by_name[sobject.lower()] = replace(found, fields=fields)
            self.modified = self.now().replace(microsecond=0)
        return before

    def add(self, sobject: str, added: Field, *, hidden: bool) -> None:
        """Give an object a field, as the API does: hidden from every user, unless it is required."""
        found = self.find_any(sobject)
        if found is None:
            raise KeyError(sobject)
        with self._lock:
            self._by_name[found.name.lower()] = replace(found, fields=(*found.fields, added))
            if hidden:
                self._hidden.add((found.name, added.name))
        self.touch()

    def remove(self, sobject: str, name: str) -> None:
        """Take a field away from an object."""
        found = self.find_any(sobject)
        if found is None:
            raise KeyError(sobject)
        with self._lock:
            fields = tuple(item for item in found.fields if item.name != name)
            self._by_name[found.name.lower()] = replace(found, fields=fields)
            self._hidden.discard((found.name, name))
        self.touch()

    def hidden(self) -> list[tuple[str, str]]:
        """Return the hidden fields as (object, field)."""
        return sorted(self._hidden)

    def _change(self, sobject: str, name: str, apply: Callable[[tuple[str, str]], None]) -> None:
        found = self.find_any(sobject)
        item = found.by_name.get(name.lower()) if found else None
        if found is None or item is None:
            raise KeyError(f"{sobject}.{name}")
        with self._lock:
            apply((found.name, item.name))
            self.modified = self.now().replace(microsecond=0)
