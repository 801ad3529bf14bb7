"""How many API calls a push will take, told before its first write."""

from dataclasses import dataclass
from math import ceil

from integration_center.salesforce.client.polling import FIRST_WAITS, LATER_WAIT, SPARE_LOOKS
from integration_center.salesforce.read.costs import estimate_bulk
from integration_center.salesforce.write.read_back import WORTH_A_LOOK

ROWS_A_SECOND = 500
"""What a Bulk job gets through at the least, with triggers; for the number of looks at it."""
CALLS_A_JOB = 5
"""Create, upload, close, failed results, unprocessed records."""
SPARE_CALLS_A_JOB = 7
"""A second upload in a job of its own, and the result files once more with the successful one."""
SPARE_CALLS_A_SEND = 2
"""After a lost answer: the records are read and sent again."""
SENDS_LOST = 3
"""So many lost answers are allowed for; an org that loses more stops the push."""


@dataclass(frozen=True)
class Forecast:
    """API calls of a push.

    Attributes:
        calls: to send the records and to learn what became of them.
        spare: what may come on top: lost answers, records sent again after a lock, result files read again.
    """

    calls: int
    spare: int

    def __add__(self, other: "Forecast") -> "Forecast":
        return Forecast(self.calls + other.calls, self.spare + other.spare)

    @property
    def total(self) -> int:
        """All that has to be left to the org before the first write."""
        return self.calls + self.spare


def forecast_collections(rows: int, rows_a_call: int, resends: int) -> Forecast:
    """A push by sObject Collections.

    Args:
        rows: records to send.
        rows_a_call: records of one API call.
        resends: calls for records that run into locks.
    """
    calls = ceil(rows / rows_a_call)
    return Forecast(calls, SPARE_CALLS_A_SEND * min(calls, SENDS_LOST) + resends) + forecast_look_back(rows)


def forecast_bulk(rows: int, jobs: int, resends: int) -> Forecast:
    """A push by Bulk API 2.0.

    Args:
        rows: records to send.
        jobs: Bulk jobs they take, one after another.
        resends: calls for records that run into locks.
    """
    seconds = rows / max(jobs, 1) / ROWS_A_SECOND
    looks = len(FIRST_WAITS) + SPARE_LOOKS + ceil(max(seconds - sum(FIRST_WAITS), 0) / LATER_WAIT)
    calls = Forecast(jobs * (CALLS_A_JOB + looks), jobs * SPARE_CALLS_A_JOB + resends)
    return calls + forecast_look_back(rows)


def forecast_look_back(rows: int) -> Forecast:
    """The look at the records once all is written: one call, once more if it fails, and all of them if need be.

    Args:
        rows: records written.
    """
    return Forecast(1, 1 + estimate_bulk(rows, 1).calls) if rows >= WORTH_A_LOOK else Forecast(0, 0)
