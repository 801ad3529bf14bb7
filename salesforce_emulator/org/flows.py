"""Flows of the org: what changes a value again after somebody has saved it."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

Change = Callable[[Any], Any]


class Flows:
    """The flows that are active in one org. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flows: dict[tuple[str, str], tuple[Change, frozenset[str] | None]] = {}

    def change_on_save(
        self, sobject: str, field: str, change: Change, *, record_ids: Iterable[str] | None = None
    ) -> None:
        """Let a flow replace a field's value, whenever an update sets it, by what `change` makes of it.

        Args:
            sobject: the object's name.
            field: the field's name, as describe spells it.
            change: from the value about to be stored to the one that is.
            record_ids: 18-character ids of the records that the flow looks after; None for all.
        """
        with self._lock:
            self._flows[sobject, field] = change, None if record_ids is None else frozenset(record_ids)

    def clear(self) -> None:
        """Deactivate all flows."""
        with self._lock:
            self._flows.clear()

    def apply(self, sobject: str, record_id: str, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values of an update as they are stored after the flows."""
        if not self._flows:
            return values
        with self._lock:
            flows = {field: flow for (name, field), flow in self._flows.items() if name == sobject}
        return {
            field: flows[field][0](value) if field in flows and _concerns(flows[field][1], record_id) else value
            for field, value in values.items()
        }


def _concerns(record_ids: frozenset[str] | None, record_id: str) -> bool:
    return record_ids is None or record_id in record_ids
