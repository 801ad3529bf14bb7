"""What all rows of a plan share (keys, targets, order), and the frames that are prepared with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

import polars as pl
from polars.selectors import by_name

from integration_center.integration.spec import IntegrationSpec, require_columns
from integration_center.sync.columns import ASIDE, COLUMN, DAY, PART_OF, PAST
from integration_center.sync.given import Given
from integration_center.sync.match.keys import normalise_key
from integration_center.sync.recency import read_recency
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.targets import Key, Target, resolve_keys, resolve_targets

Kind = Literal["snapshot", "events"]
"""A snapshot report holds the state at the end of a day; an events report holds what happened during the day."""
ROW = "row"
"""The column with the number of a report row, UInt32, from 0."""
MATCH_KEY = "match_key"
"""The column with the key in the form in which keys are compared, String."""
LATEST = "latest"
"""The column that orders rows with the same key: the greatest value is the newest; see `read_recency`."""
NUMBERED_AT_A_TIME = 50_000
HASH_SEED = 0x1C
KEY_SEPARATOR = "\x1f"


Shaping = Callable[[pl.DataFrame], pl.DataFrame]
"""Takes the rows of a report, with `_day`, and returns them with the integration's values, `ASIDE` and `PART_OF`."""


@dataclass(frozen=True)
class Terms:
    """What all parts of one plan have in common.

    Attributes:
        spec: the integration.
        keys: its key pairs.
        targets: its field mappings.
        latest_by: the report column that orders rows with the same key; None if there is none.
        newest: the newest day of a snapshot report, whose older days are superseded; None for an events report.
        shape: shapes the rows of a day that an earlier run applied, as the rows of this run were shaped; None for an
            integration that takes the rows as they are.
    """

    spec: IntegrationSpec
    keys: tuple[Key, ...]
    targets: tuple[Target, ...]
    latest_by: str | None
    newest: date | None
    shape: Shaping | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the shaped report that the plan needs, without repeats."""
        return tuple(dict.fromkeys((*self.matched_columns, *(target.column for target in self.targets))))

    @property
    def matched_columns(self) -> tuple[str, ...]:
        """The columns of the shaped report that matching needs, without repeats: keys, and the order of rows."""
        named = [key.column for key in self.keys]
        return tuple(dict.fromkeys((*named, *([self.latest_by] if self.latest_by else []))))


def resolve_terms(
    spec: IntegrationSpec,
    schema: SObjectSchema,
    dtypes: Mapping[str, pl.DataType],
    *,
    latest_by: str | None,
    kind: Kind,
    newest: date | None,
    shape: Shaping | None = None,
    likely_types: Mapping[str, str] | None = None,
) -> Terms:
    """Resolve the terms of a plan.

    Args:
        spec: the integration.
        schema: the object as describe reports it.
        dtypes: the report's columns.
        latest_by: the column that shows which of several rows with one key is the newest; None for `spec.latest_by`.
        kind: the kind of the report.
        newest: the newest day of the report.
        shape: see `Terms`.
        likely_types: for text columns whose values all look like another type, that type by column.

    Raises:
        ConfigurationError: the report lacks a column.
        SchemaMismatch: the object lacks a field.
    """
    spec = spec.model_copy(update={"latest_by": latest_by or spec.latest_by})
    require_columns(spec, list(dtypes))
    return Terms(
        spec=spec,
        keys=resolve_keys(spec, schema),
        targets=resolve_targets(spec, schema, dtypes, likely_types),
        # The rows of a key that are rolled up are one row, so their order does not matter any more.
        latest_by=None if spec.rows == "all" else spec.latest_by,
        newest=newest if kind == "snapshot" else None,
        shape=shape,
    )


def prepare_rows(rows: pl.LazyFrame, terms: Terms) -> pl.DataFrame:
    """Prepare report rows for `select_rows`.

    Args:
        rows: the report, with `_day` Date. Rows of other days may follow, see `PAST`.
        terms: the terms of the plan.

    Returns:
        `row` and `_day`; `_past`, `_aside` and `_part_of` where the report has them; and `latest` where rows with the
        same key can be ordered.
    """
    found = rows.select(by_name(DAY) | by_name(PAST, ASIDE, PART_OF, require_all=False)).collect()
    numbered = found.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias(ROW), pl.col(DAY).cast(pl.Date), pl.exclude(DAY)
    )
    latest = None
    if terms.latest_by:
        latest = read_recency(rows.select(by_name(terms.latest_by)).collect().to_series())
    # In one piece: of columns in pieces that do not fit together, Polars copies the whole frame at each step.
    return (numbered if latest is None else numbered.with_columns(latest.alias(LATEST))).rechunk()


@dataclass(frozen=True)
class MatchKeys:
    """The keys of all rows, or of all records, in the form in which they are compared.

    Each key has a number, a hash of its text: numbers need a fifth of the memory, and of the time to sort or join.
    Equal keys have equal numbers. Keys with equal numbers are almost certainly equal, so callers compare the texts of
    these.

    Attributes:
        numbers: the `number` of each key, UInt64; null when a part of the key is blank, because blank matches nothing.
        fields: the columns that the keys are made of. Those of a report stay on disk.
        text: the expression over `fields` that builds the text of a key.
    """

    numbers: pl.Series
    fields: Given
    text: pl.Expr

    def texts(self, places: pl.Series) -> pl.Series:
        """Return the texts of the keys at these positions, String."""
        return self.fields.take(places).select(self.text.alias(MATCH_KEY)).to_series()

    def agree(self, places: pl.Series, others: "MatchKeys", their_places: pl.Series) -> bool:
        """Return whether each of these keys equals its counterpart among `others`. No key may be blank."""
        mine, theirs = self.fields.take(places), others.fields.take(their_places)
        if [*mine.dtypes, *theirs.dtypes] == [pl.String(), pl.String()]:
            differ = mine.to_series() != theirs.to_series()  # equal raw values need no normalising
            mine, theirs = mine.filter(differ), theirs.filter(differ)
        return mine.select(self.text).to_series().equals(theirs.select(others.text).to_series())


def find_row_keys(rows: pl.LazyFrame, prepared: pl.DataFrame, terms: Terms) -> MatchKeys:
    """Build the keys of the rows of a report. A row that is set aside has none.

    Args:
        rows: the report.
        prepared: the result of `prepare_rows`.
        terms: the terms of the plan.
    """
    dtypes = rows.collect_schema()
    schema = pl.Schema({key.given: dtypes[key.column] for key in terms.keys})
    keys = _number_keys(find_given_keys(rows, terms.keys), match_key_of_rows(terms.keys, schema))
    if ASIDE not in prepared.columns:
        return keys
    numbers = pl.select(pl.when(prepared[ASIDE].is_null()).then(keys.numbers).alias("number")).to_series()
    return replace(keys, numbers=numbers)


def find_given_keys(rows: pl.LazyFrame, keys: Sequence[Key]) -> Given:
    """Return the values of the key columns, under their names inside the plan."""
    return Given(rows, {key.given: key.column for key in keys})


def number_rows(named: pl.DataFrame, terms: Terms) -> pl.Series:
    """Return the numbers of the keys of the rows that `name_columns` returned; see `MatchKeys`."""
    fields = Given(named.lazy(), {key.given: key.given for key in terms.keys})
    return _number_keys(fields, match_key_of_rows(terms.keys, named.schema)).numbers


def find_record_keys(records: pl.DataFrame, terms: Terms) -> MatchKeys:
    """Build the keys of records."""
    fields = Given(records.lazy(), {key.field.name: key.field.name for key in terms.keys})
    return _number_keys(fields, match_key_of_records(terms.keys))


def _number_keys(fields: Given, text: pl.Expr) -> MatchKeys:
    # In slices, because the texts and their intermediate steps take several times the memory of the numbers.
    key = pl.col(MATCH_KEY)
    number = pl.when(key.is_not_null()).then(key.hash(HASH_SEED)).alias("number")
    parts = [
        part.select(text.alias(MATCH_KEY)).select(number).to_series() for part in fields.read_slices(NUMBERED_AT_A_TIME)
    ]
    none = pl.Series("number", dtype=pl.UInt64)
    return MatchKeys(pl.concat([none, *parts]).rechunk(), fields, text)


def match_key_of_rows(keys: Sequence[Key], schema: pl.Schema) -> pl.Expr:
    """Build the comparable key of a row of `name_columns`; null when a part of the key is blank."""
    return _join_parts([_compare(key, key.given, schema[key.given]) for key in keys])


def match_key_of_records(keys: Sequence[Key]) -> pl.Expr:
    """Build the comparable key of a record; null when a part of the key is blank."""
    return _join_parts([_compare(key, key.field.name, key.field.dtype) for key in keys])


def _compare(key: Key, column: str, dtype: pl.DataType) -> pl.Expr:
    return normalise_key(pl.col(column), key.field, dtype, ignore_invalid=key.ignore_invalid)


def name_columns(rows: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    """Return `_day` and the given columns of the report, under their names inside the plan."""
    used = [rows.get_column(column).alias(COLUMN + column) for column in columns]
    return pl.DataFrame([rows.get_column(DAY), *used])


def _join_parts(parts: list[pl.Expr]) -> pl.Expr:
    if len(parts) == 1:
        return parts[0]
    whole = [part.str.replace_all(KEY_SEPARATOR, " ", literal=True) for part in parts]
    return pl.concat_str(whole, separator=KEY_SEPARATOR)
