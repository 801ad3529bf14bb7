"""All that the doctor looks at, in order."""

from collections.abc import Iterator
from datetime import datetime

from integration_center.installation import Installation
from integration_center.pipeline.doctor import machine, services
from integration_center.pipeline.doctor.findings import Checked, look
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.judging import read_installed


def examine(installation: Installation, now: datetime) -> Iterator[Checked]:
    """Look at everything. Costs some API calls of each connected org, and writes nothing to it."""
    yield from look("versions", machine.check_versions)
    yield from look("settings", lambda: machine.check_settings(installation))
    yield from look("database", lambda: machine.check_database(installation))
    yield from look("stop", lambda: services.check_stop(installation))
    yield from look("storage", lambda: machine.check_storage(installation))
    yield from look("disk", lambda: machine.check_disk(installation))
    yield from look("certificates", lambda: machine.check_certificates(now))
    loaded = read_installed(installation.settings)
    yield from look("integrations", lambda: services.check_integrations(loaded))

    def ask_dagster() -> Iterator[Checked]:
        with open_instance(installation.settings) as instance:
            yield from look("dagster", lambda: services.check_dagster(installation, instance, now))
            yield from look("schedules", lambda: services.check_schedules(loaded, instance, now))

    yield from look("dagster", ask_dagster)
    yield from look("reports", lambda: services.check_reports(installation, loaded, now))
    yield from look("accounts", lambda: services.check_accounts(installation, loaded))
    yield from look("alerts", lambda: machine.check_alerts(installation))
