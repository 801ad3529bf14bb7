"""Looks again and again for runs whose process is gone, and closes them: until then they keep their place in the queue.

`up` looks so on its machine. Where hosts share a database, each console does, so that a lost host's runs are closed
however long the daemon's sensors take. Dagster's sensor `alerts` looks, too.
"""

import logging
from threading import Event

from integration_center.errors import IntegrationCenterError
from integration_center.installation import open_installation
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.runs.history import fail_killed_runs
from integration_center.settings import Settings

logger = logging.getLogger(__name__)

LOOK_SECONDS = 10.0


def close_lost_runs(settings: Settings) -> None:
    """Fail the runs whose process is gone.

    Raises:
        IntegrationCenterError: the database does not answer.
    """
    with open_installation(settings) as installation, open_instance(settings) as instance:
        fail_killed_runs(instance, installation)


def keep_closing_lost_runs(settings: Settings, ended: Event) -> None:
    """Fail the runs whose process is gone, until `ended` is set. What prevents it is logged once, and passes."""
    warned = ""
    while not ended.wait(LOOK_SECONDS):
        said = ""
        try:
            close_lost_runs(settings)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next look may go well
            said = str(error) if isinstance(error, IntegrationCenterError) else type(error).__name__
        if said and said != warned:
            logger.warning("runs of lost hosts could not be looked for: %s", said)
        warned = said
