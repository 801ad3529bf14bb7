"""Values that must be unique, and lookups that must point at something."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from salesforce_emulator.org.org import Org
from salesforce_emulator.org.row_checks import UNKNOWN_ID
from salesforce_emulator.refusals import RowError
from salesforce_emulator.schema.fields import Field
from salesforce_emulator.schema.schema import SObject

Concerned = Sequence[tuple[int, Any]]
"""Row number and the value it wants to store."""


class UniqueValues:
    """Finds the records that hold values of one field, as the org compares them."""

    def __init__(self, org: Org, sobject: SObject, field_name: str) -> None:
        self._org = org
        self._sobject = sobject
        self._field = sobject.by_name[field_name.lower()]

    def fold(self, value: str) -> str:
        """Return a value in the form in which equal ones are equal."""
        text = value.strip()
        return text if self._field.case_sensitive else text.casefold()

    def owners(self, values: Sequence[str]) -> dict[str, list[str]]:
        """Return the ids of living records by folded value."""
        found: dict[str, list[str]] = defaultdict(list)
        name, table = self._field.name, self._sobject.name
        for start in range(0, len(values), 20_000):
            part = [value.strip() for value in values[start : start + 20_000]]
            marks = ",".join("?" * len(part))
            sql = f'SELECT Id, "{name}" FROM "{table}" WHERE "{name}" IN ({marks}) AND IsDeleted = 0'  # noqa: S608
            for record_id, value in self._org.store.rows(sql, part):
                found[self.fold(value)].append(record_id)
        return found

    def conflicts(self, concerned: Concerned, own_ids: Mapping[int, str | None]) -> Iterator[tuple[int, RowError]]:
        """Give the rows whose value another record, or an earlier row, holds already."""
        owners = self.owners([value for _, value in concerned])
        first: dict[str, int] = {}
        for index, value in concerned:
            folded = self.fold(value)
            other = next((item for item in owners.get(folded, []) if item != own_ids[index]), None)
            if other is None and folded in first:
                other = own_ids[first[folded]] or "<unknown>"
            first.setdefault(folded, index)
            if other is not None:
                name = self._field.name
                message = f"duplicate value found: {name} duplicates value on record with id: {other}"
                yield index, RowError("DUPLICATE_VALUE", message)


def find_dangling(org: Org, field: Field, concerned: Concerned) -> Iterator[tuple[int, RowError]]:
    """Give the rows whose lookup points at no record of an object that this org holds."""
    targets = [target for target in map(org.schema.find, field.reference_to) if target is not None]
    if not targets:
        return
    wanted = sorted({value for _, value in concerned})
    known: set[str] = set()
    for target in targets:
        for start in range(0, len(wanted), 20_000):
            part = wanted[start : start + 20_000]
            marks = ",".join("?" * len(part))
            sql = f'SELECT Id FROM "{target.name}" WHERE Id IN ({marks})'  # noqa: S608
            known.update(record_id for (record_id,) in org.store.rows(sql, part))
    for index, value in concerned:
        if value not in known:
            yield index, RowError(UNKNOWN_ID.code, UNKNOWN_ID.message, (field.name,))
