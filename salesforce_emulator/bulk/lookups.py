"""Columns of an upload that name a parent by another field than its id, such as `Account__r.Name`."""

from collections.abc import Sequence

from salesforce_emulator.org.org import Org
from salesforce_emulator.org.row_checks import InputRow
from salesforce_emulator.org.uniqueness import UniqueValues
from salesforce_emulator.refusals import RowError, RowResult
from salesforce_emulator.schema.fields import Field
from salesforce_emulator.schema.schema import SObject


def find_lookup(org: Org, sobject: SObject, name: str) -> tuple[Field, SObject, Field] | None:
    """Return the lookup field, the parent and the parent's field of a column, or None when it is no such column.

    A polymorphic lookup takes the parent's type first (`User:Owner.Email`), others must not.
    """
    relationship, _, remote = name.partition(".")
    type_name, colon, plain = relationship.rpartition(":")
    lookup = sobject.by_relationship.get(plain.lower())
    if lookup is None or bool(colon) is not (len(lookup.reference_to) > 1):
        return None
    parent = org.schema.find(type_name if colon else lookup.reference_to[0])
    target = org.schema.find_field(parent, remote) if parent else None
    if parent is None or target is None or not (target.id_lookup or target.external_id):
        return None
    return lookup, parent, target


def resolve_lookups(org: Org, sobject: SObject, header: Sequence[str], rows: list[InputRow]) -> dict[int, RowResult]:
    """Replace such columns by the parent's id, in place; return the rows where there is no one parent."""
    unresolved: dict[int, RowResult] = {}
    for name in header:
        found = find_lookup(org, sobject, name) if "." in name else None
        if found is None:
            continue
        lookup, parent, target = found
        values = UniqueValues(org, parent, target.name)
        owners = values.owners([str(row[name]) for row in rows if row.get(name)])
        for index, row in enumerate(rows):
            if name not in row:
                continue
            replaced = {key: value for key, value in row.items() if key != name}
            if row[name] is None:
                replaced[lookup.name] = None
            else:
                ids = owners.get(values.fold(str(row[name])), [])
                if len(ids) != 1:
                    unresolved[index] = _foreign_key_error(target, row[name], lookup)
                    continue
                replaced[lookup.name] = ids[0]
            rows[index] = replaced
    return unresolved


def _foreign_key_error(target: Field, value: object, lookup: Field) -> RowResult:
    message = f"Foreign key external ID: {value} not found for field {target.name} in entity {lookup.reference_to[0]}"
    return RowResult(errors=[RowError("INVALID_FIELD", message, (lookup.name,))])
