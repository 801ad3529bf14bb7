"""What the limits would have done in the last runs, so that nobody has to guess a percentage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from integration_center.alerts.judging import find_match_rate
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.sync.limits import MAY_DROP, NO_RECORD
from integration_center.sync.outcomes import WRITTEN, Outcome, count_settled

CHANGED = (
    *WRITTEN,
    Outcome.PLANNED,
    Outcome.HELD,
    Outcome.CONFLICT,
    Outcome.FAILED,
    Outcome.UNPROCESSED,
    Outcome.UNKNOWN,
)
"""The outcomes of records that a run changed, or would have changed."""


@dataclass(frozen=True)
class Share:
    """What a limit looks at, in one run.

    Attributes:
        percent: the share.
        spared: whether the limit lets the run go on, whatever it says.
    """

    percent: float
    spared: bool = False


def explain_limits(history: Sequence[SyncRecord], limits: Mapping[str, float | None]) -> dict[str, str]:
    """Say by limit what it would have done in an integration's last runs, where they show that.

    Args:
        history: the lines of the integration in the log, the newest first.
        limits: the percent of each limit; None where none is set.
    """
    runs = [run for run in history if run.is_of_report and run.status is not SyncStatus.RUNNING and run.lines]
    found = {
        "min_match_rate": [find_matched(run) for run in runs],
        "max_cleared": [find_cleared(run) for run in runs],
        "max_changed": [find_changed(run) for run in runs],
        "max_failed": [find_failed(run) for run in runs],
        "max_absent": [find_dropped(run) for run in runs],
    }
    shares = {limit: [share for share in each if share is not None] for limit, each in found.items()}
    return {limit: _explain(limit, each, limits.get(limit)) for limit, each in shares.items() if each}


def find_matched(run: SyncRecord) -> Share | None:
    """Find the share of the rows with a key that found a record in a run."""
    percent = find_match_rate(run)
    return None if percent is None else Share(percent)


def find_changed(run: SyncRecord) -> Share | None:
    """Find the share of the matched records that a run changed or would have changed."""
    matched = sum(run.lines.values()) - run.count_lines(NO_RECORD)
    return Share(100 * run.count_lines(CHANGED) / matched) if matched else None


def find_failed(run: SyncRecord) -> Share | None:
    """Find the share of the records that went wrong in a run."""
    broken, settled = count_settled(run.lines)
    return Share(100 * broken / settled) if settled else None


def find_cleared(run: SyncRecord) -> Share | None:
    """Find the share of the matched records that lost a value in a run, or would have."""
    matched = run.judged.get("matched")
    return Share(100 * run.judged["cleared"] / matched) if matched else None


def find_dropped(run: SyncRecord) -> Share | None:
    """Find the share of the known people who were not in the report of a run any more."""
    known = run.judged.get("known")
    if not known:
        return None
    dropped = run.judged["dropped"]
    return Share(100 * dropped / known, spared=dropped <= MAY_DROP)


def _explain(limit: str, shares: Sequence[Share], percent: float | None) -> str:
    one = len(shares) == 1
    low, high = (f"{extreme(share.percent for share in shares):.0f}" for extreme in (min, max))
    said = f"It was {low} % in the last {'run' if one else f'{len(shares)} runs'}"
    if low != high:
        said = f"It was {low} to {high} % in the last {len(shares)} runs"
    if percent is None:
        return f"{said}."
    at_least = limit == "min_match_rate"
    stopped = sum(
        share.percent < percent if at_least else share.percent > percent for share in shares if not share.spared
    )
    what = "have called {} Failed" if limit == "max_failed" else "have stopped {}"
    whom = ("it" if stopped else "nothing") if one else f"{stopped} of them" if stopped else "none of them"
    return f"{said}; {percent:g} % would {what.format(whom)}."
