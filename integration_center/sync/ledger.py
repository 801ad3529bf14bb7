"""The ledger: what became of every row, from the plan to Salesforce's last answer."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import polars as pl
from polars.selectors import starts_with as by_start

from integration_center.integration.spec import IntegrationSpec
from integration_center.sync.changes import LEFT_ALONE
from integration_center.sync.columns import AFTER, BEFORE, CHANGED, COLUMN, DAY, HOLDS, LEDGER_COLUMNS, OUTCOME
from integration_center.sync.marking import mark
from integration_center.sync.match.usable_rows import show_key
from integration_center.sync.outcomes import WRITTEN, Outcome
from integration_center.sync.plan_terms import name_columns
from integration_center.sync.schema import SObjectSchema
from integration_center.sync.tally import count_lines
from integration_center.sync.values.distinct import repeats

Lines = TypeVar("Lines", pl.DataFrame, pl.LazyFrame)
ANSWER = {"outcome": OUTCOME, **dict.fromkeys(("code", "message", "error_fields", "job_id"), pl.String())}
"""The columns that a results frame adds to the ledger."""
FORMULA_START = r"^[=+\-@\t\r\n＝＋－＠]"
"""Spreadsheets run cells that begin like this as formulas, some also in the full-width forms. Source: OWASP."""


def count_outdated(lines: pl.LazyFrame) -> int:
    """Count the lines whose record already holds a newer row with the same key, which an earlier run applied."""
    superseded = pl.col("outcome") == Outcome.SUPERSEDED
    return int(lines.select((superseded & pl.col("record_id").is_not_null()).sum()).collect().item())


def count_left_alone(lines: pl.LazyFrame) -> int:
    """Count the lines in which a field is left alone because its value does not fit."""
    return int(lines.select(pl.col("reason").str.starts_with(LEFT_ALONE).sum()).collect().item())


def ledger_adds_up(lines: pl.DataFrame | pl.LazyFrame, rows: int) -> bool:
    """Return whether each of `rows` report rows has a line, each line an outcome, and each record one line at most."""
    # One column after another, because those of a large ledger together take the memory of a report.
    numbers, outcomes, ids = (lines.lazy().select(each).collect()[each] for each in ("row", "outcome", "record_id"))
    first, last = numbers.min(), numbers.max()
    complete = _count_distinct(numbers) == rows and (rows == 0 or (first == 0 and last == rows - 1))
    return complete and not outcomes.null_count() and not repeats(ids)


def _count_distinct(numbers: pl.Series) -> int:
    """Count the different numbers; where they are sorted, as in a ledger, without a table of all of them."""
    if not numbers.is_sorted():
        return numbers.n_unique()
    return int((numbers != numbers.shift()).fill_null(True).sum())


def planned_updates(lines: Lines) -> Lines:
    """Return the updates to send: `Id`, then `after.F` and `changed.F` for each mapped field F."""
    planned = lines.filter(pl.col("outcome") == Outcome.PLANNED)
    return planned.select(pl.col("record_id").alias("Id"), by_start(AFTER, CHANGED))


def hold(lines: pl.DataFrame, reason: str) -> pl.DataFrame:
    """Turn every planned line into a `held` one, with `reason`."""
    return _turn_planned(lines, Outcome.HELD, reason)


def supersede(lines: pl.DataFrame, reason: str) -> pl.DataFrame:
    """Turn every planned line into a `superseded` one, with `reason`."""
    return _turn_planned(lines, Outcome.SUPERSEDED, reason)


def _turn_planned(lines: pl.DataFrame, outcome: Outcome, reason: str) -> pl.DataFrame:
    return lines.with_columns(mark(pl.col("outcome") == Outcome.PLANNED, outcome, reason))


def list_value_columns(spec: IntegrationSpec, schema: SObjectSchema) -> dict[str, pl.DataType]:
    """List the ledger columns after `LEDGER_COLUMNS`: three for each mapped field that the object has."""
    fields = [field for mapping in spec.fields if (field := schema.get(mapping.field))]
    return {
        f"{prefix}{field.name}": dtype
        for field in fields
        for prefix, dtype in ((BEFORE, field.dtype), (AFTER, field.dtype), (CHANGED, pl.Boolean()))
    }


def hold_rows(
    rows: pl.DataFrame, spec: IntegrationSpec, schema: SObjectSchema, reason: str, *, first: int = 0
) -> pl.DataFrame:
    """Build the lines of an integration that does not fit: each row is `held`, and nothing is read or compared.

    Args:
        rows: the report, with `_day`. Columns that the integration names may be missing.
        spec: the integration.
        schema: the object. Mapped fields that it lacks get no ledger columns.
        reason: why nothing is sent.
        first: the number of the first row.
    """
    keys = [pair.column for pair in spec.keys if pair.column in rows.columns]
    known: dict[str, pl.Expr] = {
        "row": pl.int_range(first, first + pl.len(), dtype=pl.UInt32),
        "day": pl.col(DAY),
        "key": show_key([COLUMN + key for key in keys]),
        "outcome": pl.lit(Outcome.HELD),
        "reason": pl.lit(reason),
    }
    ledger = [known.get(name, pl.lit(None)).cast(dtype).alias(name) for name, dtype in LEDGER_COLUMNS.items()]
    values = [
        pl.lit(False if name.startswith(CHANGED) else None, dtype=dtype).alias(name)
        for name, dtype in list_value_columns(spec, schema).items()
    ]
    return name_columns(rows, tuple(dict.fromkeys(keys))).select(*ledger, *values)


def complete(lines: pl.DataFrame, results: pl.DataFrame) -> pl.DataFrame:
    """Write Salesforce's answers into the planned lines.

    Args:
        lines: the plan.
        results: `Id`, `outcome`, `code`, `message`, `error_fields`, `job_id`, in any order. When a record has two
            answers, the worse one counts. Answers for records that were not planned are ignored.

    Returns:
        `lines` in their order. A planned line without an answer is `unknown`.
    """
    answered = _write_answers(lines, _align(lines, results), Outcome.PLANNED)
    return _turn_planned(answered, Outcome.UNKNOWN, "Salesforce gave no answer for this record")


def completing(results: pl.DataFrame) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return a function that writes the results of a push into successive parts of its plan.

    Args:
        results: as `complete` takes them, in the order in which the updates were sent.
    """
    rest = results

    def finish(part: pl.DataFrame) -> pl.DataFrame:
        nonlocal rest, results
        planned = count_lines(part)[Outcome.PLANNED]
        own, rest = rest[:planned], rest[planned:]
        if rest.is_empty():
            rest = results = results.clear()  # nobody needs their memory any more
        return complete(part, own)

    return finish


def amend(lines: pl.DataFrame, results: pl.DataFrame) -> pl.DataFrame:
    """Write late answers into a ledger: answers that a later run fetched, or found by reading the records.

    Args:
        lines: a ledger.
        results: as `complete` takes them.

    Returns:
        `lines` in their order. An answer settles a `planned` line, and an `unknown` line of the same job as the
        answer. All other lines stay as they are.
    """
    fetched = _write_answers(lines, _find_answers(lines, results, ["record_id", "job_id"]), Outcome.UNKNOWN)
    return _write_answers(fetched, _find_answers(lines, results, ["record_id"]), Outcome.PLANNED)


def _align(lines: pl.DataFrame, results: pl.DataFrame) -> pl.DataFrame:
    """Find the answer to each planned line. Results in the order of the planned lines need no join."""
    planned = lines["outcome"] == Outcome.PLANNED
    if not lines["record_id"].filter(planned).equals(results["Id"]):
        return _find_answers(lines, results, ["record_id"])
    place = pl.select(pl.when(planned).then(planned.cum_sum() - 1)).to_series()
    return results.select(pl.col(name).cast(dtype).gather(place).alias(name) for name, dtype in ANSWER.items())


def _find_answers(lines: pl.DataFrame, results: pl.DataFrame, on: Sequence[str]) -> pl.DataFrame:
    """Find the worst answer to each line, joined by `on`: the columns of `ANSWER`, null where there is no answer."""
    answers = (
        results.select(
            pl.col("Id").alias("record_id"),
            pl.col("job_id").cast(pl.String),
            *(pl.col(name).cast(dtype).alias(f"answer.{name}") for name, dtype in ANSWER.items()),
        )
        .sort(pl.col("answer.outcome").to_physical(), descending=True, maintain_order=True)
        .unique(on, keep="first")
    )
    found = lines.select(on).join(answers, on=on, how="left", maintain_order="left")
    return found.select(pl.col(f"answer.{name}").alias(name) for name in ANSWER)


def _write_answers(lines: pl.DataFrame, answers: pl.DataFrame, waiting: Outcome) -> pl.DataFrame:
    """Write the answers into the lines whose outcome is `waiting`."""
    answered = (pl.col("outcome") == waiting) & answers["outcome"].is_not_null()
    # Most answers have no text and no code: texts that stay as they are need not be copied.
    said: dict[str, pl.Series | pl.Expr] = {
        name: answers[name]
        for name in ("outcome", "code", "error_fields", "job_id")
        if not (_is_empty(answers[name]) and _is_empty(lines[name]))
    }
    if not (_is_empty(answers["message"]) and (waiting == Outcome.PLANNED or _is_empty(lines["reason"]))):
        # Keep the reason why a line was planned; drop the reason why its answer was missing.
        said["reason"] = pl.coalesce(answers["message"], pl.when(pl.col("outcome") == Outcome.PLANNED).then("reason"))
    return lines.with_columns(pl.when(answered).then(value).otherwise(name).alias(name) for name, value in said.items())


def _is_empty(values: pl.Series) -> bool:
    return values.null_count() == len(values)


def reopen(lines: pl.DataFrame) -> pl.DataFrame:
    """Turn every `unknown` line back into a `planned` one, so that the caller can find out what became of it."""
    unknown = pl.col("outcome") == Outcome.UNKNOWN
    planned = pl.lit(Outcome.PLANNED, dtype=OUTCOME)
    return lines.with_columns(pl.when(unknown).then(planned).otherwise("outcome").alias("outcome"))


def resume(lines: pl.DataFrame, run_id: str) -> pl.DataFrame:
    """Turn the ledger of a push into the lines of a push that continues it.

    Args:
        lines: a ledger in which the fate of every sent line has been found out.
        run_id: the run that stored the ledger.

    Returns:
        `lines` in their order. `unprocessed` and `failed` lines are `planned` again: they are proven not to have been
        written. Written lines are `unchanged`: the org holds their values already, or changed them again. All other
        lines stay as they are.
    """
    outcome = pl.col("outcome")
    again = outcome.is_in([Outcome.UNPROCESSED, Outcome.FAILED])
    written, changed_again = outcome.is_in(WRITTEN), outcome == Outcome.OVERRIDDEN
    return lines.with_columns(
        pl.when(again)
        .then(pl.lit(Outcome.PLANNED, dtype=OUTCOME))
        .when(written)
        .then(pl.lit(Outcome.UNCHANGED, dtype=OUTCOME))
        .otherwise(outcome)
        .alias("outcome"),
        pl.when(again)
        .then(pl.lit(None, dtype=pl.String))
        .when(written)
        .then(
            pl.when(changed_again)
            .then(pl.lit(f"run {run_id} wrote it, and the org changed it again"))
            .otherwise(pl.lit(f"run {run_id} wrote it"))
        )
        .otherwise("reason")
        .alias("reason"),
        *(pl.when(again).then(None).otherwise(name).alias(name) for name in ("code", "error_fields", "job_id")),
        *(pl.when(written).then(None).otherwise(name).alias(name) for name in lines.columns if name.startswith(HOLDS)),
    )


def find_key(lines: pl.DataFrame, key: str) -> pl.DataFrame:
    """Return the lines with a key, compared without case and outer blanks; among them the rows behind a value."""
    compared = pl.col("key").str.strip_chars().str.to_lowercase()
    return lines.filter(compared == key.strip().lower())


def to_csv_safe(lines: pl.DataFrame) -> pl.DataFrame:
    """Turn all columns into text for a CSV download, with `'` before text that a spreadsheet would run as a formula.

    Numbers keep their sign: a negative number is not a formula.
    """
    return lines.select(_csv_cell(name, dtype) for name, dtype in lines.schema.items())


def _csv_cell(name: str, dtype: pl.DataType) -> pl.Expr:
    cell = pl.col(name)
    if isinstance(dtype, pl.Datetime):
        return cell.dt.to_string("iso:strict")
    text = cell.cast(pl.String)
    if not isinstance(dtype, pl.String):
        return text
    return pl.when(text.str.contains(FORMULA_START)).then(pl.concat_str(pl.lit("'"), text)).otherwise(text).alias(name)
