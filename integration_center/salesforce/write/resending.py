"""Send records again that failed because of a lock or a limit, or that Bulk did not process, in smaller Collections."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from integration_center.errors import TerminalError, TransientError
from integration_center.salesforce.org import Org
from integration_center.salesforce.write.collections import send_collections
from integration_center.salesforce.write.journal import CheckedJournal
from integration_center.salesforce.write.options import WriteOptions
from integration_center.salesforce.write.results import (
    RESULTS,
    is_left_by_bulk,
    is_retryable,
    is_too_much,
    overlay_results,
)
from integration_center.sync.outcomes import Outcome
from integration_center.sync.schema import SObjectSchema

logger = logging.getLogger(__name__)

RESEND_SIZES = (50, 10, 3, 1)
LOCK_TRIES = 2
"""How many of these sizes are tried against locks, which go away with time rather than with smaller groups."""
RESEND_ROWS = 5_000
"""The records that the forecast covers at each of the first sizes. More are sent only if the org can spare calls."""
RESEND_PAUSE = 1.0
FRUITLESS_CALLS = 3
"""After this many calls in a row that helped no record, the next smaller size is tried."""
FRUITLESS_LAST_CALLS = 20
WORTH_NOTING = 0.1
"""A size is remembered if at least this share of all records ran into limits, and it helped this share of them."""


@dataclass(frozen=True)
class Sender:
    """What sends the records of one push."""

    org: Org
    schema: SObjectSchema
    journal: CheckedJournal
    options: WriteOptions

    def send(self, updates: pl.DataFrame, group: int, *, free: int | None) -> Iterator[pl.DataFrame]:
        """Send the records and yield the Results of each call.

        Args:
            updates: the records.
            group: the records per transaction.
            free: the number of calls that are always made. More calls are made only while the org can spare them. None
                makes all calls.

        Raises:
            IntegrationCenterError: a call was refused. Its records and all later ones were not written.
        """
        sending = send_collections(
            self.org,
            self.schema,
            updates,
            chunk_sent=self.journal.chunk_sent,
            rows=group,
            headers=self.options.headers,
        )
        calls = sent = 0
        while sent < updates.height:
            if free is not None and calls >= free and not self.options.can_spare(1):
                logger.warning("the org has no more API calls to spare: %d records are not sent", updates.height - sent)
                return
            results = next(sending)
            calls, sent = calls + 1, sent + results.height
            yield results


def send_left_by_bulk(sender: Sender, updates: pl.DataFrame, results: pl.DataFrame) -> pl.DataFrame:
    """Send the records that Bulk did not process, as far as the org can spare API calls, and update the results."""
    left = results.filter(is_left_by_bulk(allow_duplicates=sender.options.allow_duplicates))["Id"]
    if left.is_empty():
        return results
    again = updates.filter(pl.col("Id").is_in(left.implode()))
    logger.info("Bulk did not process %d records: sending them by Collections", again.height)
    newer = [results.clear()]
    try:
        for part in sender.send(again, sender.options.group, free=0):
            newer.append(part)  # one by one, so that an error loses no earlier result
    except (TerminalError, TransientError) as error:
        logger.error("sending by Collections stops: %s", error)
    return overlay_results(results, pl.concat(newer))


def resend_smaller(sender: Sender, updates: pl.DataFrame, results: pl.DataFrame) -> pl.DataFrame:
    """Send records that failed because of a lock or a limit again, in smaller transactions, and update the results.

    The size that helped records past their limit is noted for the next push.
    """
    ran_into_limits = int(results.select(is_too_much().sum()).item())
    helpful: int | None = None
    sizes = _list_sizes(sender.options.group, by_bulk=bool(results["job_id"].is_not_null().any()))
    for number, size in enumerate(sizes):
        failed = results.filter(is_retryable() if number < LOCK_TRIES else is_too_much())["Id"]
        if failed.is_empty():
            break
        again = updates.filter(pl.col("Id").is_in(failed.implode()))
        logger.info("%d records failed by locks or limits: sending again, %d per transaction", again.height, size)
        sender.org.polling.sleep(RESEND_PAUSE)
        free = sender.options.count_calls(min(again.height, RESEND_ROWS), size) if number < LOCK_TRIES else 0
        most = FRUITLESS_LAST_CALLS if size == sizes[-1] else FRUITLESS_CALLS
        limited = results.filter(is_too_much())["Id"]
        newer, stopped = _send_while_it_helps(sender, again, size, free, most)
        results = overlay_results(results, newer)
        updated = newer.filter(pl.col("outcome") == Outcome.UPDATED.value)["Id"]
        if updated.is_in(limited.implode()).sum() >= max(WORTH_NOTING * ran_into_limits, 1):
            helpful = size
        if stopped:
            break
    many = ran_into_limits >= WORTH_NOTING * updates.height
    if helpful is not None and many and helpful < sender.options.group:
        logger.info("groups of %d records succeeded: the next push begins with that size", helpful)
        sender.options.note_group(helpful)
    return results


def _list_sizes(group: int, *, by_bulk: bool) -> list[int]:
    """List the sizes to try, from large to small: below the size of the first attempt, or all after a Bulk job."""
    return [size for size in RESEND_SIZES if by_bulk or size < group] or [group]


def _send_while_it_helps(
    sender: Sender, again: pl.DataFrame, size: int, free: int, most: int
) -> tuple[pl.DataFrame, bool]:
    """Send records again until `most` calls in a row helped no record.

    Returns:
        The Results of the calls, and whether an error ended them.
    """
    parts, fruitless = [pl.DataFrame(schema=RESULTS)], 0
    try:
        for results in sender.send(again, size, free=free):
            parts.append(results)
            fruitless = fruitless + 1 if results.select(is_retryable().all()).item() else 0
            if fruitless == most:
                break
    except (TerminalError, TransientError) as error:
        logger.error("sending again stops: %s", error)
        return pl.concat(parts), True
    return pl.concat(parts), False
