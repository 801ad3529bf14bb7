"""Finds what the run of this process materializes, so that its process loads nothing else."""

import base64
import multiprocessing
import os
import sys
import zlib
from collections.abc import Iterable, Iterator

import dagster as dg
from dagster._core.executor.multiprocess import MultiprocessExecutorChildProcessCommand  # not public
from dagster._core.instance import InstanceRef
from dagster._grpc.types import ExecuteExternalJobArgs, ExecuteRunArgs, ExecuteStepArgs, ResumeRunArgs  # not public
from dagster_shared.serdes import deserialize_value, unpack_value
from dagster_shared.serdes.errors import DeserializationError

RunArguments = ExecuteExternalJobArgs | ExecuteRunArgs | ResumeRunArgs | ExecuteStepArgs
"""What Dagster's launchers and executors tell the process of a run or a step."""


VARIABLES = ("DAGSTER_EXECUTE_RUN_ARGS", "DAGSTER_EXECUTE_STEP_ARGS")
PACKED_VARIABLES = ("DAGSTER_COMPRESSED_EXECUTE_RUN_ARGS", "DAGSTER_COMPRESSED_EXECUTE_STEP_ARGS")
"""In which Dagster's launchers of containers hand on the same, as it is or compressed."""

KNOWN: dict[str, frozenset[dg.AssetKey] | None] = {}
"""The assets of the run that was looked for last, by its id: a worker of Celery executes one run after another."""


def find_selected() -> frozenset[dg.AssetKey] | None:
    """Find the assets that the run of this process materializes.

    Returns:
        None where the process is not known to belong to one run, as that of the code server.
    """
    for run_id, instance_ref in find_runs(list_arguments()):
        if run_id not in KNOWN:
            KNOWN.clear()
            with dg.DagsterInstance.from_ref(instance_ref) if instance_ref else dg.DagsterInstance.get() as instance:
                KNOWN[run_id] = read_selected(instance, run_id)
        return KNOWN[run_id]
    return None


def read_selected(instance: dg.DagsterInstance, run_id: str) -> frozenset[dg.AssetKey] | None:
    """Read which assets a run materializes or checks; None where Dagster does not know the run's plan."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.execution_plan_snapshot_id is None:
        return None
    plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    outputs = [output.properties for step in plan.steps for output in step.outputs if output.properties]
    assets = {each.asset_key for each in outputs if each.asset_key}
    return frozenset(assets | {each.asset_check_key.asset_key for each in outputs if each.asset_check_key})


def list_arguments() -> list[object]:
    """List what this process was started with, by whichever launcher or executor of Dagster.

    Dagster's default launcher and its multiprocess executor start processes by `multiprocessing`, others by commands
    or with variables. Celery hands its workers a task after another.
    """
    compressed = [os.environ[name] for name in PACKED_VARIABLES if name in os.environ]
    following = zip(sys.argv, sys.argv[1:], strict=False)
    compressed += [given for option, given in following if option == "--compressed-input-json"]
    return [
        *find_task(),
        *sys.argv,
        *(os.environ[name] for name in VARIABLES if name in os.environ),
        *map(unpack_argument, compressed),
        *getattr(multiprocessing.current_process(), "_args", ()),
    ]


def find_task() -> list[object]:
    """Find what the task is to do that a worker of Celery executes just now; nothing elsewhere."""
    task = getattr(sys.modules.get("celery"), "current_task", None)
    request = getattr(task, "request", None)
    if request is None:
        return []
    return [*(getattr(request, "args", None) or ()), *(getattr(request, "kwargs", None) or {}).values()]


def unpack_argument(compressed: str) -> str:
    """Unpack arguments as Dagster compresses them; an empty text where they are something else."""
    try:
        return zlib.decompress(base64.b64decode(compressed)).decode()
    except (ValueError, zlib.error):
        return ""


def find_runs(arguments: Iterable[object]) -> Iterator[tuple[str, InstanceRef | None]]:
    """Find the run that arguments name, and the instance that knows it."""
    for argument in arguments:
        if isinstance(argument, MultiprocessExecutorChildProcessCommand):
            yield argument.dagster_run.run_id, argument.instance_ref
            continue
        try:
            unpacked: object = None
            if isinstance(argument, str) and argument.startswith("{"):
                unpacked = deserialize_value(argument)
            elif isinstance(argument, dict) and "__class__" in argument:
                unpacked = unpack_value(argument)
        except (DeserializationError, ValueError):  # JSON of something else
            continue
        if isinstance(unpacked, RunArguments):
            yield unpacked.run_id, unpacked.instance_ref
