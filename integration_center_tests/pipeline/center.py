"""One isolated installation to run integrations in, and what a test asks of it."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import yaml

from integration_center.database.sync_records import SyncRecord
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.location.assembly import build_definitions
from integration_center.pipeline.location.launching import QUIET, run_here
from integration_center.pipeline.location.loader import load_integrations
from integration_center.pipeline.runs.history import complete_log
from integration_center.settings import read_settings
from integration_center_tests.conftest import YESTERDAY
from salesforce_emulator.clock import stamp
from salesforce_emulator.org.calls import CallRecord
from salesforce_emulator.people import build_person
from salesforce_emulator.server import Emulator, OrgHandle

FIRST, LAST, COUNT = "WalkMe_First_Login__c", "WalkMe_Last_Login__c", "WalkMe_Logins_Last_30_Days__c"
HEADER = ("User ID", "First Login", "Last Login", "# Logins Last 30 Days")
EXAMPLE: Mapping[str, Any] = {
    "name": "Logins to Leads",
    "environment": "sandbox",
    "report": "Logins Review",
    "object": "Lead",
    "keys": [{"column": "User ID", "field": "Email"}],
    "fields": [
        {"column": "First Login", "field": FIRST},
        {"column": "Last Login", "field": LAST},
        {"column": "# Logins Last 30 Days", "field": COUNT},
    ],
}
"""The integration of the README."""
PLAIN = (1, 3, 4, 6, 8, 11, 12, 13)
"""People with exactly one Lead, in both orgs, that can be edited."""

Row = tuple[str | None, str | None, str | None, int | str | None]


def email(number: int) -> str:
    """The e-mail address of an invented person."""
    return build_person(number).email


def logins(numbers: Sequence[int], count: int = 7) -> list[Row]:
    """Rows of Logins for some people; `count` tells one version of the report from another."""
    return [(email(n), f"2026-01-{n % 28 + 1:02d} 08:00:00", "2026-10-02 09:30:15", count + n) for n in numbers]


@dataclass(frozen=True)
class Ran:
    """What a run left behind.

    Attributes:
        run_id: Dagster's.
        success: whether Dagster calls the run a success.
        failures: the text of each failed step, by step key.
    """

    run_id: str
    success: bool
    failures: Mapping[str, str]

    @property
    def error(self) -> str:
        """All failures in one text."""
        return "\n".join(self.failures.values())


@dataclass(frozen=True)
class Center:
    """An installation: its folders, the orgs it is connected to, and Dagster's instance."""

    home: Path
    emulator: Emulator
    instance: dg.DagsterInstance

    @property
    def defs(self) -> Path:
        """The folder of integrations."""
        return self.home / "defs"

    def integrate(self, slug: str = "logins_to_leads", **changes: Any) -> None:
        """Write an integration: the example with some attributes changed; None leaves one out."""
        attributes = {name: value for name, value in {**EXAMPLE, **changes}.items() if value is not None}
        self.write(slug, yaml.safe_dump({"type": "integration_center.Integration", "attributes": attributes}))

    def write(self, slug: str, text: str) -> None:
        """Write an integration's file as it is."""
        folder = self.defs / slug
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "defs.yaml").write_text(text, encoding="utf-8")

    def drop(
        self,
        rows: Sequence[Sequence[object]],
        day: date = YESTERDAY,
        report: str = "logins",
        header: Sequence[str] = HEADER,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Drop a report's file of one day, in place of the one before."""
        folder = self.home / "drops" / report
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{day}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        if about is not None:
            (folder / "report.yaml").write_text(yaml.safe_dump(dict(about)), encoding="utf-8")

    def definitions(self) -> dg.Definitions:
        """What Dagster knows of the integrations now."""
        return build_definitions(self.defs)

    def run(
        self,
        slug: str = "logins_to_leads",
        day: date = YESTERDAY,
        *,
        last: date | None = None,
        assets: Sequence[str] = (),
        allow_stale: bool = False,
        tags: Mapping[str, str] | None = None,
        instance: dg.DagsterInstance | None = None,
    ) -> Ran:
        """Run an integration's job, whole or in part, for a day or a range."""
        request = RunRequest(
            job=slug,
            days=(day, last or day),
            tags=dict(tags or {}),
            assets=tuple(dg.AssetKey(asset.split("/")) for asset in assets),
            run_config={"ops": {f"{slug}__push": {"config": {"allow_stale": True}}}} if allow_stale else None,
        )
        instance = instance or self.instance
        run_id, success = run_here(request, read_settings(), instance)
        return Ran(run_id, success, self.failures(run_id, instance))

    def materialize_all(self, day: date = YESTERDAY) -> Ran:
        """What the asset graph's "Materialize all" does: one run of everything, with no tags but the partition."""
        job = self.definitions().resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(
            instance=self.instance, partition_key=day.isoformat(), run_config={"loggers": QUIET}, raise_on_error=False
        )
        return Ran(result.run_id, result.success, self.failures(result.run_id, self.instance))

    def failures(self, run_id: str, instance: dg.DagsterInstance) -> dict[str, str]:
        """What the failed steps of a run said."""
        found = {}
        for record in instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records:
            event = record.event_log_entry.dagster_event
            assert event is not None
            data = event.step_failure_data
            said = data.user_failure_data.description if data.user_failure_data else None
            found[event.step_key or ""] = said or (data.error.to_string() if data.error else "")
        return found

    def sync(self, run: Ran, slug: str = "logins_to_leads") -> SyncRecord:
        """The run's line in the log."""
        with open_installation() as installation:
            sync = installation.syncs.get(run.run_id, slug)
        assert sync is not None, f"run {run.run_id} left no line of {slug}: {run.failures}"
        return sync

    def history(self) -> dict[str, SyncRecord]:
        """The newest line of each integration, after the log was completed from Dagster's history."""
        loaded = load_integrations(self.defs)
        with open_installation() as installation:
            complete_log(self.instance, installation, {**loaded.specs, **dict.fromkeys(loaded.broken)})
            return {sync.slug: sync for sync in reversed(installation.syncs.history())}

    def ledger(self, run: Ran, slug: str = "logins_to_leads") -> pl.DataFrame:
        """What became of each row."""
        with open_installation() as installation:
            return installation.ledgers.read(run.run_id, slug)

    def leads(self, environment: Environment = Environment.SANDBOX) -> dict[str, dict[str, Any]]:
        """The org's Leads as stored, by Id."""
        return {lead["Id"]: lead for lead in self.org(environment).store.records("Lead")}

    def lead(self, number: int) -> dict[str, Any]:
        """The one Lead of an invented person in the sandbox."""
        (lead,) = self.emulator.sandbox.store.records("Lead", "Email = ?", (email(number),))
        return lead

    def change_lead(self, number: int, field: str, value: object) -> None:
        """Let somebody in the sandbox change a field of a person's Lead."""
        with self.emulator.sandbox.store.writing() as connection:
            connection.execute(
                f'UPDATE "Lead" SET "{field}" = ?, SystemModstamp = ? WHERE Email = ?',
                (value, stamp(self.emulator.sandbox.clock.now()), email(number)),
            )
        self.let_time_pass()

    def let_time_pass(self) -> None:
        """Move the sandbox's clock, so that a further write shows in SystemModstamp, which has whole seconds."""
        self.emulator.sandbox.clock.advance(60)

    def org(self, environment: Environment) -> OrgHandle:
        """The local org of an environment."""
        return self.emulator.sandbox if environment is Environment.SANDBOX else self.emulator.production

    def writes(self, environment: Environment = Environment.SANDBOX) -> list[CallRecord]:
        """The calls that may write, since the call log was cleared."""
        data = self.org(environment).calls.find(path="/services/data/*")
        return [call for call in data if call.method in {"PATCH", "PUT", "DELETE"} or "/jobs/ingest" in call.path]


def days_before(count: int) -> date:
    """The day some days before the newest."""
    return YESTERDAY - timedelta(days=count)


def as_stored(value: object) -> object:
    """A value of the ledger as the emulator stores it."""
    return value.strftime("%Y-%m-%dT%H:%M:%S") if isinstance(value, datetime) else value
