"""The lines of the log of syncs, as they are read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Row

from integration_center.integration.spec import Environment
from integration_center.sync.refusals import REFUSED
from integration_center.wording.remedies import Said, read_said

Counts = Mapping[str, Mapping[str, int]]
"""Lines and rows by outcome: `{"lines": {"updated": 3}, "rows": {"updated": 2, "unmatched": 1}}`."""
JUDGED = "judged"
"""Where the column of the counts keeps what `sync.limits.count_judged` returns."""


UNDO_OF = "undo of "
"""What `triggered_by` of an undo begins with; the run that it undoes follows."""
RELEASE_OF = "release of "
"""What `triggered_by` of a release begins with; the run whose plan it sends follows."""
RETRY_OF = "retry of "
"""What `triggered_by` of a retry begins with; the run whose failed records it sends again follows."""


class SyncStatus(StrEnum):
    """The status of a sync, as every log shows it."""

    RUNNING = "Running"
    """The run is under way."""
    PLANNED = "Planned"
    """A dry run, which sends nothing."""
    WAITING = "Waiting for approval"
    """The plan is made, and nothing is sent before somebody approves it (`approval: required`)."""
    COMPLETED = "Completed"
    """Everything was sent, or there was nothing to send."""
    FAILED = "Failed"
    """A step failed, a limit held the push, no row matched, or more than `limits.max_failed` of the lines failed. The
    reason is shown beside the status."""


@dataclass(frozen=True)
class SyncRecord:
    """One line of the log.

    Attributes:
        partition_start: first UTC day of the partition range; partition_end: the last, the same for one day.
        started_at: UTC; ended_at: UTC, None while it runs.
        counts: lines and rows by outcome; empty before there is a plan.
        applied_at: when the push of this plan began, UTC; None while nothing can have been written.
        read_at: when the org was read, UTC.
        held: the sentence that says which limit holds the plan, else None.
        said: why it failed or waits, else None.
        judged: what two limits were checked against; see `sync.limits.count_judged`. Empty for older lines.
        refused: the records that Salesforce refused, by its code. Empty for older lines.
    """

    run_id: str
    slug: str
    name: str
    environment: Environment | None
    org_id: str | None
    report: str
    object: str
    partition_start: date
    partition_end: date
    status: SyncStatus
    started_at: datetime
    ended_at: datetime | None
    counts: Counts
    plan_id: str | None
    applied_at: datetime | None
    read_at: datetime | None
    describe_hash: str | None
    held: str | None
    said: Said | None
    api_calls: int
    triggered_by: str
    judged: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)

    @property
    def error(self) -> str | None:
        """Why it failed or waits, with what to do at a terminal."""
        return None if self.said is None else self.said.text

    @property
    def runtime(self) -> timedelta | None:
        """End minus start; None while it runs."""
        return None if self.ended_at is None else self.ended_at - self.started_at

    @property
    def lines(self) -> Mapping[str, int]:
        """Lines of its ledger by outcome; empty before there is a plan."""
        return self.counts.get("lines", {})

    @property
    def rows(self) -> Mapping[str, int]:
        """Report rows by outcome; empty before there is a plan."""
        return self.counts.get("rows", {})

    def count_lines(self, outcomes: Iterable[str]) -> int:
        """Count the lines of its ledger that have one of these outcomes."""
        return sum(self.lines.get(outcome, 0) for outcome in outcomes)

    @property
    def undoes(self) -> str | None:
        """The run whose sync this one undoes; None for any other sync."""
        return self.triggered_by.removeprefix(UNDO_OF) if self.triggered_by.startswith(UNDO_OF) else None

    @property
    def releases(self) -> str | None:
        """The run whose held plan this one sends; None for any other sync."""
        return self.triggered_by.removeprefix(RELEASE_OF) if self.triggered_by.startswith(RELEASE_OF) else None

    @property
    def retries(self) -> str | None:
        """The run whose failed records this one sent again; None for any other sync."""
        return self.triggered_by.removeprefix(RETRY_OF) if self.triggered_by.startswith(RETRY_OF) else None

    @property
    def is_of_report(self) -> bool:
        """Whether the sync worked on a whole report; an undo and a retry work on some lines of an earlier ledger."""
        return self.undoes is None and self.retries is None


class SyncPicture(NamedTuple):
    """One line of the log in short: report rows updated, and report rows that count against `limits.max_failed`."""

    status: SyncStatus
    updated: int
    failed: int


class RecentSyncs(NamedTuple):
    """The newest line of an integration, and that and those before in short, the newest first."""

    last: SyncRecord
    pictures: Sequence[SyncPicture]


def build_record(row: Row[Any]) -> SyncRecord:
    """A row of the table `syncs`."""
    values = dict(row._mapping)
    del values["id"], values["pushed"], values["error"]
    values |= {
        "counts": {side: tally for side, tally in row.counts.items() if side not in {JUDGED, REFUSED}},
        "judged": row.counts.get(JUDGED, {}),
        "refused": row.counts.get(REFUSED, {}),
        "environment": Environment(row.environment) if row.environment else None,
        "status": SyncStatus(row.status),
        "said": None if row.error is None else read_said(row.error),
    }
    return SyncRecord(**values)
