"""The last runs of the integration that is edited: what they touched, and what the limits would have done in them."""

from collections.abc import Sequence

from integration_center.console.wizard.screens import Screen
from integration_center.database.sync_records import SyncRecord
from integration_center.database.touched import LOOKED_AT


def list_last_runs(screen: Screen) -> Sequence[SyncRecord]:
    """List the last runs of the integration, the newest first; none for a new one."""
    base = screen.draft.base
    return screen.console.installation.syncs.history(base.slug, limit=LOOKED_AT) if base else ()
