"""What a push notes before it sends anything, and what keeps it from sending more."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

Check = Callable[[], None]
"""Raises an IntegrationCenterError when nothing more may be sent."""


class Journal(Protocol):
    """Remembers what is being sent, so that the next run can settle what a killed run left."""

    def job_opened(self, job_id: str, rows: int, content_hash: str) -> None:
        """Record a Bulk job with this content. Called before the job is closed."""
        ...

    def job_settled(self, job_id: str) -> None:
        """Record that a job needs no more attention: it was aborted before it was closed, or its results are returned.

        For jobs that ended, this is called when all results of the push are there, just before the push returns. A
        journal that records it only after the ledger is stored leaves no gap at all.
        """
        ...

    def chunk_sent(self, ids_hash: str) -> None:
        """Record that a collections call with these records is sent next."""
        ...


@dataclass(frozen=True)
class CheckedJournal:
    """A journal that takes nothing more, so that nothing more is sent, once `may_go_on` raises."""

    journal: Journal
    may_go_on: Check

    def job_opened(self, job_id: str, rows: int, content_hash: str) -> None:
        """Record a Bulk job, unless it may not be sent."""
        self.may_go_on()
        self.journal.job_opened(job_id, rows, content_hash)

    def job_settled(self, job_id: str) -> None:
        """Record that a job needs no more attention."""
        self.journal.job_settled(job_id)

    def chunk_sent(self, ids_hash: str) -> None:
        """Record a collections call, unless it may not be sent."""
        self.may_go_on()
        self.journal.chunk_sent(ids_hash)
