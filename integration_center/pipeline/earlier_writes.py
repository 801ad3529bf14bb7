"""What earlier syncs of an integration wrote, by which a plan tells that the org keeps changing a value back."""

import polars as pl

from integration_center.installation import Installation
from integration_center.integration.spec import Environment
from integration_center.sync.outcomes import WRITTEN

SYNCS_LOOKED_AT = 5
"""How many earlier syncs tell whether the org keeps changing a value back."""


def read_writes(
    installation: Installation, slug: str, environment: Environment, org_id: str, record_ids: pl.Series
) -> list[pl.DataFrame]:
    """The lines by which the latest syncs to an org wrote to the records named, the newest sync first."""
    wrote = [
        sync
        for sync in installation.syncs.history(slug, environment=environment)
        if sync.org_id == org_id and any(sync.counts.get("lines", {}).get(outcome) for outcome in WRITTEN)
    ]
    return [installation.ledgers.read_writes(sync.run_id, slug, record_ids) for sync in wrote[:SYNCS_LOOKED_AT]]
