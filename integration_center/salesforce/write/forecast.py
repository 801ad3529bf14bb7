"""Forecast how many API calls a push will take, before its first write."""

from dataclasses import dataclass
from math import ceil

from integration_center.salesforce.client.polling import FIRST_WAITS, LATER_WAIT, SPARE_LOOKS
from integration_center.salesforce.read.costs import estimate_bulk
from integration_center.salesforce.write.read_back import WORTH_A_LOOK

ROWS_A_SECOND = 500
"""The slowest pace of a Bulk job, with triggers. It gives the number of looks at the job."""
CALLS_A_JOB = 5
"""The calls of a job: create, upload, close, failed results, unprocessed records."""
SPARE_CALLS_A_JOB = 7
"""The extra calls of a job in trouble: a second upload in a new job, and all three result files once more."""
SPARE_CALLS_A_SEND = 2
"""The extra calls after a lost answer: the records are read and sent again."""
SENDS_LOST = 3
"""The number of lost answers that the forecast allows for. If the org loses more, the push stops."""


@dataclass(frozen=True)
class Forecast:
    """The API calls of a push.

    Attributes:
        calls: the calls that send the records and find out what became of them.
        spare: the calls that trouble may add: lost answers, records sent again after a lock, result files read again.
    """

    calls: int
    spare: int

    def __add__(self, other: "Forecast") -> "Forecast":
        return Forecast(self.calls + other.calls, self.spare + other.spare)

    @property
    def total(self) -> int:
        """The calls that the org must have left before the first write."""
        return self.calls + self.spare


def forecast_collections(rows: int, rows_a_call: int, resends: int) -> Forecast:
    """Forecast a push by sObject Collections.

    Args:
        rows: the number of records to send.
        rows_a_call: the records per API call.
        resends: the calls for records that run into locks.
    """
    calls = ceil(rows / rows_a_call)
    return Forecast(calls, SPARE_CALLS_A_SEND * min(calls, SENDS_LOST) + resends) + forecast_look_back(rows)


def forecast_bulk(rows: int, jobs: int, resends: int) -> Forecast:
    """Forecast a push by Bulk API 2.0.

    Args:
        rows: the number of records to send.
        jobs: the number of Bulk jobs, which run one after another.
        resends: the calls for records that run into locks.
    """
    seconds = rows / max(jobs, 1) / ROWS_A_SECOND
    looks = len(FIRST_WAITS) + SPARE_LOOKS + ceil(max(seconds - sum(FIRST_WAITS), 0) / LATER_WAIT)
    calls = Forecast(jobs * (CALLS_A_JOB + looks), jobs * SPARE_CALLS_A_JOB + resends)
    return calls + forecast_look_back(rows)


def forecast_look_back(rows: int) -> Forecast:
    """Forecast the look at the written records: one call, a second if it fails, and a read of all of them if needed."""
    return Forecast(1, 1 + estimate_bulk(rows, 1).calls) if rows >= WORTH_A_LOOK else Forecast(0, 0)
