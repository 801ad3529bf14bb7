"""What earlier syncs of an integration wrote, and what they could not write."""

from contextlib import ExitStack, suppress

import polars as pl

from integration_center.errors import PlanError
from integration_center.installation import Installation
from integration_center.integration.spec import Environment
from integration_center.sync.failures import find_failing
from integration_center.sync.outcomes import WRITTEN, Outcome

SYNCS_LOOKED_AT = 5
"""How many earlier syncs tell whether the org keeps changing a value back."""


def read_writes(
    installation: Installation, slug: str, environment: Environment, org_id: str, record_ids: pl.Series
) -> list[pl.DataFrame]:
    """The lines by which the latest syncs to an org wrote to the records named, the newest sync first."""
    wrote = [
        sync
        for sync in installation.syncs.history(slug, environment=environment)
        if sync.org_id == org_id and any(sync.lines.get(outcome) for outcome in WRITTEN)
    ]
    return [installation.ledgers.read_writes(sync.run_id, slug, record_ids) for sync in wrote[:SYNCS_LOOKED_AT]]


def read_failures(installation: Installation, slug: str, environment: Environment, org_id: str) -> pl.DataFrame:
    """Read which records the latest syncs to an org could not write; see `find_failing`.

    A ledger that is gone or damaged is passed over: its records then count as failing since a later day.
    """
    pushed = [
        sync
        for sync in installation.syncs.history(slug, environment=environment)
        if sync.org_id == org_id and sync.applied_at is not None and sync.undoes is None
    ][:SYNCS_LOOKED_AT]
    failed = (Outcome.FAILED, Outcome.REJECTED)
    if not any(sync.lines.get(outcome) for sync in pushed for outcome in failed):
        return pl.DataFrame()
    with ExitStack() as stack:
        ledgers = []
        for sync in pushed:
            with suppress(PlanError):
                ledgers.append(stack.enter_context(installation.ledgers.scanned(sync.run_id, slug)))
        return find_failing(ledgers)
