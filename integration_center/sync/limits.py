"""The limits of an integration: when to stop a push before its first write, and when a run counts as Failed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Literal

import polars as pl

from integration_center.integration.spec import Limits
from integration_center.sync.columns import AFTER, BEFORE, CHANGED, LAST_SEEN
from integration_center.sync.marking import any_of, list_mapped
from integration_center.sync.match.keys import count_hashed_ids
from integration_center.sync.outcome_words import OUTCOME_WORDS, say_counts
from integration_center.sync.outcomes import BROKEN, MAY_BE_WRITTEN, Outcome, count_settled
from integration_center.sync.tally import Counts
from integration_center.wording.sentences import count

RunStatus = Literal["Completed", "Failed"]
LEFT_OUT = (Outcome.FILTERED, Outcome.ROLLED_UP, Outcome.ABSENT)
"""The outcomes of lines that nobody expects to match a record."""
NOT_LOOKED_UP = (Outcome.NO_KEY, Outcome.DUPLICATE_KEY, Outcome.SUPERSEDED, *LEFT_OUT)
NO_RECORD = (*NOT_LOOKED_UP, Outcome.UNMATCHED, Outcome.AMBIGUOUS)

NOT_WRITTEN = {
    Outcome.CONFLICT: "changed in Salesforce after the plan was made",
    Outcome.FAILED: "refused by Salesforce",
    Outcome.UNPROCESSED: OUTCOME_WORDS[Outcome.UNPROCESSED].counted,
}
"""Why lines that were planned were not written."""
NOTHING_WRITTEN = "nothing was written"


MATCH_RATE = "match_rate"
VALUES_CLEARED = "values_cleared"
PEOPLE_STAYED = "people_stayed"
MAY_DROP = 1
"""The people who may drop out whatever the limit says."""


@dataclass(frozen=True)
class Verdict:
    """The result of checking a plan against one limit.

    Attributes:
        name: `match_rate`, `values_cleared`, `share_changed` or `people_stayed`.
        passed: whether the plan keeps the limit.
        description: counts and percentages, never a value.
        metadata: the same numbers, for charts.
    """

    name: str
    passed: bool
    description: str
    metadata: Mapping[str, int | float] = field(default_factory=dict)


@dataclass(frozen=True)
class Figures:
    """The numbers that the limits are checked against. The figures of parts add up to the figures of the whole.

    Attributes:
        lines: all lines.
        filtered: the lines of rows that the integration's filter leaves out.
        looked_up: rows with a key, without duplicates. A superseded row counts when its record was found: an earlier
            run applied a newer row.
        found: the looked-up rows that match a record.
        matched: records on a line.
        changed: the matched records that would change.
        cleared: the matched records that would lose a value.
        keys: the keys; counted only when too few rows match, else 0.
        hashed: the keys that look like WalkMe's hashed user ids; counted only when too few rows match, else 0.
    """

    lines: int = 0
    filtered: int = 0
    looked_up: int = 0
    found: int = 0
    matched: int = 0
    changed: int = 0
    cleared: int = 0
    keys: int = 0
    hashed: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


def measure(lines: pl.DataFrame, limits: Limits) -> Figures:
    """Measure what `build_lines` returns, or a part of it that includes every line of each of its rows."""
    if LAST_SEEN in lines.columns:  # people who dropped out belong to no row; `judge_absence` looks at them
        lines = lines.filter(pl.col(LAST_SEEN).is_null())
    planned = pl.col("outcome") == Outcome.PLANNED
    matched = pl.col("record_id").is_not_null()
    asked = ~pl.col("outcome").is_in(NOT_LOOKED_UP) | ((pl.col("outcome") == Outcome.SUPERSEDED) & matched)
    loses = any_of(
        pl.col(CHANGED + name) & pl.col(BEFORE + name).is_not_null() & pl.col(AFTER + name).is_null()
        for name in list_mapped(lines.columns)
    )
    numbers = lines.select(
        filtered=(pl.col("outcome") == Outcome.FILTERED).sum(),
        looked_up=pl.col("row").filter(asked).n_unique(),
        found=pl.col("row").filter(asked & matched).n_unique(),
        matched=matched.sum(),
        changed=planned.sum(),
        cleared=(planned & loses).sum(),
    ).row(0, named=True)
    few = _percent(numbers["found"], numbers["looked_up"]) < limits.min_match_rate
    keys, hashed = count_hashed_ids(lines["key"]) if few else (0, 0)
    return Figures(lines=lines.height, keys=keys, hashed=hashed, **numbers)


def judge(figures: Figures, limits: Limits) -> list[Verdict]:
    """Check a plan against the limits, before it is held or sent.

    - `match_rate`: the share of looked-up rows (see `Figures`) that match a record.
    - `values_cleared`: the share of matched records that would lose a value.
    - `share_changed`: the share of matched records that would change; always passed while `max_changed` is off.
    """
    matched = figures.matched
    return [
        _judge_match_rate(figures, limits),
        _judge_share(VALUES_CLEARED, "would lose a value", figures.cleared, matched, limits.max_cleared),
        _judge_share("share_changed", "would change", figures.changed, matched, limits.max_changed),
    ]


def judge_absence(known: int, dropped: int, limits: Limits) -> Verdict:
    """Check how many people dropped out of the report since the last sync. One person is never too many.

    Args:
        known: the records that the newest earlier report had.
        dropped: how many of these are not in this report.
        limits: the limits of the integration.
    """
    percent = _percent(dropped, known)
    passed = dropped <= MAY_DROP or percent <= limits.max_absent
    return Verdict(
        PEOPLE_STAYED,
        passed,
        f"{dropped:,} of {known:,} people of the last report are no longer in it ({percent:.1f} %); at most"
        f" {limits.max_absent:g} % may drop out",
        {"people": dropped, "known": known, "percent": percent, "limit": limits.max_absent},
    )


def count_judged(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """Count what two limits were checked against and no outcome tells, for the log of syncs.

    Returns:
        `{"cleared": 2, "matched": 80, "dropped": 1, "known": 90}`: records that would lose a value, of the matched
        ones, and people who dropped out, of the known ones. What was not judged is left out.
    """
    named = {
        VALUES_CLEARED: {"cleared": "records", "matched": "matched"},
        PEOPLE_STAYED: {"dropped": "people", "known": "known"},
    }
    return {
        name: int(verdict.metadata[number])
        for verdict in verdicts
        for name, number in named.get(verdict.name, {}).items()
    }


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def _judge_match_rate(figures: Figures, limits: Limits) -> Verdict:
    rows, matched = figures.looked_up, figures.found
    percent = _percent(matched, rows)
    metadata = {"rows": rows, "matched": matched, "percent": percent, "limit": limits.min_match_rate}
    if not figures.lines:
        passed = limits.allow_empty
        return Verdict(
            MATCH_RATE, passed, "the report is empty" + ("" if passed else ", and allow_empty is off"), metadata
        )
    passed = percent >= limits.min_match_rate or figures.lines == figures.filtered
    description = (
        f"{matched:,} of {rows:,} rows that could be looked up match a record ({percent:.1f} %);"
        f" at least {limits.min_match_rate:g} % must"
    )
    if not passed and figures.hashed * 2 > figures.keys:
        description += "; the keys look like WalkMe's hashed user ids, which match no e-mail address"
    return Verdict(MATCH_RATE, passed, description, metadata)


def _judge_share(name: str, verb: str, part: int, matched: int, limit: float | None) -> Verdict:
    percent = _percent(part, matched)
    counted = f"{part:,} of {matched:,} matched records {verb} ({percent:.1f} %)"
    metadata: dict[str, int | float] = {"records": part, "matched": matched, "percent": percent}
    if limit is None:
        return Verdict(name, True, f"{counted}; no limit is set", metadata)
    return Verdict(name, percent <= limit, f"{counted}; at most {limit:g} % may", metadata | {"limit": limit})


def run_status(
    counts: Counts, limits: Limits, *, superseded: bool = False, outdated: bool = False
) -> tuple[RunStatus, str | None]:
    """Decide the status of a run from its final ledger.

    Args:
        counts: lines per outcome.
        limits: the limits of the integration.
        superseded: nothing was sent because a newer day was already pushed. Only held lines then make the run Failed.
        outdated: earlier runs applied newer rows of some keys. The run may then match no record.

    Returns:
        `Completed`, or `Failed` with a sentence that says which rule the run broke: a limit held lines, no row matched
        a record (`allow_empty` allows an empty report), or more than `max_failed` percent of the lines failed. When
        lines were planned but no record was written, the sentence says so first, even if the run is `Completed`.
    """
    if counts[Outcome.HELD]:
        held = counts[Outcome.HELD]
        return "Failed", f"{count(held, 'record is', 'records are')} held"
    if superseded:
        return "Completed", None
    if counts.total == 0:
        return ("Completed", None) if limits.allow_empty else ("Failed", "the report is empty, and allow_empty is off")
    expected = counts.total - sum(counts[outcome] for outcome in LEFT_OUT)
    if expected and counts.total == sum(counts[outcome] for outcome in NO_RECORD) and not outdated:
        return "Failed", "no row matched a record"
    nothing = explain_nothing_written(counts)
    broken, settled = count_settled(counts.as_dict())
    if broken and 100 * broken > limits.max_failed * settled:
        named = say_counts({outcome: counts[outcome] for outcome in BROKEN}, ", ")
        share = (
            f"{broken:,} of {count(settled, 'record')} went wrong ({100 * broken / settled:.1f} %;"
            f" at most {limits.max_failed:g} % may): {named}"
        )
        return "Failed", f"{NOTHING_WRITTEN}; {share}" if nothing else share
    return "Completed", nothing


def explain_nothing_written(counts: Counts) -> str | None:
    """Explain why no record was written although some were planned; return None for every other run."""
    reasons = [f"{why}: {counts[outcome]:,}" for outcome, why in NOT_WRITTEN.items() if counts[outcome]]
    if not reasons or any(counts[outcome] for outcome in MAY_BE_WRITTEN):
        return None
    return f"{NOTHING_WRITTEN} ({', '.join(reasons)})"
