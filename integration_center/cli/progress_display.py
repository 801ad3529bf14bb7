"""Shows on standard error how far a run has come: bars on a terminal, otherwise a line every few seconds."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Thread
from typing import TYPE_CHECKING

from integration_center.cli.output import errors
from integration_center.progress import Phase, Seen, describe, estimate_left
from integration_center.store.run_progress import StepProgress

if TYPE_CHECKING:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

DRAWN_A_SECOND = 4
SAID_EVERY = 5.0
"""Seconds between two lines, where there is no terminal."""
STOPPING = "Stopping: what was sent is finished first"
BAR = 24
NARROW = 72
"""Below this width there is no room for bars: they would leave nothing of the numbers."""


@dataclass
class Display:
    """What is shown while a run lasts.

    Attributes:
        read: reads how far the steps of the run have come.
        waits_for: what the run waits for before its first step.
        is_stopping: says whether the run was asked to end, and first finishes what it has sent.
    """

    read: Callable[[], Sequence[StepProgress]]
    waits_for: str = Phase.START.value
    is_stopping: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        self._began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the display began."""
        return time.monotonic() - self._began

    def draw(self) -> "Group":
        """Draw a bar for each phase so far, or a line on a narrow terminal, and whether the run is to end."""
        from rich.console import Group

        return Group(self._draw_phases(), *([STOPPING] if self.is_stopping() else []))

    def _draw_phases(self) -> "Table | Text":
        steps, now = self.read(), datetime.now(UTC)
        phases = [(step, seen) for step in steps for seen in step.seen]
        if errors.made.width < NARROW:
            return _draw_lines(
                [_say(step.seconds(seen.phase, now), step, seen, now) for step, seen in phases] or [self.say()]
            )
        from rich.markup import escape
        from rich.table import Table

        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True)
        table.add_column(width=BAR, no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", no_wrap=True, style="dim")
        if not phases:
            table.add_row(escape(self.waits_for), _draw_bar(None, ended=False), "", show_seconds(self.elapsed))
        for step, seen in phases:
            said, seconds = escape(describe(seen).partition(": ")[2]), show_seconds(step.seconds(seen.phase, now))
            bar = _draw_bar(seen.part, ended=not _goes_on(step, seen))
            table.add_row(seen.phase.value, bar, said, seconds + _say_left(step, seen, now))
        return table

    def say(self) -> str:
        """Say in a line what the run does now."""
        now = datetime.now(UTC)
        stopping = f". {STOPPING}" if self.is_stopping() else ""
        running = [step for step in self.read() if not step.ended]
        if not running:
            return f"{show_seconds(self.elapsed)}: {self.waits_for}{stopping}"
        step = running[-1]
        seen = next((each for each in step.seen if each.phase is step.now), Seen(step.now))
        return _say(self.elapsed, step, seen, now) + stopping


def _say(seconds: float, step: StepProgress, seen: Seen, now: datetime) -> str:
    """Say in a line how far a phase has come after some seconds."""
    return f"{show_seconds(seconds)}: {describe(seen)}{_say_left(step, seen, now)}"


def _say_left(step: StepProgress, seen: Seen, now: datetime) -> str:
    """Say how long a phase may still take; nothing where that is not known."""
    left = estimate_left(seen.part, step.seconds(seen.phase, now)) if _goes_on(step, seen) else None
    return "" if left is None else f", about {show_seconds(left)} left"


def _goes_on(step: StepProgress, seen: Seen) -> bool:
    """Return whether a step is in this phase now."""
    return not step.ended and seen.phase is step.now


def _draw_lines(lines: Sequence[str]) -> "Text":
    from rich.text import Text

    return Text("\n".join(lines), no_wrap=True, overflow="ellipsis")


def show_seconds(seconds: float) -> str:
    """`12 s`, or `3 min 5 s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@contextmanager
def progress_shown(display: Display, *, hidden: bool) -> Iterator[None]:
    """Show the progress of a run for the length of the block.

    Args:
        display: what is shown.
        hidden: show nothing.
    """
    if hidden:
        yield
    elif errors.made.is_terminal and not errors.made.is_dumb_terminal:
        from rich.live import Live  # where nothing is drawn, nothing of Rich is imported

        with Live(
            get_renderable=display.draw,
            console=errors.made,
            refresh_per_second=DRAWN_A_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        ):
            yield
    else:
        with _lines_said(display):
            yield


@contextmanager
def _lines_said(display: Display) -> Iterator[None]:
    ended = Event()

    def say() -> None:
        while not ended.wait(SAID_EVERY):
            errors.print(display.say(), markup=False, soft_wrap=True)

    speaker = Thread(target=say, name="progress", daemon=True)
    speaker.start()
    try:
        yield
    finally:
        ended.set()
        speaker.join()


def _draw_bar(part: float | None, *, ended: bool) -> "ProgressBar":
    from rich.progress_bar import ProgressBar

    if ended:
        return ProgressBar(total=1.0, completed=1.0, width=BAR)
    return ProgressBar(total=1.0, completed=part or 0.0, width=BAR, pulse=part is None)
