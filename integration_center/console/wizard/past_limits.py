"""What the limits would have done in the last runs, so that nobody has to guess a percentage."""

from collections.abc import Sequence

from integration_center.alerts.judging import find_match_rate
from integration_center.console.wizard.drafts import Draft
from integration_center.console.wizard.specs import read_option
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.sync.limits import NO_RECORD
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


def explain_limits(history: Sequence[SyncRecord], draft: Draft) -> dict[str, str]:
    """Say by limit of the draft what it would have done in the integration's last runs, where they show that."""
    runs = [
        run for run in history if run.is_of_report and run.status is not SyncStatus.RUNNING and run.counts.get("lines")
    ]
    found = {
        "min_match_rate": [find_match_rate(run) for run in runs],
        "max_changed": [find_changed(run) for run in runs],
        "max_failed": [find_failed(run) for run in runs],
    }
    shares = {limit: [share for share in each if share is not None] for limit, each in found.items()}
    return {
        limit: _explain(limit, each, _read_percent(read_option(draft, limit))) for limit, each in shares.items() if each
    }


def find_changed(run: SyncRecord) -> float | None:
    """Find the share of the matched records that a run changed or would have changed, in percent."""
    matched = sum(run.counts.get("lines", {}).values()) - run.count_lines(NO_RECORD)
    return 100 * run.count_lines(CHANGED) / matched if matched else None


def find_failed(run: SyncRecord) -> float | None:
    """Find the share of the records that went wrong in a run, in percent."""
    broken, settled = count_settled(run.counts.get("lines", {}))
    return 100 * broken / settled if settled else None


def _explain(limit: str, shares: Sequence[float], percent: float | None) -> str:
    one = len(shares) == 1
    low, high = f"{min(shares):.0f}", f"{max(shares):.0f}"
    said = f"It was {low} % in the last {'run' if one else f'{len(shares)} runs'}"
    if low != high:
        said = f"It was {low} to {high} % in the last {len(shares)} runs"
    if percent is None:
        return f"{said}."
    stopped = sum(share < percent if limit == "min_match_rate" else share > percent for share in shares)
    what = "have called {} Failed" if limit == "max_failed" else "have stopped {}"
    whom = ("it" if stopped else "nothing") if one else f"{stopped} of them" if stopped else "none of them"
    return f"{said}; {percent:g} % would {what.format(whom)}."


def _read_percent(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None
