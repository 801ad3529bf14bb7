"""What every step does with an error: our sentence for the run's log, and nothing that quotes a value."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
from dagster._core.definitions.executor_definition import execute_in_process_executor  # not public
from dagster._core.errors import DagsterExecutionInterruptedError  # not public, and the only name it has

from integration_center.database.processes import BETWEEN_STEPS, this_process
from integration_center.database.system_failures import advise
from integration_center.database.workers import keep_beating
from integration_center.errors import ConfigurationError, IntegrationCenterError, TransientError
from integration_center.files.polars_errors import POLARS_ERRORS
from integration_center.installation import Installation
from integration_center.pipeline.names import INSTALLATION, NO_DAY, PROCESS_TAG
from integration_center.pipeline.runs.run_endings import INTERRUPTED, REMEDY, explain_interruption
from integration_center.wording.remedies import Said

StepContext = dg.AssetExecutionContext | dg.OpExecutionContext
IN_ONE_PROCESS = frozenset({dg.in_process_executor.name, execute_in_process_executor.name})
"""The executors that execute all steps in the process of the run."""


@contextmanager
def reported_errors(context: StepContext, on_error: Callable[[Said, str], None] | None = None) -> Iterator[None]:
    """Turn errors into `dagster.Failure`s whose texts may appear in the event log.

    Our own errors speak for themselves. Any other exception may quote keys or values of records in its message, so
    only its type and place are shown.

    Args:
        context: of the step.
        on_error: called with the sentence and the full text before the failure is raised.

    Raises:
        dagster.Failure: for any error, retried by Dagster only when transient. Who stops the run gets no Failure: what
            Dagster raises then is passed on.
    """
    try:
        yield
    except dg.Failure:
        raise
    except (DagsterExecutionInterruptedError, KeyboardInterrupt):
        if on_error:
            sentence = explain_interruption(context.instance, context.run.run_id) or INTERRUPTED
            on_error(Said(sentence), sentence)
        raise
    except IntegrationCenterError as error:
        if on_error:
            on_error(error.said, str(error))
        metadata = {REMEDY: dg.JsonMetadataValue(error.said._asdict())} if error.said.remedy else None
        raise dg.Failure(str(error), metadata=metadata, allow_retries=isinstance(error, TransientError)) from None
    except (Exception, *POLARS_ERRORS) as error:  # noqa: BLE001 - raised again, without quoted values
        where = f"{type(error).__name__} at {place(error)}"
        advice = advise(error, Path(context.instance.root_directory))
        sentence = f"{advice} ({where})" if advice else f"unexpected {where}"
        if on_error:
            on_error(Said(sentence), traceback.format_exc())
        context.log.error(sentence)
        raise dg.Failure(sentence, allow_retries=False) from None


@contextmanager
def open_resource(context: StepContext) -> Iterator[Installation]:
    """Open the installation, for the length of a step. From the first one on, the run's process says that it lives.

    It says so before the run names it, because others fail a run whose process has not said so for a minute. Where each
    step has a process of its own, that one ends with the step, and the run goes on.

    Raises:
        Stopped: an admin stopped everything, now or since the run was made.
    """
    opened: AbstractContextManager[Installation] = getattr(context.resources, INSTALLATION).open()
    with opened as installation:
        installation.stops.require_none(since=find_made_at(context))
        keep_beating(installation.engine)
        note_process(context, this_process())
        try:
            yield installation
        finally:
            if context.job_def.executor_def.name not in IN_ONE_PROCESS:
                installation.leases.hand_on(context.run.run_id)
                note_process(context, BETWEEN_STEPS)


def find_made_at(context: StepContext) -> datetime | None:
    """Find when the run was made; None where Dagster does not know it. It may have waited in the queue since."""
    record = context.instance.get_run_record_by_id(context.run.run_id)
    return None if record is None else record.create_timestamp.astimezone(UTC)


def read_days(context: StepContext) -> Sequence[date]:
    """The days that a run is for, oldest first.

    Raises:
        ConfigurationError: it was launched without a partition.
    """
    if not (context.has_partition_key or context.has_partition_key_range):
        raise ConfigurationError(NO_DAY)
    return [date.fromisoformat(key) for key in sorted(context.partition_keys)]


def note_process(context: StepContext, process: str) -> None:
    """Say in the run's tags which process executes it, so that others can tell when that was killed."""
    run = context.instance.get_run_by_id(context.run.run_id)  # that of the context has the tags of its beginning
    if run is not None and run.tags.get(PROCESS_TAG) != process:
        context.instance.add_run_tags(run.run_id, {PROCESS_TAG: process})


def place(error: Exception) -> str:
    """File and line of our own code where `error` came up."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "integration_center" in Path(frame.filename).parts] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"
