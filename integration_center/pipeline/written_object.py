"""Tell Dagster what became of a Salesforce object after a push, a release or an undo."""

import dagster as dg

from integration_center.pipeline.applying import Stored
from integration_center.pipeline.metadata import link_object
from integration_center.pipeline.names import object_key
from integration_center.pipeline.sync_step import SyncStep
from integration_center.sync.outcomes import WRITTEN


def note_object(step: SyncStep, stored: Stored) -> None:
    """Tell Dagster what became of the Salesforce object: a materialization where records were written."""
    counts = stored.tally.lines
    key = object_key(step.spec.environment, step.spec.object, step.spec.prefix)
    metadata: dict[str, str | int | dg.UrlMetadataValue] = {
        "integration": step.slug,
        "records_written": counts.written,
        **{outcome.value: counts[outcome] for outcome in WRITTEN},
        "run_id": step.run_id,
        "records": link_object(stored.instance_url, step.spec.object),
    }
    event = dg.AssetMaterialization if counts.written else dg.AssetObservation
    step.context.log_event(event(key, metadata=metadata))
