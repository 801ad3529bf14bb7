"""Checks of rows before they are saved: which record, may it be written, do its values fit."""

from collections.abc import Mapping, Sequence
from typing import Any

from salesforce_emulator.org.org import Org
from salesforce_emulator.refusals import RowError
from salesforce_emulator.schema.fields import Field
from salesforce_emulator.schema.identifiers import normalize_id
from salesforce_emulator.schema.objects.organization import EDITS_CONVERTED_LEADS
from salesforce_emulator.schema.schema import SObject
from salesforce_emulator.schema.values import Converter, Unfit, build_converter

InputRow = Mapping[str, Any]
"""One row as sent: values by field name; None clears a field."""

_ID_SPELLINGS = ("Id", "id", "ID", "iD")
UNKNOWN_ID = RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
DELETED = RowError("ENTITY_IS_DELETED", "entity is deleted")
NO_ACCESS = RowError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
CONVERTED = RowError("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")


class ValueReader:
    """Turns sent values of one object into stored ones.

    Args:
        columns: positions of the columns of a Bulk upload; empty for JSON.
    """

    def __init__(self, org: Org, sobject: SObject, columns: Sequence[str] = ()) -> None:
        self._org = org
        self._sobject = sobject
        self._positions = {name.lower(): position for position, name in enumerate(columns)}
        self._never_null = [item.name for item in sobject.fields if item.createable and not item.nillable]
        self._required = [item.name for item in sobject.fields if item.required]
        self._known: dict[bool, dict[str, tuple[Field, Converter] | RowError]] = {True: {}, False: {}}

    def _field(self, name: str, *, creates: bool) -> tuple[Field, Converter] | RowError:
        found = self._org.schema.find_field(self._sobject, name)
        if found is None:
            return RowError("INVALID_FIELD", f"No such column '{name}' on sobject of type {self._sobject.name}")
        if not (found.createable if creates else found.updateable):
            message = (
                f"Unable to create/update fields: {found.name}. Please check the security settings of this field and "
                "verify that it is read/write for your profile or permission set."
            )
            return RowError("INVALID_FIELD_FOR_INSERT_UPDATE", message, (found.name,))
        return found, build_converter(found, column=self._positions.get(name.lower()))

    def read(self, row: InputRow, *, creates: bool) -> tuple[dict[str, Any], list[RowError]]:
        """Return the stored values by field name (without the id), and what is wrong with the row."""
        values: dict[str, Any] = {}
        errors: list[RowError] = []
        known = self._known[creates]
        for name, sent in row.items():
            if name in _ID_SPELLINGS:
                continue
            entry = known.get(name)
            if entry is None:
                entry = known[name] = self._field(name, creates=creates)
            if isinstance(entry, RowError):
                errors.append(entry)
                continue
            target, convert = entry
            try:
                value = None if sent is None else convert(sent)
            except Unfit as unfit:
                errors.append(unfit.error)
                continue
            if value is None and target.type == "boolean":
                message = f"{target.label}: value not of required type: "
                errors.append(RowError("INVALID_TYPE_ON_FIELD_IN_RECORD", message, (target.name,)))
                continue
            values[target.name] = value
        missing = [name for name in self._never_null if name in values and values[name] is None]
        if creates:
            missing += [name for name in self._required if name not in values]
        if missing and not errors:
            errors.append(required_missing(missing))
        return values, errors


def required_missing(names: Sequence[str]) -> RowError:
    """Return the error of empty required fields."""
    return RowError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(names)}]", tuple(names))


def read_id(sobject: SObject, value: object) -> str | RowError:
    """Return a row's 18-character id, or what is wrong with it."""
    if value is None or value == "":
        return RowError("MISSING_ARGUMENT", "Id not specified in an update call")
    text = value if isinstance(value, str) else str(value)
    found = normalize_id(text)
    if found is None:
        return RowError("MALFORMED_ID", f"malformed id {text}")
    if sobject.key_prefix is not None and not found.startswith(sobject.key_prefix):
        return RowError("MALFORMED_ID", f"{sobject.label} ID: id value of incorrect type: {text}", ("Id",))
    return found


class RecordGuard:
    """Find why existing records may not be written, for many ids at once."""

    def __init__(self, org: Org, sobject: SObject, ids: Sequence[str], *, allow_duplicates: bool) -> None:
        self._org = org
        self._allow_duplicates = allow_duplicates
        converts = "IsConverted" if sobject.has("IsConverted") else "0"
        owner = "OwnerId" if sobject.has("OwnerId") else "NULL"
        self._states: dict[str, tuple[int, int, str | None]] = {}
        for start in range(0, len(ids), 20_000):
            part = ids[start : start + 20_000]
            marks = ",".join("?" * len(part))
            sql = f'SELECT Id, IsDeleted, {converts}, {owner} FROM "{sobject.name}" WHERE Id IN ({marks})'  # noqa: S608
            for record_id, deleted, converted, owner_id in org.store.rows(sql, part):
                self._states[record_id] = (deleted, converted, owner_id)
        self._edits_all = org.rights.edits_all(sobject)
        self._edits_converted = org.rights.permits(EDITS_CONVERTED_LEADS)

    def check(self, record_id: str) -> RowError | None:
        """Return why the record may not be written, or None."""
        state = self._states.get(record_id)
        if state is None:
            return UNKNOWN_ID
        deleted, converted, owner_id = state
        if deleted:
            return DELETED
        if not self._edits_all and owner_id != self._org.profile.user_id:
            return NO_ACCESS
        if converted and not self._edits_converted:
            return CONVERTED
        return self._org.faults.take_row(record_id, allow_duplicates=self._allow_duplicates)
