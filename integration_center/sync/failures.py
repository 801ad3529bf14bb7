"""Records that Salesforce refuses run after run: since when, and when they are given up.

Such a record is tried again by each run. Once it has been refused for `give_up_after` days it is `rejected` without
being sent, until the report has another value for it, or somebody changes the record.
"""

from collections.abc import Sequence

import polars as pl

from integration_center.sync.columns import AFTER, CHANGED
from integration_center.sync.marking import list_mapped, mark
from integration_center.sync.outcomes import Outcome

FAILING_SINCE = "failing_since"
"""The column with the day since which a record is refused. Only ledgers that have such lines have it."""
GIVEN_UP = "given up: "
"""What the reason of a record begins with that is no longer sent."""
TRIED = "tried."


def find_failing(ledgers: Sequence[pl.LazyFrame]) -> pl.DataFrame:
    """Find the records whose newest line says that Salesforce refused them, or that they were given up.

    Args:
        ledgers: of the same integration and org, the newest first.

    Returns:
        `record_id`, `failing_since`, `code`, `modstamp`, and `tried.F` for each field F: the value that was refused.
    """
    found: list[pl.DataFrame] = []
    for number, ledger in enumerate(ledgers):
        names = ledger.collect_schema().names()
        since = pl.coalesce(FAILING_SINCE, "day") if FAILING_SINCE in names else pl.col("day")
        given_up = pl.col("reason").str.starts_with(GIVEN_UP).fill_null(False)
        failing = (
            ledger.filter((pl.col("outcome") == Outcome.FAILED) | given_up)
            .select(
                "record_id",
                since.alias(FAILING_SINCE),
                "code",
                "modstamp",
                *(pl.col(name).alias(TRIED + name.removeprefix(AFTER)) for name in names if name.startswith(AFTER)),
            )
            .unique("record_id", keep="first", maintain_order=True)
            .collect()
        )
        for newer in ledgers[:number]:  # what a newer run has settled fails no more
            known = newer.select("record_id").join(failing.lazy().select("record_id"), on="record_id", how="semi")
            failing = failing.join(known.collect(), on="record_id", how="anti")
        found.append(failing)
    together = pl.concat(found, how="diagonal_relaxed") if found else pl.DataFrame()
    return together.unique("record_id", keep="first", maintain_order=True) if together.height else together


def give_up(lines: pl.DataFrame, failing: pl.DataFrame, days: int) -> pl.DataFrame:
    """Note since when planned records fail, and reject those that have failed for too long.

    Args:
        lines: a plan.
        failing: see `find_failing`; not empty.
        days: after how many days a record is given up.

    Returns:
        `lines` in their order, with `failing_since`.
    """
    names = list_mapped(lines.columns)
    known = failing.rename({"code": f"{TRIED}_code", "modstamp": f"{TRIED}_modstamp"})
    planned = (pl.col("outcome") == Outcome.PLANNED) & pl.col(FAILING_SINCE).is_not_null()
    same = pl.all_horizontal(
        pl.col("modstamp").eq_missing(pl.col(f"{TRIED}_modstamp")),
        *(
            ~pl.col(CHANGED + name) | pl.col(AFTER + name).eq_missing(pl.col(TRIED + name))
            # A field that is new, or of another type by now, has another value.
            if failing.schema.get(TRIED + name) == lines.schema[AFTER + name]
            else ~pl.col(CHANGED + name)
            for name in names
        ),
    )
    long = (pl.col("day") - pl.col(FAILING_SINCE)).dt.total_days() >= days
    over = planned & same & long
    reason = pl.format(
        f"{GIVEN_UP}Salesforce has refused it since {{}} ({{}}); it is tried again when it or the report changes",
        pl.col(FAILING_SINCE).cast(pl.String),
        pl.col(f"{TRIED}_code").fill_null("no code"),
    )
    return (
        lines.join(known, on="record_id", how="left", maintain_order="left")
        .with_columns(
            *mark(over, Outcome.REJECTED, reason),
            pl.when(over).then(f"{TRIED}_code").otherwise("code").alias("code"),
            pl.when(planned).then(FAILING_SINCE).alias(FAILING_SINCE),
        )
        .select(*lines.columns, FAILING_SINCE)
    )


def count_given_up(lines: pl.LazyFrame) -> int:
    """Count the records that are no longer sent."""
    return int(lines.select(pl.col("reason").str.starts_with(GIVEN_UP).sum()).collect().item())
