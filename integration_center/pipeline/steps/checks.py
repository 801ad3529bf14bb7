"""The asset checks of an integration: their names, and how verdicts become results.

They show what the plan and the push decided themselves: a blocking check protects only inside its own run.
"""

from collections.abc import Iterator, Sequence

import dagster as dg
import polars as pl

from integration_center.pipeline.names import DAYS
from integration_center.pipeline.steps.metadata import name_counts
from integration_center.sync.ledger import ledger_adds_up
from integration_center.sync.limits import PEOPLE_STAYED, Verdict, explain_nothing_written
from integration_center.sync.mapping.fitness import Fault
from integration_center.sync.outcomes import BROKEN, Outcome
from integration_center.sync.tally import Tally
from integration_center.wording.markdown import escape_markdown

COLUMNS_PRESENT = "columns_present"
SCHEMA_AS_MAPPED = "schema_as_mapped"
TYPES_FIT = "types_fit"
FITNESS = {
    COLUMNS_PRESENT: "The report has the key columns and the mapped ones.",
    SCHEMA_AS_MAPPED: "The object and its fields exist, are visible, and may be read and written.",
    TYPES_FIT: "Each field can hold its column.",
}
VERDICTS = {
    "match_rate": "Enough of the report's keys match a record.",
    "values_cleared": "Not too many records lose a value.",
    "share_changed": "Not too many records change.",
    "people_stayed": "Not too many people dropped out of the report.",
}
ROWS_FAILED = "rows_failed"
LEDGER_ADDS_UP = "ledger_adds_up"
PUSH = {
    ROWS_FAILED: "Salesforce took the rows it was sent, and its flows left them as they were sent.",
    LEDGER_ADDS_UP: "Every row of the report ended in exactly one outcome.",
}


def build_plan_checks(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The blocking checks of an update set."""
    return [build_check(key, name, description, blocking=True) for name, description in (FITNESS | VERDICTS).items()]


def build_push_checks(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks of a push."""
    return [build_check(key, name, description) for name, description in PUSH.items()]


def build_check(key: dg.AssetKey, name: str, description: str, *, blocking: bool = False) -> dg.AssetCheckSpec:
    """A check whose results belong to the day that was run, so that an old day does not turn today's asset red.

    Dagster 1.13 gives the results of a run of several days no partition.
    """
    return dg.AssetCheckSpec(name, asset=key, description=description, blocking=blocking, partitions_def=DAYS)


def report_fitness(faults: Sequence[Fault]) -> Iterator[dg.AssetCheckResult]:
    """One result per fitness check; a fault names its check."""
    for name in FITNESS:
        found = [escape_markdown(fault.message) for fault in faults if fault.check == name]
        yield dg.AssetCheckResult(
            check_name=name, passed=not found, description="; ".join(found) or FITNESS[name], metadata={}
        )


def report_verdicts(verdicts: Sequence[Verdict]) -> Iterator[dg.AssetCheckResult]:
    """One result per limit; limits that were not judged, because the integration does not fit, are not passed."""
    judged = {verdict.name: verdict for verdict in verdicts}
    for name in VERDICTS:
        verdict = judged.get(name)
        optional = name == PEOPLE_STAYED and bool(judged)
        yield dg.AssetCheckResult(
            check_name=name,
            passed=verdict.passed if verdict else optional,
            description=escape_markdown(verdict.description)
            if verdict
            else "Nobody can drop out of a report of events without a window."
            if optional
            else "not judged: the integration does not fit",
            metadata=dict(verdict.metadata) if verdict else {},
        )


def report_push(
    key: dg.AssetKey, lines: pl.LazyFrame, tally: Tally, report_rows: int, *, failed: bool
) -> Iterator[dg.AssetCheckResult]:
    """The results of a push: rows refused, and whether the completed ledger covers the `report_rows` rows.

    Args:
        key: of the push.
        lines: the ledger.
        tally: of the ledger.
        report_rows: rows of the report.
        failed: whether the rows refused fail the run.
    """
    counts = tally.lines
    broken = {outcome.value: counts[outcome] for outcome in (*BROKEN, Outcome.OVERRIDDEN) if counts[outcome]}
    named = name_counts(broken, tally.refused)
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=ROWS_FAILED,
        passed=not broken,
        severity=dg.AssetCheckSeverity.ERROR if failed else dg.AssetCheckSeverity.WARN,
        description="; ".join(filter(None, [explain_nothing_written(counts), named])) or PUSH[ROWS_FAILED],
        metadata=broken,
    )
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=LEDGER_ADDS_UP,
        passed=ledger_adds_up(lines, report_rows),
        description=PUSH[LEDGER_ADDS_UP],
        metadata={"report_rows": report_rows, "lines": counts.total},
    )
