"""The small picture of an integration's last runs: bars of rows updated and failed, drawn on the server."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from integration_center.database.sync_records import SyncPicture, SyncStatus

RUNS = 30
BAR_WIDTH, GAP, HEIGHT = 4, 1, 24
WIDTH = RUNS * (BAR_WIDTH + GAP) - GAP
LOWEST = 3
"""The least height of a bar that is not empty."""

Bar = tuple[int, int, int]
"""How far from the left, how far above the ground, how high."""


@dataclass(frozen=True)
class Picture:
    """The picture as SVG paths, oldest run on the left, and in words.

    Attributes:
        updated: bars of the rows updated.
        failed: bars of the rows that failed, on top of those; a run that failed without any is a short bar.
        quiet: marks of runs that had nothing to update.
        text: the same in words.
    """

    updated: str
    failed: str
    quiet: str
    text: str
    width: int = WIDTH
    height: int = HEIGHT


def draw(runs: Sequence[SyncPicture]) -> Picture:
    """The picture of the newest runs, given newest first.

    Heights go with the square root of the rows, so that ten rows still show beside ten thousand.
    """
    shown = [run for run in runs[:RUNS] if run.status is not SyncStatus.RUNNING]
    top = max((run.updated + run.failed for run in shown), default=0)
    updated: list[Bar] = []
    failed: list[Bar] = []
    quiet: list[Bar] = []
    for place, run in enumerate(reversed(shown), start=RUNS - len(shown)):
        x = place * (BAR_WIDTH + GAP)
        total = run.updated + run.failed
        if total == 0:
            (failed if run.status is SyncStatus.FAILED else quiet).append((x, 0, LOWEST if _failed(run) else 1))
            continue
        height = max(LOWEST, round(HEIGHT * math.sqrt(total / top)))
        red = 0 if run.failed == 0 else min(height, max(2, round(height * run.failed / total)))
        updated.append((x, 0, height - red))
        failed.append((x, height - red, red))
    return Picture(_path(updated), _path(failed), _path(quiet), _say(shown))


def _failed(run: SyncPicture) -> bool:
    return run.status is SyncStatus.FAILED


def _path(bars: Iterable[Bar]) -> str:
    """The bars as strokes, which take fewer characters than rectangles."""
    middle = BAR_WIDTH // 2
    return "".join(f"M{x + middle} {HEIGHT - ground}v-{height}" for x, ground, height in bars if height)


def _say(shown: Sequence[SyncPicture]) -> str:
    if not shown:
        return "No runs yet"
    failed_runs = sum(map(_failed, shown))
    newest = shown[0]
    runs = "Last run" if len(shown) == 1 else f"Last {len(shown)} runs"
    return (
        f"{runs}: {failed_runs} failed. Rows updated {sum(run.updated for run in shown):,}, rows failed"
        f" {sum(run.failed for run in shown):,}. Newest run: {newest.updated:,} updated, {newest.failed:,} failed."
    )
