"""The chart of an integration's last runs, drawn on the server: records by what became of them, and the match rate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from integration_center.alerts.judging import find_match_rate
from integration_center.console.results import say_status
from integration_center.console.shell.moments import show_moment
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.sync.outcome_words import TROUBLED, say_counts
from integration_center.sync.outcomes import WRITTEN, Outcome

RUNS = 30
STEP, BAR = 24, 18
WIDTH = RUNS * STEP
HEIGHT = 96
LOWEST = 2.0
MATCH_HEIGHT = 36


@dataclass(frozen=True)
class Piece:
    """A part of a bar.

    Attributes:
        kind: its class in the style sheet.
    """

    kind: str
    y: float
    height: float


@dataclass(frozen=True)
class ChartBar:
    """One run.

    Attributes:
        x: how far from the left.
        pieces: what its bar consists of, from the ground up.
        href: the run's page.
        text: what it came to, for the pointer and for screen readers.
    """

    x: float
    pieces: Sequence[Piece]
    href: str
    text: str


@dataclass(frozen=True)
class RunChart:
    """The chart.

    Attributes:
        bars: the runs, the oldest on the left.
        top: the records of the highest bar.
        match_line: the points of the match rate, as SVG has them; empty where no run has one.
        match_points: the single points, for runs without neighbours.
        match: the newest match rate in percent; None where it is not known.
        lowest: the lowest match rate shown, and its run's day.
    """

    bars: Sequence[ChartBar]
    top: int
    match_line: str
    match_points: Sequence[tuple[float, float]]
    match: float | None
    lowest: tuple[float, SyncRecord] | None
    width: int = WIDTH
    height: int = HEIGHT
    match_height: int = MATCH_HEIGHT


def draw_runs(slug: str, runs: Sequence[SyncRecord]) -> RunChart:
    """Draw the newest runs, given newest first."""
    shown = [run for run in runs[:RUNS] if run.status is not SyncStatus.RUNNING]
    top = max((sum(_stack(run).values()) for run in shown), default=0)
    bars, points, rates = [], [], []
    for place, run in enumerate(reversed(shown), start=RUNS - len(shown)):
        x = place * STEP + (STEP - BAR) / 2
        rate = find_match_rate(run) if run.is_of_report else None
        bars.append(
            ChartBar(
                x, _build_pieces(run, top), f"/integrations/{quote(slug)}/runs/{quote(run.run_id)}", _say(run, rate)
            )
        )
        if rate is not None:
            points.append((round(x + BAR / 2, 1), round(2 + (MATCH_HEIGHT - 4) * (1 - rate / 100), 1)))
            rates.append((rate, run))
    return RunChart(
        bars=bars,
        top=top,
        match_line=" ".join(f"{x},{y}" for x, y in points),
        match_points=points,
        match=rates[-1][0] if rates else None,
        lowest=min(rates, key=lambda each: each[0]) if rates else None,
    )


def _stack(run: SyncRecord) -> Mapping[str, int]:
    """The records of a run by what the chart shows of them, from the ground up."""
    lines = run.lines
    return {
        "unchanged": lines.get(Outcome.UNCHANGED, 0),
        "updated": sum(lines.get(outcome, 0) for outcome in (*WRITTEN, Outcome.PLANNED))
        - lines.get(Outcome.OVERRIDDEN, 0),
        "trouble": sum(lines.get(outcome, 0) for outcome in TROUBLED),
    }


def _build_pieces(run: SyncRecord, top: int) -> list[Piece]:
    ground, pieces = float(HEIGHT), []
    for kind, count in _stack(run).items():
        if count:
            height = max(LOWEST, HEIGHT * count / top)
            ground = max(0.0, ground - height)
            pieces.append(Piece(kind, round(ground, 1), round(height, 1)))
    if not pieces:
        failed = run.status is SyncStatus.FAILED
        pieces.append(Piece("trouble" if failed else "unchanged", HEIGHT - LOWEST * 2, LOWEST * 2))
    return pieces


def _say(run: SyncRecord, rate: float | None) -> str:
    counts = say_counts(run.lines) or "no records"
    matched = f" · {rate:.0f} % match" if rate is not None else ""
    return f"{show_moment(run.started_at)[:16]} UTC · {say_status(run)} · {counts}{matched}"
