"""Check that an integration fits its report and its object, and list the fields that the org lacks."""

from collections.abc import Mapping

import polars as pl

from integration_center.insights.catalogue import ColumnType
from integration_center.insights.columns import show_dtypes
from integration_center.integration.spec import IntegrationSpec
from integration_center.planning.spelled_columns import spell_columns
from integration_center.salesforce.org import Org
from integration_center.sync.mapping.fitness import FIELD_MISSING, Fault, check_fitness
from integration_center.sync.mapping.missing_fields import MissingField, missing_fields
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.values.texts import measure_texts


def check_against_org(
    spec: IntegrationSpec,
    schema: SObjectSchema,
    dtypes: Mapping[str, pl.DataType],
    org: Org,
    *,
    likely_types: Mapping[str, ColumnType],
    rows: pl.LazyFrame,
) -> tuple[list[Fault], list[MissingField]]:
    """Check that the integration fits the report and the object. Takes one call if a field is not visible.

    Args:
        spec: the integration.
        schema: the object, as `org` describes it.
        dtypes: the report's columns.
        org: the connected org, which can distinguish hidden fields from missing ones.
        likely_types: for text columns whose values all look like another type, that type by column.
        rows: the report's rows. Their longest texts decide how long a missing text field has to be.

    Returns:
        The results of `check_fitness` and `missing_fields`.
    """
    spec = spell_columns(spec, dtypes)
    likely = show_dtypes(dtypes, likely_types)
    faults = check_fitness(spec, schema, dtypes, likely=likely)
    if not any(fault.code == FIELD_MISSING for fault in faults):
        return faults, []
    org_fields = org.list_field_names(schema.name)
    sources = [mapping.source for mapping in spec.fields if schema.get(mapping.field) is None]
    return (
        check_fitness(spec, schema, dtypes, likely=likely, org_fields=org_fields),
        missing_fields(spec, schema, likely, measure_texts(rows, sources), org_fields=org_fields),
    )
