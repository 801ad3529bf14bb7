"""What a mapping would write: some values of the column, each as the field would hold it, and what does not fit."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
from markupsafe import Markup

from integration_center.console.shell.values import show_value
from integration_center.console.wizard.drafts import FieldRow
from integration_center.sync.schema import SObjectField
from integration_center.sync.values.fit import fit_values

SHOWN = 3
LOOKED_AT = 10_000
"""Rows of the report that are tried; more would hold up the page."""


@dataclass(frozen=True)
class Sample:
    """One value.

    Attributes:
        given: as the report has it.
        written: as the field would hold it; None where it is not written.
    """

    given: str
    written: str | None

    @property
    def same(self) -> bool:
        """Whether it is written as the report has it."""
        return self.given == self.written


@dataclass(frozen=True)
class Samples:
    """Some values of a column.

    Attributes:
        values: different ones, the first there are.
        unfit: how many of the rows tried have a value that does not fit the field.
        tried: how many rows have a value.
        reason: why the first of them does not fit.
    """

    values: Sequence[Sample]
    unfit: int = 0
    tried: int = 0
    reason: str = ""


NO_SAMPLES = Samples(())


def find_samples(frame: pl.DataFrame, row: FieldRow, field: SObjectField | None) -> Samples:
    """Find samples of a mapping; without a field they are shown as the report has them."""
    if row.is_value or row.column not in frame.columns:
        return NO_SAMPLES
    given = frame.lazy().select(pl.col(row.column).alias("given")).head(LOOKED_AT).drop_nulls().collect()
    if field is None or field.unusable:
        return Samples([Sample(_say(value), _say(value)) for value in _first(given)["given"]])
    try:
        factor = float(row.factor) if row.factor.strip() else None
    except ValueError:  # the row says so itself
        factor = None
    fitted = fit_values(pl.col("given"), given.schema["given"], field, truncate=row.truncate, factor=factor)
    tried = given.with_columns(fitted.value.alias("value"), fitted.code.alias("code"), fitted.reason.alias("reason"))
    unfit = tried.filter(pl.col("code").is_not_null())
    return Samples(
        [_build_sample(given, value) for given, value in _first(tried).select("given", "value").iter_rows()],
        unfit=unfit.height,
        tried=tried.height,
        reason=unfit["reason"][0] if unfit.height else "",
    )


def _first(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.unique("given", keep="first", maintain_order=True).head(SHOWN)


def _build_sample(given: object, value: object) -> Sample:
    """Build a sample. A report's text that says the time as we do is shown as that time."""
    said, written = _say(given), None if value is None else _say(value)
    return Sample(written if isinstance(written, Markup) and written.striptags() == said else said, written)


def _say(value: object) -> str:
    return show_value(value) or ""
