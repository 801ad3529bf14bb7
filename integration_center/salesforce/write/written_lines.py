"""A sample of the lines that a push wrote, and their totals, taken while the ledger is written or from a stored one."""

from collections.abc import Collection, Mapping
from typing import Any, Self

import polars as pl

from integration_center.salesforce.write.totals import MEASURES, Total, choose_functions
from integration_center.store.frames import read_slices
from integration_center.sync.columns import AFTER, BEFORE, CHANGED
from integration_center.sync.marking import list_mapped
from integration_center.sync.outcomes import Outcome
from integration_center.sync.schema import SObjectField, SObjectSchema

SAMPLE = 1_000
"""The records read in full. If one written record in 200 was changed, the sample shows it with 99 % certainty."""
COMBINED: Mapping[str, str] = {"COUNT": "SUM", "SUM": "SUM", "MIN": "MIN", "MAX": "MAX"}
"""How the totals of parts become the total of the whole."""


class WrittenLines:
    """The lines of a ledger that Salesforce took.

    Args:
        schema: the object of the records.
        columns: the columns of the ledger.
        count: the number of its lines that are `updated`.

    Attributes:
        fields: the mapped fields of the ledger.
        count: as given.
    """

    def __init__(self, schema: SObjectSchema, columns: Collection[str], count: int) -> None:
        self.fields: list[SObjectField] = [schema.require(name) for name in list_mapped(columns, BEFORE)]
        self.count = count
        summed = [each for each in self.fields if each.aggregatable]
        self._totals = [Total(function, each) for each in summed for function in choose_functions(each)]
        self._drawn = _draw(pl.int_range(count, eager=True)).sort()
        self._seen = 0
        self._sample: list[pl.DataFrame] = []
        self._sums: list[pl.DataFrame] = []

    @classmethod
    def read(cls, schema: SObjectSchema, ledger: pl.LazyFrame, count: int) -> Self:
        """Read the lines of a stored ledger."""
        written = cls(schema, ledger.collect_schema().names(), count)
        for part in read_slices(ledger):
            written.note(part)
        return written

    def note(self, lines: pl.DataFrame) -> None:
        """Note the next lines of the ledger. To read all of them again would take ten times as long."""
        is_written = lines["outcome"] == Outcome.UPDATED
        places = is_written.arg_true()
        end = self._seen + len(places)
        drawn = self._drawn.filter((self._drawn >= self._seen) & (self._drawn < end))
        self._sample.append(lines[places.gather(drawn - self._seen)])
        self._seen = end
        if self._totals:
            names = dict.fromkeys(total.field.name for total in self._totals)
            values = lines.select(pl.when(is_written).then(build_expected(name)).alias(name) for name in names)
            sums = (MEASURES[each.function](pl.col(each.field.name)).alias(each.soql) for each in self._totals)
            self._sums.append(values.select(sums))

    @property
    def sample(self) -> pl.DataFrame:
        """The lines to be compared with what the org holds: `SAMPLE` to twice as many, or all of fewer."""
        return pl.concat(self._sample)

    @property
    def totals(self) -> list[Total]:
        """The totals of all written lines, with what is expected."""
        if not self._totals:
            return []
        sums = pl.concat(self._sums)
        found: Mapping[str, Any] = sums.select(
            MEASURES[COMBINED[each.function]](pl.col(each.soql)) for each in self._totals
        ).row(0, named=True)
        return [Total(each.function, each.field, found[each.soql]) for each in self._totals]


def _draw(places: pl.Series) -> pl.Series:
    """Draw `SAMPLE` to twice as many places by lot, or all of fewer.

    Every nth place would miss what a flow does to one kind of people, where the report has two kinds in turn.
    """
    return places.sample(places.len() // max(places.len() // SAMPLE, 1))


def build_expected(name: str) -> pl.Expr:
    """Return what a written field should hold: the value sent, or the earlier value if the field was not sent."""
    return pl.when(CHANGED + name).then(AFTER + name).otherwise(BEFORE + name)
