"""What the plan of a run said of its fields: a push that writes nothing does not ask the org for them again."""

from collections.abc import Mapping

import dagster as dg

from integration_center.pipeline.names import update_set_key
from integration_center.sync.columns import AFTER

SCHEMA = "dagster/column_schema"


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
