"""Tell Dagster what became of a Salesforce object after a push, a release or an undo, and of what reads it.

The columns and their lineage are in these events, too: who listens to events, as OpenLineage does, sees no definitions.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from integration_center.pipeline.names import gainsight_key, object_key, update_set_key
from integration_center.pipeline.steps.applying import Stored
from integration_center.pipeline.steps.metadata import describe_fields, link_object, trace_gainsight, trace_object
from integration_center.pipeline.steps.sync_step import SyncStep
from integration_center.sync.columns import AFTER
from integration_center.sync.outcomes import WRITTEN
from integration_center.sync.schema import SObjectSchema

SCHEMA = "dagster/column_schema"
"""The member of an event's metadata that describes the columns, or fields."""


def note_object(
    step: SyncStep,
    stored: Stored,
    schema: SObjectSchema | None = None,
    planned: Mapping[str, dg.TableColumn] | None = None,
) -> None:
    """Tell Dagster what became of the Salesforce object: a materialization where records were written.

    Args:
        step: the step that wrote it.
        stored: what was written.
        schema: of the object; None where the org was not asked for it.
        planned: see `describe_fields`.
    """
    counts, spec = stored.tally.lines, step.spec
    key = object_key(spec.environment, spec.object, spec.prefix)
    columns = describe_fields(stored.lines, schema, spec, planned)
    metadata: dict[str, Any] = {
        "integration": step.slug,
        "records_written": counts.written,
        **{outcome.value: counts[outcome] for outcome in WRITTEN},
        "run_id": step.run_id,
        "records": link_object(stored.instance_url, spec.object),
        SCHEMA: columns,
        "dagster/column_lineage": trace_object({step.slug: spec}),
    }
    event = dg.AssetMaterialization if counts.written else dg.AssetObservation
    step.context.log_event(event(key, metadata=metadata))
    if spec.gainsight and counts.written:
        # Gainsight's own connector fills it later, so nothing is materialized yet.
        step.context.log_event(
            dg.AssetObservation(
                gainsight_key(spec.gainsight, spec.prefix),
                metadata={
                    "integration": step.slug,
                    "run_id": step.run_id,
                    SCHEMA: columns,
                    "dagster/column_lineage": trace_gainsight(spec),
                },
            )
        )


def read_planned_columns(instance: dg.DagsterInstance, slug: str, run_id: str) -> Mapping[str, dg.TableColumn]:
    """Read how the plan of a run described the fields that it writes, by their names in lower case.

    Args:
        instance: where the run is known.
        slug: of the integration.
        run_id: of the run that made the plan. Empty where another run has made a newer one, or its events are deleted.
    """
    for record in instance.fetch_materializations(update_set_key(slug), limit=1).records:
        event = record.asset_materialization
        value = event.metadata.get(SCHEMA) if event and record.run_id == run_id else None
        if isinstance(value, dg.TableSchemaMetadataValue):
            return {
                column.name.removeprefix(AFTER).lower(): column
                for column in value.schema.columns
                if column.name.startswith(AFTER)
            }
    return {}
