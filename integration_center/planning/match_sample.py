"""Looks up a sample of a report's keys in the org: the match rate before anything is saved, in few API calls."""

from collections.abc import Sequence

import polars as pl

from integration_center.errors import OrgError, SchemaMismatch
from integration_center.salesforce.fields import parse_records
from integration_center.salesforce.org import Org
from integration_center.salesforce.query import read_many
from integration_center.salesforce.reading import URI_BYTES, is_indexed
from integration_center.salesforce.records import build_columns
from integration_center.salesforce.soql import (
    build_in,
    build_literal,
    build_select,
    enclose,
    encoded_length,
    join_conditions,
    split_literals,
)
from integration_center.sync.keys import normalise_key
from integration_center.sync.match_rate import KeySample, MatchRate, compare_keys, resolve_pairs, sample_keys
from integration_center.sync.schema import ID_TYPES, NUMBER_TYPES, SObjectSchema
from integration_center.sync.targets import Key

LISTED_TYPES = NUMBER_TYPES | ID_TYPES | {"string", "email", "phone", "url", "picklist", "combobox"}
"""Types whose values can stand in a list of literals; dates and times are compared with the whole object."""
SMALL_OBJECT = 10_000
"""Up to so many records are read whole where keys cannot be listed."""
MOST_RECORDS = 20_000
"""A key that very many records share must not make the sample endless."""


def measure_match_rate(
    rows: pl.DataFrame,
    pairs: Sequence[tuple[str, str]],
    schema: SObjectSchema,
    org: Org,
    *,
    where: str | None = None,
) -> MatchRate:
    """The match rate of key pairs, on a sample of the report's keys.

    One call for the keys where a key field can be listed by; else one to count, and the whole object if it is small.

    Args:
        rows: the report.
        pairs: report column and field name.
        schema: the object.
        org: the connected org.
        where: the integration's condition, as `check_condition` let it pass: other records do not count.

    Raises:
        ConfigurationError: the org does not take the condition.
        SchemaMismatch: a key field is missing, hidden or unusable.
        OrgError: no key field can be listed by, and the object is too large to be read for a sample.
        TransientError: the org does not answer.
    """
    keys = resolve_pairs(schema, pairs)
    sample = sample_keys(rows, keys)
    if sample.frame.is_empty():
        return compare_keys(sample, parse_records([], ["Id", *(key.field.name for key in keys)], schema), keys)
    if where:
        org.prove_condition(schema, where)
    return compare_keys(sample, _read_records(sample, keys, schema, org, where), keys)


def _read_records(
    sample: KeySample, keys: Sequence[Key], schema: SObjectSchema, org: Org, where: str | None
) -> pl.DataFrame:
    """The records that the sampled keys may match."""
    names = build_columns(schema, [key.field.name for key in keys])
    listed = _pick_listed(keys)
    if listed is not None:
        compared = normalise_key(pl.col(listed.given), listed.field, sample.frame.schema[listed.given])
        values = sample.frame.select(compared.unique(maintain_order=True)).to_series().drop_nulls()
        literals = [literal for value in values if (literal := build_literal(listed.field, value))]
        frame = build_select(names, schema.name, join_conditions(where, build_in(listed.field.name, [])))
        parts = split_literals(literals, URI_BYTES - encoded_length(frame))
        queries = [
            build_select(names, schema.name, join_conditions(where, build_in(listed.field.name, part)))
            for part in parts
        ]
        found = parse_records([], names, schema)
        for page in read_many(org.session, queries):
            found = pl.concat([found, parse_records(page, names, schema)])
            if found.height > MOST_RECORDS:
                raise OrgError(
                    f"{sample.frame.height:,} keys match more than {MOST_RECORDS:,} records of {schema.name}:"
                    f" {listed.field.name} does not tell its records apart; choose another key field"
                )
        return found
    count = org.count(build_select(["COUNT()"], schema.name, enclose(where) if where else None))
    if count > SMALL_OBJECT:
        fields = ", ".join(key.field.name for key in keys)
        raise OrgError(
            f"{schema.name} has {count:,} records and {fields} is a field that they cannot be searched by, so no sample"
            " was taken; a run reads the whole object. Choose a key field with an index, such as an e-mail address or"
            " an external id, or go on without the match rate"
        )
    return org.read_records(schema, names, where=where, expected_rows=count)


def _pick_listed(keys: Sequence[Key]) -> Key | None:
    """The key whose values are asked for: one with an index before one without."""
    fit = [key for key in keys if key.field.filterable and key.field.type in LISTED_TYPES]
    if unusable := [key for key in keys if not key.field.filterable]:
        raise SchemaMismatch(f"{unusable[0].field.name} cannot be searched by (it is not filterable)")
    return min(fit, key=lambda key: not is_indexed(key.field), default=None)
