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
    from rich.progress_bar import ProgressBar
    from rich.table import Table

DRAWN_A_SECOND = 4
SAID_EVERY = 5.0
"""Seconds between two lines, where there is no terminal."""
BAR = 24


@dataclass
class Display:
    """What is shown while a run lasts.

    Attributes:
        read: reads how far the steps of the run have come.
        waits_for: what the run waits for before its first step.
    """

    read: Callable[[], Sequence[StepProgress]]
    waits_for: str = Phase.START.value

    def __post_init__(self) -> None:
        self._began = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the display began."""
        return time.monotonic() - self._began

    def draw(self) -> "Table":
        """Draw a bar for each phase so far."""
        from rich.markup import escape
        from rich.table import Table

        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True)
        table.add_column(width=BAR, no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", no_wrap=True, style="dim")
        steps, now = self.read(), datetime.now(UTC)
        if not steps:
            table.add_row(escape(self.waits_for), _draw_bar(None, ended=False), "", show_seconds(self.elapsed))
        for step in steps:
            for seen in step.seen:
                ended, seconds = step.ended or seen.phase is not step.now, step.seconds(seen.phase, now)
                left = None if ended else estimate_left(seen.part, seconds)
                timed = f"{show_seconds(seconds)}{'' if left is None else f', about {show_seconds(left)} left'}"
                said = describe(seen).partition(": ")[2]
                table.add_row(seen.phase.value, _draw_bar(seen.part, ended=ended), escape(said), timed)
        return table

    def say(self) -> str:
        """Say in a line what the run does now."""
        now = datetime.now(UTC)
        running = [step for step in self.read() if not step.ended]
        if not running:
            return f"{show_seconds(self.elapsed)}: {self.waits_for}"
        step = running[-1]
        seen = next((each for each in step.seen if each.phase is step.now), Seen(step.now))
        left = estimate_left(seen.part, step.seconds(seen.phase, now))
        said = f"{show_seconds(self.elapsed)}: {describe(seen)}"
        return said if left is None else f"{said}, about {show_seconds(left)} left"


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
