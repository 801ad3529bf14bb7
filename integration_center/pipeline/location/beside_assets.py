"""What the integrations of one location share besides assets and the daily sync: what starts runs, and other jobs."""

from collections.abc import Sequence

import dagster as dg

from integration_center.integration.environment import Environment
from integration_center.integration_files.integrations import Integrations
from integration_center.pipeline.jobs.release import build_release
from integration_center.pipeline.jobs.retention_job import build_retention
from integration_center.pipeline.jobs.retry import build_retry
from integration_center.pipeline.jobs.undo import build_undo
from integration_center.pipeline.starting.alert_watch import build_alert_sensor
from integration_center.pipeline.starting.arrival_sensors import build_arrival_sensors
from integration_center.pipeline.starting.automation import build_automation
from integration_center.pipeline.starting.schedules import build_own_schedules
from integration_center.pipeline.starting.sensors import build_sensors


def build_beside_assets(loaded: Integrations, prefix: str | None, accounts: Sequence[Environment]) -> dg.Definitions:
    """Build the schedules, sensors and jobs that integrations share.

    Args:
        loaded: the integrations, all with the same prefix.
        prefix: of the project, see `IntegrationSpec`.
        accounts: those that jobs are needed for.
    """
    return dg.Definitions.merge(
        build_own_schedules(loaded),
        build_sensors(loaded, prefix),
        build_automation(loaded.specs, prefix),
        build_arrival_sensors(loaded),
        build_retention(prefix),
        build_undo(prefix, accounts),
        build_release(prefix, accounts),
        build_retry(prefix, accounts),
        build_alert_sensor(prefix),
    )
