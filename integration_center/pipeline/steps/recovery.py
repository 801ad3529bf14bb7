"""Finishes what killed or cut-off pushes left in doubt, before the org is read again.

A push notes each Bulk job and each collection before it goes out, and notes it settled once its results are in the
ledger. What is noted and not settled is found out here: from the jobs' own results, else from the records.
"""

import logging
from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

import polars as pl

from integration_center.accounts.store import Account
from integration_center.database.journal import SentKind, SentWork, settle, unfinished
from integration_center.database.leases import Hold
from integration_center.installation import Installation
from integration_center.pipeline.steps.known_people import note_settled
from integration_center.pipeline.steps.one_org import require_answering_org
from integration_center.salesforce.org import Org
from integration_center.salesforce.write.push import settle_job
from integration_center.salesforce.write.results import RESULTS
from integration_center.sync.changes import verify_lines
from integration_center.sync.columns import AFTER
from integration_center.sync.ledger import amend, reopen
from integration_center.sync.marking import list_mapped
from integration_center.sync.outcomes import Outcome
from integration_center.sync.tally import tally_lines

logger = logging.getLogger(__name__)


def settle_unfinished(
    installation: Installation, org: Org, account: Account, sobject: str, run_id: str, *, hold: Hold | None = None
) -> None:
    """Wait for unfinished jobs on the object to end, and complete the ledgers of the pushes that sent them.

    Args:
        installation: where journal and ledgers are.
        org: the connected org.
        account: of the org; work sent to an earlier org of this environment stays void.
        sobject: the object's API name.
        run_id: the run that does this; the old lines in the log name it.
        hold: of that run on the object, without which no ledger is written.

    Raises:
        TransientError: a job cannot be ended now.
        LeaseLost: another run has taken over, and does this.
        WrongOrg: another org answers, which knows nothing of that work.
    """
    by_sync = attrgetter("run_id", "slug")
    left = unfinished(installation.engine, account.org_id, sobject)
    if left:
        require_answering_org(account, org.identify())
    for (dead_run, slug), works in groupby(sorted(left, key=by_sync), key=by_sync):
        sent = list(works)
        lines = installation.ledgers.find(dead_run, slug)
        results = end_jobs(org, sent)
        if lines is not None:
            lines = verify(org, sobject, amend(reopen(lines), results))
            if hold is not None:
                hold.require()
            installation.ledgers.write(dead_run, slug, lines)
            error = f"the run ended before its push did; run {run_id} found out what it had written"
            installation.syncs.amend(dead_run, slug, counts=tally_lines(lines).as_dict(), error=error)
            note_settled(installation, account.org_id, sobject, dead_run, slug)
        for work in sent:
            settle(installation.engine, account.org_id, work.job_id)


def end_jobs(org: Org, sent: Iterable[SentWork]) -> pl.DataFrame:
    """Bring the Bulk jobs among `sent` to their end; the Results frame of all of them."""
    parts = [pl.DataFrame(schema=RESULTS)]
    for work in sent:
        if work.kind is SentKind.JOB:
            state, results = settle_job(org, work.job_id)
            logger.info("job %s of run %s was left unfinished; it ended %s", work.job_id, work.run_id, state)
            parts.append(results)
    return pl.concat(parts)


def verify(org: Org, sobject: str, lines: pl.DataFrame) -> pl.DataFrame:
    """Complete the lines that no job's results name by what their records hold now."""
    doubtful = lines.filter(pl.col("outcome") == Outcome.PLANNED)
    if doubtful.is_empty():
        return lines
    schema = org.describe(sobject)
    fields = list_mapped(lines.columns, AFTER)
    there = [name for name in fields if schema.get(name) is not None]
    records = org.read_records(schema, there, key=("Id", doubtful["record_id"].to_list()))
    return amend(lines, verify_lines(doubtful, records, schema))
