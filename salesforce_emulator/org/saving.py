"""Saving rows: insert, update, upsert and delete, as one set of rules for every channel.

Rows come in order and are judged in chunks of 200, as one transaction of the real org; a record named twice in one
chunk is refused the second time, in two chunks the later row wins. An update that changes nothing still moves the
record's SystemModstamp.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal

from salesforce_emulator.clock import stamp
from salesforce_emulator.org.org import Org
from salesforce_emulator.org.permission_rows import check_permission_row, settle_permission_rows
from salesforce_emulator.org.row_checks import (
    NO_ACCESS,
    UNKNOWN_ID,
    InputRow,
    RecordGuard,
    ValueReader,
    read_id,
)
from salesforce_emulator.org.uniqueness import UniqueValues, find_dangling
from salesforce_emulator.refusals import RowError, RowResult
from salesforce_emulator.schema.schema import SObject

Operation = Literal["insert", "update", "upsert", "delete", "hardDelete"]
CHUNK = 200
ROLLED_BACK = RowError(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using AllOrNone header",
)
_Update = tuple[str, dict[str, Any]]


def save_rows(
    org: Org,
    sobject: SObject,
    operation: Operation,
    rows: Sequence[InputRow],
    *,
    key_field: str | None = None,
    all_or_none: bool = False,
    columns: Sequence[str] = (),
    allow_duplicates: bool = False,
) -> list[RowResult]:
    """Save rows, and return the result of each, in the order given.

    Args:
        org: where to save.
        sobject: the object of all rows.
        operation: what to do with them.
        rows: the rows as sent.
        key_field: for upsert: the field that finds the record.
        all_or_none: save nothing when one row fails.
        columns: the header of a Bulk upload, for messages that name columns by position.
        allow_duplicates: whether the call passes duplicate rules that only alert, which Bulk never does.
    """
    # A key that an earlier chunk made is found by the later one, so upserts go chunk by chunk.
    size = CHUNK if operation == "upsert" and not all_or_none else max(1, len(rows))
    results: list[RowResult] = []
    with org.store.writing():
        for start in range(0, len(rows), size):
            batch = _Batch(org, sobject, operation, rows[start : start + size], key_field, columns, allow_duplicates)
            results += batch.save(all_or_none=all_or_none)
    return results


def roll_back(results: Sequence[RowResult]) -> list[RowResult]:
    """Return the results of a call that saves all rows or none, when some failed."""
    return [item if item.errors else RowResult(errors=[ROLLED_BACK]) for item in results]


def write_auto_number(pattern: str, serial: int) -> str:
    """Write an auto-number such as `ENG-000012` by its display format `ENG-{000000}`."""
    head, _, tail = pattern.partition("{")
    zeros, _, end = tail.partition("}")
    return f"{head}{serial:0{len(zeros)}d}{end}"


class _Batch:
    def __init__(
        self,
        org: Org,
        sobject: SObject,
        operation: Operation,
        rows: Sequence[InputRow],
        key_field: str | None,
        columns: Sequence[str],
        allow_duplicates: bool,
    ) -> None:
        self._org = org
        self._sobject = sobject
        self._operation = operation
        self._rows = rows
        self._key_field = key_field
        self._allow_duplicates = allow_duplicates
        self._reader = ValueReader(org, sobject, columns)
        self._results = [RowResult() for _ in rows]
        self._now = stamp(org.clock.now())

    def save(self, *, all_or_none: bool) -> list[RowResult]:
        targets = self._find_targets()
        found = sorted({item for item in targets if item is not None})
        guard = RecordGuard(self._org, self._sobject, found, allow_duplicates=self._allow_duplicates)
        inserts: list[tuple[int, dict[str, Any]]] = []
        updates: list[tuple[int, dict[str, Any]]] = []
        deletes: list[str] = []
        seen: set[str] = set()
        too_many: RowError | None = None
        for index, row in enumerate(self._rows):
            if index % CHUNK == 0:
                seen.clear()
                too_many = self._org.faults.find_group(min(CHUNK, len(self._rows) - index))
            result, target = self._results[index], targets[index]
            if too_many is not None:
                result.errors.append(too_many)
            if result.errors:
                continue
            if not self._allows(creates=target is None):
                result.id = target
                result.errors.append(NO_ACCESS)
                continue
            if target is not None:
                if target in seen:
                    result.errors.append(RowError("DUPLICATE_VALUE", f"Duplicate id specified: {target}", ("Id",)))
                    continue
                seen.add(target)
                refused = guard.check(target)
                # A row about a record that exists keeps its id, also when it fails (as since v53).
                result.id = None if refused == UNKNOWN_ID else target
                if refused is not None:
                    result.errors.append(refused)
                    continue
            if self._operation in ("delete", "hardDelete"):
                deletes.append(str(target))
                continue
            values, errors = self._reader.read(row, creates=target is None)
            if not errors and (broken := check_permission_row(self._org, self._sobject, target, values)):
                errors.append(broken)
            if errors:
                result.errors.extend(errors)
                continue
            (inserts if target is None else updates).append((index, values))
        self._check_uniqueness(inserts + updates)
        if all_or_none and any(item.errors for item in self._results):
            return roll_back(self._results)
        self._insert(inserts)
        self._update([(str(targets[index]), values) for index, values in updates if not self._results[index].errors])
        self._delete(deletes)
        settle_permission_rows(self._org, self._sobject)
        return self._results

    def _allows(self, *, creates: bool) -> bool:
        """Return whether the user's rights on the object allow what a row wants."""
        deletes = self._operation in ("delete", "hardDelete")
        return self._org.rights.allows(self._sobject, "Delete" if deletes else "Create" if creates else "Edit")

    def _find_targets(self) -> list[str | None]:
        """Return the id of the record each row is about; None for a row that makes one."""
        if self._operation == "insert":
            for row, result in zip(self._rows, self._results, strict=True):
                if any(name.lower() == "id" for name in row):
                    result.errors.append(
                        RowError("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ("Id",))
                    )
            return [None] * len(self._rows)
        if self._operation == "upsert" and self._key_field and self._key_field.lower() != "id":
            return self._match_keys(self._key_field)
        targets: list[str | None] = []
        for row, result in zip(self._rows, self._results, strict=True):
            sent = row.get("Id") if "Id" in row else next((row[name] for name in row if name.lower() == "id"), None)
            if self._operation == "upsert" and sent in (None, ""):
                targets.append(None)
                continue
            found = read_id(self._sobject, sent)
            if isinstance(found, RowError):
                result.errors.append(found)
                targets.append(None)
            else:
                targets.append(found)
        return targets

    def _match_keys(self, key_field: str) -> list[str | None]:
        lookup = UniqueValues(self._org, self._sobject, key_field)
        keys = [next((row[name] for name in row if name.lower() == key_field.lower()), None) for row in self._rows]
        found = lookup.owners([key for key in keys if isinstance(key, str)])
        targets: list[str | None] = []
        seen: set[str] = set()
        for key, result in zip(keys, self._results, strict=True):
            owners = found.get(lookup.fold(key), []) if isinstance(key, str) else []
            if key in (None, ""):
                result.errors.append(RowError("MISSING_ARGUMENT", f"{key_field} not specified", (key_field,)))
            elif len(owners) > 1:
                message = f"{key_field}: more than one record found for external id field: {owners}"
                result.errors.append(RowError("DUPLICATE_EXTERNAL_ID", message, (key_field,)))
            elif lookup.fold(str(key)) in seen:
                message = f"Duplicate external id specified: {key}"
                result.errors.append(RowError("DUPLICATE_VALUE", message, (key_field,)))
            seen.add(lookup.fold(str(key)))
            targets.append(owners[0] if len(owners) == 1 else None)
        return targets

    def _check_uniqueness(self, writes: Sequence[tuple[int, dict[str, Any]]]) -> None:
        for item in self._sobject.stored:
            if not (item.unique or item.type == "reference"):
                continue
            concerned = [(index, values[item.name]) for index, values in writes if values.get(item.name) is not None]
            if not concerned:
                continue
            if item.unique:
                lookup = UniqueValues(self._org, self._sobject, item.name)
                for index, error in lookup.conflicts(concerned, {i: self._results[i].id for i, _ in concerned}):
                    self._results[index].errors.append(error)
            if item.type == "reference":
                for index, error in find_dangling(self._org, item, concerned):
                    self._results[index].errors.append(error)

    def _insert(self, inserts: Sequence[tuple[int, dict[str, Any]]]) -> None:
        profile = self._org.profile
        by_columns: dict[tuple[str, ...], list[tuple[Any, ...]]] = defaultdict(list)
        auto_number = next((item for item in self._sobject.fields if item.auto_number), None)
        serial = self._org.store.count(self._sobject.name, "1") if auto_number else 0
        for index, values in inserts:
            result = self._results[index]
            if result.errors:
                continue
            result.id, result.created = self._org.new_id(str(self._sobject.key_prefix)), True
            record = {item.name: 0 for item in self._sobject.stored if item.type == "boolean"} | {
                item.name: item.default for item in self._sobject.stored if isinstance(item.default, str)
            }
            record |= {"CreatedDate": self._now, "CreatedById": profile.user_id, **self._audit()}
            if self._sobject.has("OwnerId"):
                record["OwnerId"] = profile.user_id
            if auto_number is not None and auto_number.auto_number is not None:
                serial += 1
                record[auto_number.name] = write_auto_number(auto_number.auto_number, serial)
            record |= {name: value for name, value in values.items() if value is not None}
            record["Id"] = result.id
            by_columns[tuple(record)].append(tuple(record.values()))
        for columns, rows in by_columns.items():
            self._org.store.insert_many(self._sobject.name, columns, rows)

    def _audit(self) -> dict[str, Any]:
        return {
            "LastModifiedDate": self._now,
            "LastModifiedById": self._org.profile.user_id,
            "SystemModstamp": self._now,
        }

    def _update(self, updates: Sequence[_Update]) -> None:
        """Write rows with the same set of fields together; the order of rows of one record is kept."""
        by_columns: dict[tuple[str, ...], list[tuple[Any, ...]]] = {}
        audit = tuple(self._audit().values())
        ids = [target for target, _ in updates]
        self._org.saves.update(ids)
        if len(ids) != len(set(ids)):
            # A record written in two chunks: merge, so that the later row wins field by field.
            merged: dict[str, dict[str, Any]] = {}
            for target, values in updates:
                merged.setdefault(target, {}).update(values)
            updates = list(merged.items())
        for target, sent in updates:
            values = self._org.flows.apply(self._sobject.name, target, sent)
            by_columns.setdefault(tuple(values), []).append((*values.values(), *audit, target))
        with self._org.store.writing() as connection:
            for columns, rows in by_columns.items():
                assignments = ", ".join(f'"{name}" = ?' for name in (*columns, *self._audit()))
                connection.executemany(f'UPDATE "{self._sobject.name}" SET {assignments} WHERE Id = ?', rows)  # noqa: S608

    def _delete(self, ids: Sequence[str]) -> None:
        with self._org.store.writing() as connection:
            if self._operation == "hardDelete":
                sql = f'DELETE FROM "{self._sobject.name}" WHERE Id = ?'  # noqa: S608
                connection.executemany(sql, [(item,) for item in ids])
            else:
                sql = f'UPDATE "{self._sobject.name}" SET IsDeleted = 1, SystemModstamp = ? WHERE Id = ?'  # noqa: S608
                connection.executemany(sql, [(self._now, item) for item in ids])
