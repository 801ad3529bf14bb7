"""Keeps the text by which Dagster names a snapshot, so that it is stored without being written again.

Dagster writes the whole description of a job, and of a plan, to name it by a hash of the text. The store is given the
description, but not the text: to write it again was a tenth of what it took to queue the first run of an integration.
"""

from dagster._core.snap import execution_plan_snapshot, job_snapshot  # not public
from dagster_shared.serdes import serialize_value
from dagster_shared.serdes.serdes import PackableValue
from dagster_shared.serdes.utils import hash_str

KEPT = 4
"""How many snapshots stay: a run names its job and its plan, and both are stored before the next run is queued."""
_named: tuple[tuple[object, str, str], ...] = ()
"""Each with its name and its text."""


def keep_texts() -> None:
    """Let Dagster name snapshots by our function in this process."""
    for module in (job_snapshot, execution_plan_snapshot):
        module.create_snapshot_id = name_snapshot  # type: ignore[attr-defined] # which each of the two imports


def name_snapshot(snapshot: PackableValue) -> str:
    """Name a snapshot as Dagster does."""
    name, _ = write_snapshot(snapshot)
    return name


def write_snapshot(snapshot: PackableValue) -> tuple[str, str]:
    """Return the name and the text of a snapshot, which is not written again if it was one of the last."""
    global _named
    for known, name, text in _named:
        if known is snapshot:  # nobody changes a snapshot
            return name, text
    text = serialize_value(snapshot)
    name = hash_str(text)
    _named = (*_named[1 - KEPT :], (snapshot, name, text))
    return name, text
