"""Keeps the log of syncs complete while nobody looks: a run that fails or is cancelled closes its lines at once."""

import dagster as dg

from integration_center.installation import open_installation
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.integrations import Integrations
from integration_center.pipeline.names import put_before
from integration_center.pipeline.runs.history import complete_log


def build_sensors(loaded: Integrations, prefix: str | None = None) -> dg.Definitions:
    """One sensor for each way a run can end badly."""
    specs: dict[str, IntegrationSpec | None] = {**loaded.specs, **dict.fromkeys(loaded.broken)}

    def build_sensor(status: dg.DagsterRunStatus) -> dg.SensorDefinition:
        @dg.run_status_sensor(
            run_status=status,
            name=put_before(f"log_{status.value.lower()}_runs", prefix),
            default_status=dg.DefaultSensorStatus.RUNNING,
            description="Closes the lines that such a run leaves open in the log of syncs.",
        )
        def log_runs(context: dg.RunStatusSensorContext) -> None:
            with open_installation() as installation:
                complete_log(context.instance, installation, specs, run_id=context.dagster_run.run_id)

        return log_runs

    return dg.Definitions(
        sensors=[build_sensor(dg.DagsterRunStatus.FAILURE), build_sensor(dg.DagsterRunStatus.CANCELED)]
    )
