"""Measure processor time on a machine that others use at the same time."""

from collections.abc import Callable
from time import process_time
from typing import TypeVar

Answer = TypeVar("Answer")
TRIES = 5
"""Others change the processor time of a process, by the caches that they share: so the least of some tries counts."""


def take_least(action: Callable[[], Answer], most: float) -> tuple[Answer, float]:
    """Do something until it takes less than `most` seconds of processor time, `TRIES` times at most.

    Returns:
        What the last try returned, and the seconds of the quickest one.
    """
    spent: list[float] = []
    while True:
        begun = process_time()
        answer = action()
        spent.append(process_time() - begun)
        if min(spent) < most or len(spent) == TRIES:
            return answer, min(spent)
