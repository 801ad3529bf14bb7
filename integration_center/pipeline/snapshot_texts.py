"""Keeps the text by which Dagster names a snapshot, so that it is stored without being written again.

Dagster writes the whole description of a job, and of a plan, to name it by a hash of the text. The code server has sent
that text, and the store is given the description, but not the text: to write both again was a sixth of what the daemon
did to queue a run.
"""

from json import JSONDecoder
from typing import Any

from dagster._api import snapshot_execution_plan, snapshot_job  # not public, as all below
from dagster._core.remote_representation.external_data import RemoteJobSubsetResult
from dagster._core.snap import ExecutionPlanSnapshot, execution_plan_snapshot, job_snapshot
from dagster_shared.serdes import deserialize_value, serialize_value
from dagster_shared.serdes.serdes import PackableValue
from dagster_shared.serdes.utils import hash_str

KEPT = 4
"""How many snapshots stay: a run names its job and its plan, and both are stored before the next run is queued."""
JOB_BEGINS = '{"__class__": "PipelineSnapshot", '
"""How Dagster begins the description of a job. No value holds this, because quotes in values are escaped."""
_named: tuple[tuple[object, str, str], ...] = ()
"""Each with its name and its text."""


def keep_texts() -> None:
    """Let Dagster name snapshots, and read those that a code server sends, by our functions in this process.

    Where Dagster has no function of the name any more, it goes on with its own.
    """
    for module in (job_snapshot, execution_plan_snapshot):
        if hasattr(module, "create_snapshot_id"):
            module.create_snapshot_id = name_snapshot  # type: ignore[attr-defined] # which each of the two imports
    for answers in (snapshot_job, snapshot_execution_plan):
        if hasattr(answers, "deserialize_value"):
            answers.deserialize_value = read_answer  # type: ignore[attr-defined] # as above


def name_snapshot(snapshot: PackableValue) -> str:
    """Name a snapshot as Dagster does."""
    name, _ = write_snapshot(snapshot)
    return name


def write_snapshot(snapshot: PackableValue) -> tuple[str, str]:
    """Return the name and the text of a snapshot, which is not written again if it was one of the last.

    Dagster builds the plan again that a code server has sent, with what it knows of the assets itself: mostly an equal
    one.
    """
    for known, name, text in _named:
        if known is snapshot or (type(known) is type(snapshot) and known == snapshot):
            return name, text
    return keep(snapshot, serialize_value(snapshot))


def read_answer(text: str, expected: Any) -> object:
    """Read what a code server answers as Dagster does, and keep the text of the snapshot that is in it."""
    answer = deserialize_value(text, expected)
    if isinstance(answer, ExecutionPlanSnapshot):
        keep(answer, text)
    elif isinstance(answer, RemoteJobSubsetResult) and answer.job_data_snap and text.count(JOB_BEGINS) == 1:
        begin = text.index(JOB_BEGINS)
        _, end = JSONDecoder().raw_decode(text, begin)
        keep(answer.job_data_snap.job, text[begin:end])
    return answer


def keep(snapshot: object, text: str) -> tuple[str, str]:
    """Keep the text of a snapshot, and return its name and the text."""
    global _named
    name = hash_str(text)
    _named = (*_named[1 - KEPT :], (snapshot, name, text))
    return name, text
