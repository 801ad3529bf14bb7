"""The executor of our own location, which has no options: an eighth of what described the job of each integration.

Dagster's options of it switch off retries of steps, and let a step start although the one before it failed.
"""

from collections.abc import Mapping

import dagster as dg
from dagster._core.executor.base import Executor  # not public

from integration_center.pipeline.steps.resources import NoConfig

DEFAULTS: Mapping[str, object] = {"retries": {"enabled": {}}}


def execute_in_process(context: dg.InitExecutorContext) -> Executor:
    """Build Dagster's own executor that executes all steps in the process of the run."""
    build = dg.in_process_executor.executor_creation_fn
    if build is None:
        raise TypeError(f"Dagster builds no {dg.in_process_executor.name} executor")
    return build(context._replace(executor_config=DEFAULTS))


IN_ONE_PROCESS = dg.ExecutorDefinition(
    dg.in_process_executor.name,
    config_schema=NoConfig(),  # type: ignore[arg-type] # a built schema, which Dagster takes as well
    executor_creation_fn=execute_in_process,
)
