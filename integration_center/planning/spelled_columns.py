"""Spell the columns of an integration as the report does."""

from collections.abc import Collection, Mapping

from integration_center.insights.column_names import find_column
from integration_center.integration.mapping import FieldMapping
from integration_center.integration.spec import IntegrationSpec


def spell_columns(spec: IntegrationSpec, columns: Collection[str]) -> IntegrationSpec:
    """Return the integration with the report's own spelling of each column. Unknown columns stay as they are."""
    spelled = {name: find_column(name, columns) or name for name in spec.columns}
    if all(name == own for name, own in spelled.items()):
        return spec
    return spec.model_copy(
        update={
            "keys": tuple(pair.model_copy(update={"column": spelled[pair.column]}) for pair in spec.keys),
            "fields": tuple(_spell_mapping(each, spelled) for each in spec.fields),
            "filter": spec.condition.respell(spelled) if spec.condition else None,
            "latest_by": spelled[spec.latest_by] if spec.latest_by else None,
        }
    )


def _spell_mapping(mapping: FieldMapping, spelled: Mapping[str, str]) -> FieldMapping:
    if mapping.column is not None:
        return mapping.model_copy(update={"column": spelled[mapping.column]})
    return mapping.model_copy(update={"value": mapping.expression.respell(spelled) if mapping.expression else None})
