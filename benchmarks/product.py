"""The Integration Center, through Dagster: one run of the integration's job in this process, on a home of its own."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from benchmarks.measure import Measurement, measured, read_task, tell
from benchmarks.scenario import FIELDS, KEY_COLUMN, KEY_FIELD, OBJECT, REPORT, Task
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.location.launching import run_here
from integration_center.pipeline.names import run_tags
from integration_center.settings import Settings, read_settings
from integration_center.store.home import prepare_home
from integration_center.sync.outcomes import Outcome

SLUG = "logins_to_leads"
ATTRIBUTES = {
    "name": "Logins to Leads",
    "environment": "sandbox",
    "report": REPORT,
    "object": OBJECT,
    "keys": [{"column": KEY_COLUMN, "field": KEY_FIELD}],
    "fields": [{"column": column, "field": field} for column, field in FIELDS.items()],
}


def write_home(home: Path, changes: Mapping[str, Any] | None = None) -> None:
    """A `DAGSTER_HOME` with the project's own settings and one integration, with some attributes changed."""
    folder = home / "defs" / SLUG
    folder.mkdir(parents=True)
    definition = {"type": "integration_center.Integration", "attributes": {**ATTRIBUTES, **(changes or {})}}
    (folder / "defs.yaml").write_text(yaml.safe_dump(definition))
    prepare_home(home)


def build_environment(home: Path, reports: Path, task: Task) -> dict[str, str]:
    """The product's settings for that home."""
    return {
        "DAGSTER_HOME": str(home),
        "INTEGRATION_CENTER_DEFS": str(home / "defs"),
        "WALKME_SOURCE": "files",
        "WALKME_FILES_ROOT": str(reports),
        "SALESFORCE_SANDBOX_LOGIN_URL": task.url,
        "SALESFORCE_SANDBOX_CLIENT_ID": task.client_id,
        "SALESFORCE_SANDBOX_CLIENT_SECRET": task.client_secret,
    }


def run(settings: Settings, instance: dg.DagsterInstance, day: date) -> str:
    """One day through Dagster; the run id."""
    tags = run_tags(SLUG, Environment.SANDBOX, "benchmark")
    run_id, success = run_here(RunRequest(SLUG, (day, day), tags), settings, instance)
    if not success:
        with open_installation(settings) as installation:
            sync = installation.syncs.get(run_id, SLUG)
        raise RuntimeError(f"the run failed: {sync.error if sync else 'before its line in the log'}")
    return run_id


def read_own_counts(settings: Settings, instance: dg.DagsterInstance, run_id: str, measurement: Measurement) -> None:
    """Lays what the product's log and metadata say of the run into the measurement."""
    with open_installation(settings) as installation:
        sync = installation.syncs.get(run_id, SLUG)
    if sync is None:
        raise RuntimeError("the run left no line in the log")
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    materializations = [event.asset_materialization for record in records if (event := record.event_log_entry)]
    metadata = [found.metadata for found in materializations if found and "bytes_sent" in found.metadata]
    measurement.written = sync.counts["lines"].get(Outcome.UPDATED, 0)
    measurement.calls = sync.api_calls
    measurement.sent, measurement.received = (
        sum(int(str(values[name].value)) for values in metadata) for name in ("bytes_sent", "bytes_received")
    )


def main() -> None:
    task = read_task()
    settings = read_settings()
    with open_instance(settings) as instance:
        with measured() as measurement:
            run_id = run(settings, instance, date.fromisoformat(task.day))
        read_own_counts(settings, instance, run_id, measurement)
    tell(measurement)


if __name__ == "__main__":
    main()
