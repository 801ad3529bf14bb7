"""Measure how many of a report's keys match a record, from all keys or a sample, comparing them as a run does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from integration_center.sync.columns import COLUMN
from integration_center.sync.match.keys import detect_hashed_ids
from integration_center.sync.match.usable_rows import show_key
from integration_center.sync.plan_terms import match_key_of_records, match_key_of_rows
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.targets import Key
from integration_center.wording.sentences import count

SAMPLE = 500
"""The number of keys in a sample. It gives the match rate to within five percentage points."""
SEED = 20_241
"""The seed of every sample: the same report gives the same sample, so the rates of two tries can be compared."""
EXAMPLES = 5
ALTERED = (
    "the org holds these addresses with .invalid at the end, or as user=domain@example.com, as Salesforce changes them"
    " in a sandbox: set `ignore_invalid: true` in the integration, or ask the Salesforce admin to restore the addresses"
)
"""The reason why keys do not match. It continues a sentence after the keys."""


@dataclass(frozen=True)
class KeySample:
    """The distinct keys of a report, or a sample of them.

    Attributes:
        frame: the first row of each key: the key columns under `Key.given`, `key` String as the report has it, and
            `match_key` String in its comparable form.
        rows: the number of rows in the report.
        without_key: the number of those rows that have no key.
        distinct: the number of distinct keys in the report.
    """

    frame: pl.DataFrame
    rows: int
    without_key: int
    distinct: int

    @property
    def repeated(self) -> int:
        """The number of rows whose key an earlier row has."""
        return self.rows - self.without_key - self.distinct

    def draw(self, size: int = SAMPLE) -> "KeySample":
        """Draw up to `size` keys at random. Taking every n-th key could follow a pattern in the report."""
        places = pl.int_range(self.frame.height, eager=True)
        drawn = places.sample(min(size, self.frame.height), seed=SEED, shuffle=True).sort()
        return replace(self, frame=self.frame[drawn])


@dataclass(frozen=True)
class MatchRate:
    """The result of looking up a sample of keys.

    Attributes:
        sample: the keys looked up.
        matched: the number of keys that match exactly one record.
        many: the number of keys that match several records.
        unmatched: the number of keys that match no record.
        examples: some keys that match exactly one record.
        strays: some keys that match no record.
        crowded: some keys that match several records.
        hashed: whether most keys look like WalkMe's hashed user ids, which match no e-mail field.
        altered: whether records hold the keys as Salesforce alters addresses in a sandbox; see `keys.restore_address`.
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
        """The number of keys looked up."""
        return self.sample.frame.height

    @property
    def whole(self) -> bool:
        """Whether every key of the report was looked up."""
        return self.looked_up == self.sample.distinct

    @property
    def scope(self) -> str:
        """Which keys were looked up: `all 4,950 keys`, or `500 keys chosen at random from 40,000`."""
        if self.whole:
            return "the one key" if self.looked_up == 1 else f"all {self.looked_up:,} keys"
        return f"{count(self.looked_up, 'key')} chosen at random from {self.sample.distinct:,}"

    @property
    def margin(self) -> float:
        """How far the rate of all keys may be from that of the sample, in percentage points, 19 times out of 20."""
        if self.whole:
            return 0.0
        share = self.percent / 100
        return max(1.0, float(196 * (share * (1 - share) / self.looked_up) ** 0.5))

    @property
    def percent(self) -> float:
        """The percentage of the looked-up keys that match at least one record; 0 when there is no key."""
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
        sample: the result of `find_keys`, or of `KeySample.draw`.
        records: `Id` and the key fields, for at least every record that a sampled key can match.
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
    """Resolve pairs of column and field name to keys with described fields.

    Raises:
        SchemaMismatch: a field is missing or hidden.
    """
    return tuple(Key(column, schema.require(field), ignore_invalid) for column, field in pairs)
