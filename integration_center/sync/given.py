"""Read the report's values when they are needed: those of all rows take most of a report's memory."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl
from polars.selectors import by_name

from integration_center.sync.targets import Target


@dataclass(frozen=True)
class Given:
    """The values of the rows of a plan.

    Attributes:
        rows: the report, on disk or in memory.
        columns: the columns of the values in `rows`, by the names under which they are returned.
        places: the position in `rows` of each row of the plan; None when the plan has all rows.
    """

    rows: pl.LazyFrame
    columns: Mapping[str, str]
    places: pl.Series | None = None

    def take(self, numbers: pl.Series) -> pl.DataFrame:
        """Return the values of the rows with these numbers (UInt32), in this order; of null, null.

        Numbers that are near each other take little memory.
        """
        places = self._find_places(numbers)
        first, last = _find_bounds(places)
        return self._read(first, last - first + 1).select(pl.all().gather(places - first))

    def take_beside(
        self, numbers: pl.Series, other: "Given", their_numbers: pl.Series
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return what `take` returns for these numbers, and what it returns for those of other columns.

        Columns of the same rows are read at once.

        Args:
            numbers: the numbers of rows.
            other: other columns. They have other names.
            their_numbers: some of the numbers, and null.
        """
        if self.rows is not other.rows or self.places is not other.places:
            return self.take(numbers), other.take(their_numbers)
        places = self._find_places(numbers)
        first, last = _find_bounds(places)
        both = replace(self, columns={**self.columns, **other.columns})
        near = both._read(first, last - first + 1)
        theirs = other._find_places(their_numbers)
        return (
            near.select(pl.col(*self.columns).gather(places - first)),
            near.select(pl.col(*other.columns).gather(theirs - first)),
        )

    def read_slices(self, height: int) -> Iterator[pl.DataFrame]:
        """Yield the values of all rows of the report, in slices of `height`; for an empty report, none."""
        for start in range(0, int(self.rows.select(pl.len()).collect().item()), height):
            yield self._read(start, height)

    def keep(self, places: pl.Series) -> "Given":
        """Return the values of a plan that has only the rows at these positions."""
        return replace(self, places=places)

    def _find_places(self, numbers: pl.Series) -> pl.Series:
        return numbers if self.places is None else self.places.gather(numbers)

    def _read(self, start: int, height: int) -> pl.DataFrame:
        wanted = by_name(*dict.fromkeys(self.columns.values()))
        near = self.rows.slice(start, height).select(wanted).collect()
        return pl.DataFrame([near.get_column(column).alias(name) for name, column in self.columns.items()])


def find_given(rows: pl.LazyFrame, targets: Sequence[Target]) -> Given:
    """Return the values that the targets get, as `source.F`."""
    return Given(rows, {target.source: target.column for target in targets})


def _find_bounds(places: pl.Series) -> tuple[int, int]:
    first, last = places.min(), places.max()
    return (first, last) if isinstance(first, int) and isinstance(last, int) else (0, 0)
