"""Which other key pairs would match better, when those chosen match next to nothing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from integration_center.errors import IntegrationCenterError
from integration_center.insights.likely_types import is_identifier
from integration_center.planning.match_sample import measure_match_rate
from integration_center.planning.newest_report import NewestReport
from integration_center.salesforce.org import Org
from integration_center.sync.mapping.suggestions import rank_keys
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.values.ids import complete_ids

LOW = 5.0
"""Below this match rate, in percent, the wizard asks before it goes on, and offers other pairs."""
TRIED_COLUMNS, TRIED_FIELDS, TRIED_ROWS = 4, 4, 300
MOST_IDS = 0.9
"""The share of a column's values that must look like Salesforce Ids of one object."""
LOOKED_AT = 200


@dataclass(frozen=True)
class TriedPair:
    """A key pair that was tried.

    Attributes:
        label: what people call the field.
        percent: of the keys that match a record.
    """

    column: str
    field: str
    label: str
    percent: float

    @property
    def value(self) -> str:
        """Column and field as the value of a button."""
        return json.dumps([self.column, self.field])


def looks_like_ids(values: pl.Series) -> bool:
    """Return whether a column's values look like the Ids of one object's records."""
    text = values.drop_nulls().head(LOOKED_AT).cast(pl.String)
    text = text.filter(text.str.contains(r"\d"))
    if text.is_empty():
        return False
    ids = complete_ids(text).drop_nulls()
    return len(ids) >= MOST_IDS * len(text) and ids.str.head(3).n_unique() == 1


def find_alternatives(
    rows: NewestReport, schema: SObjectSchema, org: Org, chosen: tuple[tuple[str, str], ...]
) -> list[TriedPair]:
    """Try the likely key pairs on some rows, and list those that match better than next to nothing, the best first."""
    sample = rows.frame.sample(min(TRIED_ROWS, rows.frame.height), seed=1)
    tried = []
    for column, field in _list_pairs(rows, schema):
        if ((column, field),) == chosen:
            continue
        try:
            rate = measure_match_rate(sample, [(column, field)], schema, org)
        except IntegrationCenterError:  # this pair cannot be looked up; the others can
            continue
        if rate.percent >= LOW:
            described = schema.require(field)
            tried.append(TriedPair(column, described.name, described.label, rate.percent))
    return sorted(tried, key=lambda pair: -pair.percent)


def _list_pairs(rows: NewestReport, schema: SObjectSchema) -> Iterator[tuple[str, str]]:
    frame = rows.frame
    columns = [
        name
        for name in frame.columns
        if name == rows.info.key_column
        or is_identifier(name)
        or looks_like_ids(frame[name])
        or _has_addresses(frame[name])
    ]
    for column in columns[:TRIED_COLUMNS]:
        if looks_like_ids(frame[column]):
            yield column, "Id"
            continue
        fields = [
            choice.field
            for choice in rank_keys(schema, frame.schema[column])
            if choice.reason is None
            and choice.suggested
            and (choice.field.type == "email" or not _has_addresses(frame[column]))
        ]
        yield from ((column, field.name) for field in fields[:TRIED_FIELDS])


def _has_addresses(values: pl.Series) -> bool:
    text = values.drop_nulls().head(LOOKED_AT).cast(pl.String)
    return bool(len(text)) and float(text.str.contains("@", literal=True).mean() or 0) >= MOST_IDS  # type: ignore[arg-type]
