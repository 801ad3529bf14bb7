"""Which other key pairs would match better, when those chosen match next to nothing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from integration_center.errors import IntegrationCenterError
from integration_center.insights.likely_types import is_identifier
from integration_center.insights.many_columns import find_columns, keep_columns
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
ID_FORM = "^[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?$"
_FIRST = pl.all().drop_nulls().head(LOOKED_AT)


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
    columns = list_key_columns(rows)[:TRIED_COLUMNS]
    addresses = find_addresses(keep_columns(frame, columns))
    for column in columns:
        if looks_like_ids(frame[column]):
            yield column, "Id"
            continue
        fields = [
            choice.field
            for choice in rank_keys(schema, frame.schema[column])
            if choice.reason is None and choice.suggested and (choice.field.type == "email" or column not in addresses)
        ]
        yield from ((column, field.name) for field in fields[:TRIED_FIELDS])


def list_key_columns(rows: NewestReport) -> list[str]:
    """List the columns that may hold the key: the report's own, then Salesforce Ids, addresses, and names of keys."""
    frame = rows.frame
    own = [rows.info.key_column] if rows.info.key_column in frame.columns else []
    alike = find_columns(_keep_texts(frame), _FIRST.str.contains(ID_FORM).mean() >= MOST_IDS)
    ids = [name for name in frame.columns if name in alike and looks_like_ids(frame[name])]
    addresses = find_addresses(frame)
    named = [name for name in frame.columns if is_identifier(name)]
    return list(dict.fromkeys([*own, *ids, *(name for name in frame.columns if name in addresses), *named]))


def find_addresses(frame: pl.DataFrame) -> set[str]:
    """Find the columns that hold e-mail addresses."""
    return find_columns(_keep_texts(frame), _FIRST.str.contains("@", literal=True).mean() >= MOST_IDS)


def _keep_texts(frame: pl.DataFrame) -> pl.DataFrame:
    return keep_columns(frame, [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.String)])
