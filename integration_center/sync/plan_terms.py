"""What a plan rests on, the same for all of its rows, and the frames that are planned by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import polars as pl

from integration_center.integration.spec import IntegrationSpec, require_columns
from integration_center.sync.columns import COLUMN, DAY, PAST
from integration_center.sync.match.keys import normalise_key
from integration_center.sync.recency import read_recency
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.targets import Key, Target, resolve_keys, resolve_targets

Kind = Literal["snapshot", "events"]
"""A snapshot tells how things stand at the end of a day; events are rows that happen."""
ROW = "row"
"""The number of a report row, UInt32, from 0."""
MATCH_KEY = "match_key"
"""The key as it is compared, String."""
LATEST = "latest"
"""What tells which of several rows with one key is the newest, in an ordered type; see `read_recency`."""
NUMBERED_AT_A_TIME = 100_000
HASH_SEED = 0x1C
KEY_SEPARATOR = "\x1f"


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


def prepare_rows(rows: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    """Report rows as `select_rows` takes them.

    Args:
        rows: the report, with `_day` Date; after its rows there may be some of other days, see `PAST`.
        terms: of the plan.

    Returns:
        `row`, `_day`, `_past` where the report has it, `latest` where something tells the newest of the rows of one
        key, and the columns that the plan needs, under their names inside the plan: reports may call a column `*`,
        `^a$` or `row`.
    """
    numbered = name_columns(rows, terms.columns).with_columns(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias(ROW),
        pl.col(DAY).cast(pl.Date),
        *([rows.get_column(PAST)] if PAST in rows.columns else []),
    )
    latest = read_recency(rows.get_column(terms.latest_by)) if terms.latest_by else None
    return numbered if latest is None else numbered.with_columns(latest.alias(LATEST))


@dataclass(frozen=True)
class MatchKeys:
    """The keys of all rows, or of all records, as they are compared.

    A million texts take much memory, and time to sort or join; the numbers made of them a fifth. Equal keys have equal
    numbers. Keys with equal numbers are all but certainly equal, so who uses the numbers looks at the texts of those.

    Attributes:
        numbers: UInt64 `number` of each; null when a part of the key is blank, since blank matches nothing.
        fields: what the keys are made of.
        text: the expression over `fields` that makes a key's text.
    """

    numbers: pl.Series
    fields: pl.DataFrame
    text: pl.Expr

    def texts(self, places: pl.Series) -> pl.Series:
        """The texts of the keys at these places, String."""
        return self.fields.select(pl.all().gather(places)).select(self.text.alias(MATCH_KEY)).to_series()

    def agree(self, places: pl.Series, others: "MatchKeys", their_places: pl.Series) -> bool:
        """Whether each of these keys is the same as its counterpart among `others`; none is blank."""
        mine, theirs = self.fields.select(pl.all().gather(places)), others.fields.select(pl.all().gather(their_places))
        if [*mine.dtypes, *theirs.dtypes] == [pl.String(), pl.String()]:
            differ = mine.to_series() != theirs.to_series()  # what is the same as it stands need not be made alike
            mine, theirs = mine.filter(differ), theirs.filter(differ)
        return mine.select(self.text).to_series().equals(theirs.select(others.text).to_series())


def find_row_keys(prepared: pl.DataFrame, terms: Terms) -> MatchKeys:
    """The keys of the rows that `prepare_rows` returns."""
    fields = prepared.select(list(dict.fromkeys(key.given for key in terms.keys)))
    return _number_keys(fields, match_key_of_rows(terms.keys, prepared.schema))


def find_record_keys(records: pl.DataFrame, terms: Terms) -> MatchKeys:
    """The keys of records."""
    return _number_keys(
        records.select(list(dict.fromkeys(key.field.name for key in terms.keys))), match_key_of_records(terms.keys)
    )


def _number_keys(fields: pl.DataFrame, text: pl.Expr) -> MatchKeys:
    # Some at a time, for the texts and the steps towards them take several times as much memory.
    key = pl.col(MATCH_KEY)
    number = pl.when(key.is_not_null()).then(key.hash(HASH_SEED)).alias("number")
    parts = [part.select(text.alias(MATCH_KEY)).select(number) for part in fields.iter_slices(NUMBERED_AT_A_TIME)]
    none = pl.DataFrame(schema={"number": pl.UInt64})
    return MatchKeys(pl.concat([none, *parts]).to_series(), fields, text)


def match_key_of_rows(keys: Sequence[Key], schema: pl.Schema) -> pl.Expr:
    """The key of a row of `name_columns` as it is compared; null when a part of it is blank."""
    return _join_parts([_compare(key, key.given, schema[key.given]) for key in keys])


def match_key_of_records(keys: Sequence[Key]) -> pl.Expr:
    """The same key, made of a record's fields."""
    return _join_parts([_compare(key, key.field.name, key.field.dtype) for key in keys])


def _compare(key: Key, column: str, dtype: pl.DataType) -> pl.Expr:
    return normalise_key(pl.col(column), key.field, dtype, ignore_invalid=key.ignore_invalid)


def name_columns(rows: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    """The columns of the report that are used, under their names inside the plan, and `_day`."""
    used = [rows.get_column(column).alias(COLUMN + column) for column in columns]
    return pl.DataFrame([rows.get_column(DAY), *used])


def _join_parts(parts: list[pl.Expr]) -> pl.Expr:
    if len(parts) == 1:
        return parts[0]
    whole = [part.str.replace_all(KEY_SEPARATOR, " ", literal=True) for part in parts]
    return pl.concat_str(whole, separator=KEY_SEPARATOR)
