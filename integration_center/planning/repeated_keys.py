"""Notice when many rows of a report share their keys, so that a plain mapping would drop most of them."""

from dataclasses import dataclass

import polars as pl

from integration_center.integration.spec import IntegrationSpec
from integration_center.planning.newest_report import NewestReport
from integration_center.sync.columns import FILE_ROW
from integration_center.sync.given import find_given
from integration_center.sync.match.usable_rows import select_rows
from integration_center.sync.outcomes import Outcome
from integration_center.sync.plan_terms import find_row_keys, prepare_rows, resolve_terms
from integration_center.sync.row_numbers import number_lines
from integration_center.sync.schema import SObjectSchema

MANY = 5.0
"""Percent of the rows with a key, above which dropped rows are worth a warning."""


@dataclass(frozen=True)
class RepeatedKeys:
    """How many rows of a report are dropped because another row has their key.

    Attributes:
        dropped: the rows that end as `duplicate_key`.
        keyed: the rows that have a key.
        example: the number of one of the dropped rows, as a spreadsheet counts; None when there is none.
    """

    dropped: int
    keyed: int
    example: int | None

    def warn(self) -> str | None:
        """Return a sentence with what to do where many rows are dropped, else None."""
        if not self.keyed or 100 * self.dropped <= MANY * self.keyed:
            return None
        percent = 100 * self.dropped / self.keyed
        return (
            f"{self.dropped:,} of {self.keyed:,} rows with a key ({percent:.0f} %) are not used, because another row"
            f" has the same key, such as row {self.example:,}. To make one value of all rows of a key, set"
            " `rows: all`, and give each field a value such as COUNT, AVG or MAX"
        )


def count_repeated(lines: pl.LazyFrame) -> RepeatedKeys:
    """Count the rows that a plan drops because of their key."""
    is_dropped = (pl.col("outcome") == Outcome.DUPLICATE_KEY).fill_null(False)
    # A row that is used has no outcome before it is matched.
    keyed = ~pl.col("outcome").is_in([Outcome.NO_KEY, Outcome.FILTERED, Outcome.ABSENT]).fill_null(False)
    counted = lines.select(
        dropped=is_dropped.sum(),
        keyed=pl.col("row").filter(keyed).n_unique(),
        example=number_lines(lines.collect_schema()).filter(is_dropped).first(),
    )
    return RepeatedKeys(*counted.collect().row(0))


def find_repeated_rows(spec: IntegrationSpec, report: NewestReport, schema: SObjectSchema) -> RepeatedKeys:
    """Count the rows that a plan of this report would drop because of their key. The org is not asked.

    Args:
        spec: the integration, which fits the report. Its rows are neither filtered nor rolled up.
        report: the newest rows of its report.
        schema: the object.
    """
    dated, dtypes = report.rows.lazy(), report.frame.schema
    latest_by = spec.latest_by or report.info.latest_by
    terms = resolve_terms(spec, schema, dtypes, latest_by=latest_by, kind="events", newest=None)
    prepared = prepare_rows(dated, terms)
    row_keys, given = find_row_keys(dated, prepared, terms), find_given(dated, terms.targets)
    lines = select_rows(prepared, row_keys, given, terms)
    return count_repeated(lines.with_columns(report.numbers.number(lines["row"]).alias(FILE_ROW)).lazy())
