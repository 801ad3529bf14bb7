"""Traces of runs by OpenTelemetry, where the settings want them. Else nothing of its library is imported."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import dagster as dg

from integration_center.errors import ConfigurationError
from integration_center.pipeline.steps.step_errors import StepContext
from integration_center.progress import Spans, untraced
from integration_center.settings import Settings


@contextmanager
def trace_step(context: StepContext, settings: Settings, slug: str | None) -> Iterator[Spans]:
    """Trace what a step does in the block.

    The trace has the id of the run, so the spans of all its steps come together, whichever process executes them.

    Raises:
        ConfigurationError: traces are wanted, and the extra `otel` is not installed.
    """
    if not settings.traces:
        yield untraced
        return
    try:
        from integration_center.pipeline.steps.spans import Trace
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"INTEGRATION_CENTER_TRACES needs the extra `otel` (it lacks {error.name}); install"
            " integration-center[otel]"
        ) from None
    own = context.op_execution_context if isinstance(context, dg.AssetExecutionContext) else context
    run = context.run
    record = context.instance.get_run_record_by_id(run.run_id)
    began = record.start_time if record else None
    trace = Trace(UUID(run.run_id).int, _derive(run.run_id), run.job_name, began)
    planned = {key.path[-1] for key in run.asset_selection or ()}
    last = own.op.name.endswith("send") or (slug is not None and bool(planned) and "push" not in planned)
    with trace.step(own.op.name, slug, ends_run=last) as spans:
        yield spans


def _derive(run_id: str) -> int:
    """Derive the id of a run's span, which each process knows without asking another one."""
    return int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:8], "big") or 1
