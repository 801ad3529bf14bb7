"""One report, all of whose rows are news to the org, and what must hold after its syncs."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import polars as pl

from integration_center.database.sync_records import SyncStatus
from integration_center.sync.outcomes import Outcome
from integration_center_tests.faults.rehearsal import Rehearsal, Rehearsed, check_books
from integration_center_tests.pipeline.center import COUNT
from salesforce_emulator.refusals import RowError
from salesforce_emulator.server import Emulator

ROWS, REFUSED = 14, 2
RULE = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Ask Sam first")
VALUES = count(1_000)
"""Every case writes a value of its own, so that no case needs the org restored."""


@dataclass(frozen=True)
class Case:
    """One report, all of whose rows are news to the org; two of its records are such as a rule of the org refuses."""

    emulator: Emulator
    rehearsal: Rehearsal
    leads: Sequence[tuple[str, str]]
    value: int

    @property
    def rows(self) -> pl.DataFrame:
        """The report."""
        emails = [email for _, email in self.leads] + ["nobody@nowhere.example"]
        return pl.DataFrame({"User ID": emails}).with_columns(
            pl.lit("2026-01-05 08:00:00").str.to_datetime().alias("First Login"),
            pl.lit("2026-10-02 09:30:15").str.to_datetime().alias("Last Login"),
            pl.lit(self.value).alias("# Logins Last 30 Days"),
        )

    @property
    def taken(self) -> list[str]:
        """The records that the org lets us write."""
        return sorted(record_id for record_id, _ in self.leads[REFUSED:])

    def sync(self) -> Rehearsed:
        """One sync of the report, whose books are in order, however it ended."""
        self.refuse()
        ran = self.rehearsal.sync(self.rows)
        check_books(ran, ROWS + 1)
        return ran

    def refuse(self) -> None:
        """Let the org's rule refuse its records."""
        self.emulator.sandbox.faults.fail_rows([record_id for record_id, _ in self.leads[:REFUSED]], RULE)

    def held(self) -> list[str]:
        """The records that hold the report's value."""
        found = self.emulator.sandbox.store.rows(f'SELECT Id FROM Lead WHERE "{COUNT}" = ? ORDER BY Id', (self.value,))
        return [record_id for (record_id,) in found]

    def check_ended(self, ran: Rehearsed) -> None:
        """A sync that did not reach its end says why in a sentence, and its log is closed as Failed."""
        if ran.error is not None:
            assert "unexpected" not in ran.error
            assert ran.sync.error is not None
            assert ran.sync.status is SyncStatus.FAILED

    def check_written_once(self, syncs: Sequence[Rehearsed]) -> None:
        """The org holds the report; every record was saved once; and the ledgers say so, each record once."""
        assert self.held() == self.taken
        assert dict(self.emulator.sandbox.org.saves) == dict.fromkeys(self.taken, 1)
        ledgers = [lines for ran in syncs if (lines := self.rehearsal.read(ran.sync.run_id).lines) is not None]
        booked = pl.concat(lines.select("record_id", "outcome") for lines in ledgers)
        assert booked.filter(outcome=Outcome.UPDATED)["record_id"].sort().to_list() == self.taken
        refused = {record_id for record_id, _ in self.leads[:REFUSED]}
        assert set(ledgers[-1].filter(outcome=Outcome.FAILED)["record_id"]) == refused
        assert not booked["outcome"].is_in([Outcome.UNKNOWN]).any()
