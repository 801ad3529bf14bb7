"""An integration that reads the same fields of one object day after day, in an org where others work meanwhile."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import polars as pl

from integration_center.salesforce.client.polling import Polling
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.org import Org
from integration_center.salesforce.read.snapshot_file import SnapshotFile
from integration_center_tests.salesforce.credentials import ClientCredentials
from integration_center_tests.salesforce.scripted import NO_WAIT
from salesforce_emulator.org.calls import CallRecord
from salesforce_emulator.org.saving import save_rows
from salesforce_emulator.server import OrgHandle

FIELDS = ("Email", "Company", "WalkMe_Logins_Last_30_Days__c", "WalkMe_Last_Login__c")
INCREMENTAL = ["POST composite"]
"""The calls of a read of changes that fit one page."""
ORG_ID = "00D000000000001AAA"
USER_ID = "005000000000001AAA"


@dataclass
class Integration:
    """What reads the same fields of one object day after day, a fresh session each time."""

    handle: OrgHandle
    tokens: ClientCredentials
    snapshot: SnapshotFile
    fields: Sequence[str] = FIELDS
    sobject: str = "Lead"
    api_version: str = "66.0"
    where: str | None = None
    stamps: bool = True
    calls: list[CallRecord] = field(default_factory=list)

    def read(self) -> pl.DataFrame:
        """The records; they are what a full read without a snapshot gives at this moment.

        Unless `stamps` is set, but for the moments of their last change.
        """
        with self.connect() as org:
            schema = org.describe(self.sobject)
            self.handle.calls.clear()
            try:
                records = org.read_records(schema, self.fields, where=self.where, snapshot=self.snapshot)
            finally:
                self.calls = self.handle.calls.find()
            whole = org.read_records(schema, self.fields, where=self.where, expected_rows=1)
        left_out = [] if self.stamps else ["SystemModstamp"]
        assert records.drop(left_out).equals(whole.drop(left_out))
        return records

    def connect(self) -> "Connected":
        return Connected(self.tokens, self.api_version)

    @property
    def asked(self) -> list[str]:
        """The calls of the last read: method and resource."""
        return [f"{call.method} {call.path.split('/v', 1)[1].split('/', 1)[1]}" for call in self.calls]

    @property
    def was_full(self) -> bool:
        """Whether all records were read."""
        return "GET query" in self.asked

    @property
    def org(self) -> OrgHandle:
        return self.handle

    def lead_ids(self) -> list[str]:
        where = "IsDeleted = 0 AND IsConverted = 0 ORDER BY Id"
        return [lead["Id"] for lead in self.handle.store.records("Lead", where)]

    def save(self, operation: str, *rows: dict[str, object]) -> list[str]:
        """Let somebody in the org save Leads; their Ids."""
        sobject = self.handle.org.schema.find("Lead")
        assert sobject is not None
        results = save_rows(self.handle.org, sobject, operation, rows)  # type: ignore[arg-type]
        assert not any(result.errors for result in results), results
        return [str(result.id) for result in results]

    def pass_time(self, **length: float) -> None:
        self.handle.clock.advance(timedelta(**length).total_seconds())


class Connected:
    """A session with the org for the length of a block."""

    def __init__(self, tokens: ClientCredentials, api_version: str) -> None:
        self.session = Session(tokens, api_version=api_version, retries=NO_WAIT)
        self.breath = threading.Event()

    def __enter__(self) -> Org:
        return Org(self.session, polling=Polling(deadline=20.0, sleep=lambda s: void(self.breath.wait(min(s, 0.02)))))

    def __exit__(self, *error: object) -> None:
        self.session.close()


def void(result: object) -> None:
    """Forget a result."""


def touch(integration: Integration, lead: str, stamped: str) -> None:
    """Change a Lead, with `stamped` as the time of its last change."""
    with integration.org.store.writing() as connection:
        connection.execute("UPDATE Lead SET Company = 'Late', SystemModstamp = ? WHERE Id = ?", (stamped, lead))
