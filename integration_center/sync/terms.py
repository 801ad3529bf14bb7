"""What a plan rests on, the same for all of its rows, and the frames that are planned by it.

A plan may be made in parts, a part for some of the keys. All that tells rows of one key apart from one another stands
in the rows themselves, so that a part comes to what the whole would come to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import polars as pl

from integration_center.integration import IntegrationSpec, require_columns
from integration_center.sync.columns import COLUMN, DAY
from integration_center.sync.keys import normalise_key
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.targets import Key, Target, resolve_keys, resolve_targets

Kind = Literal["snapshot", "events"]
"""A snapshot tells how things stand at the end of a day; events are rows that happen."""
ROW = "row"
"""The number of a report row, UInt32, from 0."""
MATCH_KEY = "match_key"
"""The key as it is compared, String; null when a part of it is blank, since blank matches nothing in Salesforce."""
LATEST = "latest"
"""What tells which of several rows with one key is the newest, in an ordered type; see `read_recency`."""
KEY_SEPARATOR = "\x1f"
HASH_SEED = 0x1C


@dataclass(frozen=True)
class Terms:
    """What all parts of one plan have in common.

    Attributes:
        spec: the integration.
        keys: its key pairs.
        targets: its field mappings.
        latest_by: the report column that orders rows of one key; None for none.
        newest: the newest day of a snapshot, whose older days are superseded; None for events.
    """

    spec: IntegrationSpec
    keys: tuple[Key, ...]
    targets: tuple[Target, ...]
    latest_by: str | None
    newest: date | None

    @property
    def columns(self) -> tuple[str, ...]:
        """The report columns that the plan needs, each once."""
        return tuple(dict.fromkeys((*self.spec.columns, *([self.latest_by] if self.latest_by else []))))


def resolve_terms(
    spec: IntegrationSpec,
    schema: SObjectSchema,
    dtypes: Mapping[str, pl.DataType],
    *,
    latest_by: str | None,
    kind: Kind,
    newest: date | None,
) -> Terms:
    """The terms of a plan.

    Args:
        spec: the integration.
        schema: the object as describe reports it.
        dtypes: the report's columns.
        latest_by: the column that tells which of several rows with one key is the newest; `spec.latest_by` counts
            when this is None.
        kind: of the report.
        newest: the newest of its days.

    Raises:
        ConfigurationError: the report lacks a column.
        SchemaMismatch: the object lacks a field.
    """
    spec = spec.model_copy(update={"latest_by": latest_by or spec.latest_by})
    require_columns(spec, list(dtypes))
    return Terms(
        spec=spec,
        keys=resolve_keys(spec, schema),
        targets=resolve_targets(spec, schema, dtypes),
        latest_by=spec.latest_by,
        newest=newest if kind == "snapshot" else None,
    )


def prepare_rows(rows: pl.DataFrame, terms: Terms, *, first: int = 0, latest: pl.Series | None = None) -> pl.DataFrame:
    """Report rows as `plan_lines` takes them.

    Args:
        rows: successive rows of the report, with `_day` Date.
        terms: of the plan.
        first: the number of the first of them.
        latest: for each of them, what tells the newest of one key; None when nothing does.

    Returns:
        `row`, `match_key`, `_day`, `latest` where it is given, and the columns that the plan needs, under their names
        inside the plan: reports may call a column `*`, `^a$` or `row`.
    """
    named = name_columns(rows, terms.columns)
    numbered = named.with_columns(
        pl.int_range(first, first + pl.len(), dtype=pl.UInt32).alias(ROW),
        pl.col(DAY).cast(pl.Date),
        match_key_of_rows(terms.keys, named.schema).alias(MATCH_KEY),
    )
    return numbered if latest is None else numbered.with_columns(latest.alias(LATEST))


def prepare_records(records: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """Records as `plan_lines` takes them: with `match_key`, made of their key fields."""
    return records.with_columns(match_key_of_records(terms.keys).alias(MATCH_KEY))


def match_key_of_rows(keys: Sequence[Key], schema: pl.Schema) -> pl.Expr:
    """The key of a row of `name_columns` as it is compared; null when a part of it is blank."""
    return _join_parts([normalise_key(pl.col(key.given), key.field, schema[key.given]) for key in keys])


def match_key_of_records(keys: Sequence[Key]) -> pl.Expr:
    """The same key, made of a record's fields."""
    return _join_parts([normalise_key(pl.col(key.field.name), key.field, key.field.dtype) for key in keys])


def name_columns(rows: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    """The columns of the report that are used, under their names inside the plan, and `_day`."""
    used = [rows.get_column(column).alias(COLUMN + column) for column in columns]
    return pl.DataFrame([rows.get_column(DAY), *used])


def split_by_key(frame: pl.DataFrame, parts: int) -> dict[int, pl.DataFrame]:
    """`frame` in so many parts, by number; all that has one `match_key` stands in one part, in its order.

    Report rows without a key go by their number; records without one match nothing, and are left out.
    """
    hashed = pl.col(MATCH_KEY).hash(HASH_SEED)
    if ROW in frame.columns:
        hashed = pl.when(pl.col(MATCH_KEY).is_null()).then(pl.col(ROW).cast(pl.UInt64)).otherwise(hashed)
    else:
        frame = frame.filter(pl.col(MATCH_KEY).is_not_null())
    numbered = frame.with_columns((hashed % parts).cast(pl.UInt16).alias("part"))
    groups = numbered.partition_by("part", as_dict=True, include_key=False, maintain_order=True)
    return {int(number): group for (number,), group in groups.items()}


def _join_parts(parts: list[pl.Expr]) -> pl.Expr:
    if len(parts) == 1:
        return parts[0]
    whole = [part.str.replace_all(KEY_SEPARATOR, " ", literal=True) for part in parts]
    return pl.concat_str(whole, separator=KEY_SEPARATOR)
