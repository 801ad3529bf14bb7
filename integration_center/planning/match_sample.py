"""Look up a report's keys, or a sample of them, in the org: the match rate before anything is saved, in few calls."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from integration_center.errors import OrgError, SchemaMismatch
from integration_center.salesforce.client.cells import parse_records
from integration_center.salesforce.client.soql import (
    URI_BYTES,
    build_in,
    build_literal,
    build_select,
    enclose,
    encoded_length,
    is_indexed,
    join_conditions,
    split_literals,
)
from integration_center.salesforce.org import Org
from integration_center.salesforce.read.rest import read_many
from integration_center.salesforce.read.selection import build_columns
from integration_center.sync.match.keys import list_spellings
from integration_center.sync.match.match_rate import KeySample, MatchRate, compare_keys, find_keys, resolve_pairs
from integration_center.sync.plan_terms import match_key_of_rows
from integration_center.sync.schema import ID_TYPES, NUMBER_TYPES, SObjectSchema
from integration_center.sync.targets import Key
from integration_center.wording.sentences import count

LISTED_TYPES = NUMBER_TYPES | ID_TYPES | {"string", "email", "phone", "url", "picklist", "combobox"}
"""Types whose values can be listed in a query. For dates and times, the whole object is read."""
SMALL_OBJECT = 10_000
"""Objects with at most this many records are read completely if keys cannot be listed."""
MOST_RECORDS = 20_000
"""The most records that a look-up reads, because very many records may share a key."""
ADDRESS_TYPES = frozenset({"email", "string"})
FEW = 50.0
"""Below this match rate, in percent, we look for the reason."""
FEW_KEYS = 25
MOST_KEYS, MOST_QUERIES = 10_000, 25
"""Up to this many keys, and lists of keys, all keys are looked up, in five API calls; beyond, a random sample."""


def measure_match_rate(
    rows: pl.DataFrame,
    pairs: Sequence[tuple[str, str]],
    schema: SObjectSchema,
    org: Org,
    *,
    where: str | None = None,
    ignore_invalid: bool = False,
) -> MatchRate:
    """Measure the match rate of key pairs.

    Takes a few calls if the values of a key field can be listed in a query: for all keys, or for a random sample of
    many. Otherwise takes one call to count the records, and reads the whole object if it is small.

    Args:
        rows: the report.
        pairs: pairs of report column and field name.
        schema: the object.
        org: the connected org.
        where: the integration's condition, after `check_condition`. Other records do not count.
        ignore_invalid: the integration's option of that name.

    Raises:
        ConfigurationError: the org does not accept the condition.
        SchemaMismatch: a key field is missing, hidden or unusable.
        OrgError: no key field's values can be listed, and the object is too large to be read.
        TransientError: the org does not answer.
    """
    keys = resolve_pairs(schema, pairs, ignore_invalid=ignore_invalid)
    every_key = find_keys(rows, keys)
    if every_key.frame.is_empty():
        return compare_keys(every_key, parse_records([], ["Id", *(key.field.name for key in keys)], schema), keys)
    if where:
        org.prove_condition(schema, where)
    names = build_columns(schema, [key.field.name for key in keys])
    listed = _pick_listed(keys)
    if listed is None:
        return compare_keys(every_key, _read_small_object(keys, names, schema, org, where), keys)

    def list_keys(sample: KeySample) -> list[str]:
        return _build_queries(sample, listed, names, schema, where)

    few = every_key.distinct <= MOST_KEYS and len(list_keys(every_key)) <= MOST_QUERIES
    sample = every_key if few else every_key.draw()
    rate = compare_keys(sample, _read_records(sample, list_keys(sample), listed, names, schema, org), keys)
    if rate.percent < FEW:
        return replace(rate, altered=has_altered_addresses(rows, keys, schema, org, where=where))
    return rate


def has_altered_addresses(
    rows: pl.DataFrame, keys: Sequence[Key], schema: SObjectSchema, org: Org, *, where: str | None
) -> bool:
    """Return whether records hold a report's keys mostly in the form that Salesforce gives addresses in a sandbox.

    Takes one call, for some keys. False if no key field holds addresses, or if the integration already ignores such
    changes.
    """
    altering = [replace(key, ignore_invalid=True) for key in keys]
    listed = _pick_listed([key for key in altering if key.field.type in ADDRESS_TYPES and key.field.filterable])
    sample = find_keys(rows, altering).draw(FEW_KEYS)
    if listed is None or sample.frame.is_empty() or all(key.ignore_invalid for key in keys):
        return False
    names = build_columns(schema, [key.field.name for key in keys])
    queries = _build_queries(sample, listed, names, schema, where)
    records = _read_records(sample, queries, listed, names, schema, org)
    as_they_are = sample.frame.with_columns(match_key_of_rows(keys, sample.frame.schema).alias("match_key"))
    plain = compare_keys(replace(sample, frame=as_they_are), records, keys)
    return compare_keys(sample, records, altering).percent > max(FEW, 2 * plain.percent)


def _build_queries(
    sample: KeySample, listed: Key, names: Sequence[str], schema: SObjectSchema, where: str | None
) -> list[str]:
    """Build the queries for the records that the keys of a sample may match."""
    column = sample.frame.get_column(listed.given)
    values = list_spellings(column, listed.field, ignore_invalid=listed.ignore_invalid)
    literals = [literal for value in values if (literal := build_literal(listed.field, value))]
    frame = build_select(names, schema.name, join_conditions(where, build_in(listed.field.name, [])))
    parts = split_literals(literals, URI_BYTES - encoded_length(frame))
    return [
        build_select(names, schema.name, join_conditions(where, build_in(listed.field.name, part))) for part in parts
    ]


def _read_records(
    sample: KeySample, queries: Sequence[str], listed: Key, names: Sequence[str], schema: SObjectSchema, org: Org
) -> pl.DataFrame:
    """Read the records that the keys of a sample may match."""
    found = [parse_records([], names, schema)]
    for page in read_many(org.session, queries):
        found.append(parse_records(page, names, schema))
        if sum(part.height for part in found) > MOST_RECORDS:
            raise OrgError(
                f"{count(sample.frame.height, 'key matches', 'keys match')} more than {MOST_RECORDS:,} records of"
                f" {schema.name}: {listed.field.name} does not identify single records; choose another key field"
            )
    return pl.concat(found)


def _read_small_object(
    keys: Sequence[Key], names: Sequence[str], schema: SObjectSchema, org: Org, where: str | None
) -> pl.DataFrame:
    """Read all records of an object whose keys cannot be listed, if there are few records."""
    total = org.count(build_select(["COUNT()"], schema.name, enclose(where) if where else None))
    if total > SMALL_OBJECT:
        fields = ", ".join(key.field.name for key in keys)
        raise OrgError(
            f"{schema.name} has {total:,} records, and records cannot be searched by {fields}, so no sample"
            " was taken; a run reads the whole object. Choose a key field with an index, such as an e-mail address or"
            " an external id, or continue without the match rate"
        )
    return org.read_records(schema, names, where=where, expected_rows=total)


def _pick_listed(keys: Sequence[Key]) -> Key | None:
    """Pick the key whose values are listed in queries, preferably one with an index."""
    fit = [key for key in keys if key.field.filterable and key.field.type in LISTED_TYPES]
    if unusable := [key for key in keys if not key.field.filterable]:
        raise SchemaMismatch(f"{unusable[0].field.name} cannot be used in a search (it is not filterable)")
    return min(fit, key=lambda key: not is_indexed(key.field), default=None)
