"""One installation's stored state, opened together: accounts, syncs, leases, reports, ledgers.

What reads reports or talks to Salesforce is imported when it is first asked for: it takes longer than all else that
`log` or `accounts` do.
"""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from integration_center.access.audit import AuditLog
from integration_center.accounts.encryption import build_cipher
from integration_center.accounts.store import AccountStore
from integration_center.database.engine import build_engine
from integration_center.database.group_sizes import GroupSizes
from integration_center.database.leases import Leases
from integration_center.database.stops import Stops
from integration_center.database.syncs import SyncLog
from integration_center.database.waiting import WaitingDays
from integration_center.database.workers import Workers
from integration_center.integration.spec import Environment
from integration_center.remote import ORG_POLICY, RetryPolicy, log_retries
from integration_center.salesforce.client.polling import Polling
from integration_center.settings import Settings, read_settings
from integration_center.wording.plain_text import keep_log_printable

if TYPE_CHECKING:
    from integration_center.database.shared_progress import SharedProgress
    from integration_center.insights.source import ReportSource
    from integration_center.salesforce.org import Org
    from integration_center.salesforce.read.snapshot_file import SnapshotFolder
    from integration_center.store.frame_store import FrameStore
    from integration_center.store.known_records import KnownRecords
    from integration_center.store.ledgers import LedgerFolder
    from integration_center.store.reports import ReportFolder
    from integration_center.store.run_progress import ProgressFolder


@dataclass(frozen=True)
class Installation:
    """What one `DAGSTER_HOME` holds.

    Attributes:
        retries: how long to wait for an org that is not there.
        polling: how to wait for its Bulk jobs.
    """

    settings: Settings
    engine: Engine
    retries: RetryPolicy = ORG_POLICY
    polling: Polling = field(default_factory=Polling)

    @cached_property
    def accounts(self) -> AccountStore:
        """The connected accounts."""
        return AccountStore(self.engine, build_cipher(self.settings))

    @cached_property
    def syncs(self) -> SyncLog:
        """What became of each sync."""
        return SyncLog(self.engine)

    @cached_property
    def waiting(self) -> WaitingDays:
        """The days whose reports are waited for."""
        return WaitingDays(self.engine)

    @cached_property
    def audit(self) -> AuditLog:
        """Who did what."""
        return AuditLog(self.engine)

    @cached_property
    def stops(self) -> Stops:
        """Whether an admin stopped everything."""
        return Stops(self.engine)

    @cached_property
    def leases(self) -> Leases:
        """Who works on which object of which org."""
        return Leases(self.engine)

    @cached_property
    def workers(self) -> Workers:
        """The processes that execute runs."""
        return Workers(self.engine)

    @cached_property
    def group_sizes(self) -> GroupSizes:
        """How many records of an object the orgs save at once."""
        return GroupSizes(self.engine)

    @cached_property
    def frames(self) -> "FrameStore":
        """All stored files: reports, plans, ledgers, snapshots."""
        from integration_center.database.file_index import DatabaseIndex
        from integration_center.store.frame_store import build_frame_store

        return build_frame_store(self.settings, DatabaseIndex(self.engine))

    def index_earlier_files(self) -> int:
        """Note the files of earlier versions, which kept no index, and return how many there were.

        Raises:
            IntegrationCenterError: a file cannot be uploaded, or the database does not answer.
        """
        from integration_center.store.earlier_files import index_earlier_files

        folders = {self.settings.scratch, self.settings.storage}
        return sum(index_earlier_files(self.frames, folder) for folder in folders)

    @cached_property
    def reports(self) -> "ReportFolder":
        """The stored frames of reports."""
        from integration_center.store.reports import ReportFolder

        return ReportFolder(self.frames)

    @cached_property
    def ledgers(self) -> "LedgerFolder":
        """The stored ledgers."""
        from integration_center.store.ledgers import LedgerFolder

        return LedgerFolder(self.frames)

    @cached_property
    def known_records(self) -> "KnownRecords":
        """Which records the integrations wrote."""
        from integration_center.store.known_records import KnownRecords

        return KnownRecords(self.frames)

    @cached_property
    def snapshots(self) -> "SnapshotFolder":
        """What was read of the orgs."""
        from integration_center.salesforce.read.snapshot_file import SnapshotFolder

        return SnapshotFolder(self.frames)

    @cached_property
    def progress(self) -> "ProgressFolder":
        """How far the steps of the runs of this host have come."""
        from integration_center.store.run_progress import ProgressFolder

        return ProgressFolder(self.settings.scratch)

    @cached_property
    def shared_progress(self) -> "SharedProgress":
        """How far the steps of the runs of all hosts have come."""
        from integration_center.database.shared_progress import SharedProgress

        return SharedProgress(self.engine)

    def work_folder(self) -> AbstractContextManager[Path]:
        """A folder of this machine for the length of the block, for nobody else to read."""
        from integration_center.store.work import open_work_folder

        return open_work_folder(self.settings.scratch)

    def source(self) -> "ReportSource":
        """Where reports come from."""
        from integration_center.insights.build import build_source

        return build_source(self.settings)

    @contextmanager
    def connect(self, environment: Environment) -> "Iterator[Org]":
        """The org connected in `environment`.

        Raises:
            NotConnected: there is none.
        """
        from integration_center.accounts.stored_tokens import StoredTokens
        from integration_center.salesforce.client.session import Session
        from integration_center.salesforce.org import Org

        self.accounts.get(environment)
        tokens = StoredTokens(environment, self.settings, self.accounts, self.retries)
        version, retries = self.settings.api_version, self.retries
        with (
            self.work_folder() as scratch,
            Session(tokens, api_version=version, retries=retries, scratch=scratch) as session,
        ):
            yield Org(session, polling=self.polling)


@contextmanager
def open_installation(settings: Settings | None = None) -> Iterator[Installation]:
    """Open the installation that the settings name; its database is made on first use."""
    log_retries()
    keep_log_printable()
    # It would log addresses, whose queries hold keys of records and signatures of presigned files.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = settings or read_settings()
    yield Installation(settings, build_engine(settings.database))
