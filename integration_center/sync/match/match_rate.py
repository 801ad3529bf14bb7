"""How many of a report's keys match a record, told from all of them or from a sample, as a run would compare them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from integration_center.sync.columns import COLUMN
from integration_center.sync.match.keys import detect_hashed_ids
from integration_center.sync.match.usable_rows import show_key
from integration_center.sync.plan_terms import match_key_of_records, match_key_of_rows
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.targets import Key

SAMPLE = 500
"""Distinct keys that are looked up of a report with too many; so the share is known to within five points."""
SEED = 20_241
"""The same report gives the same sample, so that the rate of two tries can be compared."""
EXAMPLES = 5
ALTERED = (
    "the org holds these addresses with .invalid behind them, or as user=domain@example.com, as Salesforce leaves them"
    " in a sandbox: set `ignore_invalid: true` in the integration, or let the Salesforce admin restore the addresses"
)
"""Why nothing matches, to go on after what does not match."""


@dataclass(frozen=True)
class KeySample:
    """Keys of a report, each once: all of them, or some.

    Attributes:
        frame: their first rows: the key columns under `Key.given`, `key` String as the report has it, and `match_key`
            String as it is compared.
        rows: of the report, in all; without_key: of them, those that have none.
        distinct: keys in the report.
    """

    frame: pl.DataFrame
    rows: int
    without_key: int
    distinct: int

    @property
    def repeated(self) -> int:
        """Rows whose key another row has already."""
        return self.rows - self.without_key - self.distinct

    def draw(self, size: int = SAMPLE) -> "KeySample":
        """Draw up to `size` of the keys at random. Every so many-th would go with what repeats itself in the report."""
        places = pl.int_range(self.frame.height, eager=True)
        drawn = places.sample(min(size, self.frame.height), seed=SEED, shuffle=True).sort()
        return replace(self, frame=self.frame[drawn])


@dataclass(frozen=True)
class MatchRate:
    """What a sample of keys comes to.

    Attributes:
        sample: the keys looked up.
        matched: of them, those that match exactly one record; many: several; unmatched: none.
        examples: keys that match a record; strays: keys that match none; crowded: keys that match several.
        hashed: most keys look like WalkMe's hashed user ids, which match no e-mail field.
        altered: records hold the keys as Salesforce alters addresses in a sandbox; see `keys.restore_address`.
    """

    sample: KeySample
    matched: int
    many: int
    unmatched: int
    examples: Sequence[str]
    strays: Sequence[str]
    crowded: Sequence[str]
    hashed: bool
    altered: bool = False

    @property
    def looked_up(self) -> int:
        """The keys of the sample."""
        return self.sample.frame.height

    @property
    def whole(self) -> bool:
        """Whether every key of the report was looked up."""
        return self.looked_up == self.sample.distinct

    @property
    def scope(self) -> str:
        """Which keys were looked up: `all 4,950 keys`, or `500 keys chosen at random from 40,000`."""
        if self.whole:
            return f"all {self.looked_up:,} keys"
        return f"{self.looked_up:,} keys chosen at random from {self.sample.distinct:,}"

    @property
    def percent(self) -> float:
        """Of the keys looked up, those that match at least one record; 0 when there is no key."""
        return 100 * (self.matched + self.many) / self.looked_up if self.looked_up else 0.0


def find_keys(rows: pl.DataFrame, keys: Sequence[Key]) -> KeySample:
    """Find all distinct keys of a report.

    Args:
        rows: the report.
        keys: the key pairs; the report has their columns.
    """
    given = pl.DataFrame({key.given: rows.get_column(key.column) for key in keys})
    compared = given.with_columns(
        show_key([key.given for key in keys]).alias("key"), match_key_of_rows(keys, given.schema).alias("match_key")
    ).filter(pl.col("match_key").is_not_null())
    distinct = compared.unique("match_key", keep="first", maintain_order=True)
    return KeySample(
        frame=distinct,
        rows=rows.height,
        without_key=rows.height - compared.height,
        distinct=distinct.height,
    )


def compare_keys(sample: KeySample, records: pl.DataFrame, keys: Sequence[Key]) -> MatchRate:
    """Match the keys of a sample with records, as a run does.

    Args:
        sample: what `find_keys` found, or `KeySample.draw` drew of it.
        records: `Id` and the key fields, at least of all records that any sampled key can match.
        keys: the key pairs.
    """
    found = records.unique("Id").select(match_key_of_records(keys).alias("match_key"))
    counts = found.group_by("match_key").agg(pl.len().alias("records"))
    matches = sample.frame.join(counts, on="match_key", how="left", maintain_order="left")
    records_each = pl.col("records").fill_null(0)

    def pick(condition: pl.Expr) -> pl.Series:
        return matches.filter(condition)["key"]

    one, many, none = pick(records_each == 1), pick(records_each > 1), pick(records_each == 0)
    return MatchRate(
        sample=sample,
        matched=one.len(),
        many=many.len(),
        unmatched=none.len(),
        examples=one.head(EXAMPLES).to_list(),
        strays=none.head(EXAMPLES).to_list(),
        crowded=many.head(EXAMPLES).to_list(),
        hashed=any(
            key.field.type == "email" and detect_hashed_ids(sample.frame[COLUMN + key.column].cast(pl.String))
            for key in keys
        ),
    )


def resolve_pairs(
    schema: SObjectSchema, pairs: Sequence[tuple[str, str]], *, ignore_invalid: bool = False
) -> tuple[Key, ...]:
    """Key pairs of column and field name, with the fields as describe reports them.

    Raises:
        SchemaMismatch: a field is missing or hidden.
    """
    return tuple(Key(column, schema.require(field), ignore_invalid) for column, field in pairs)
