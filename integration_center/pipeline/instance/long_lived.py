"""Builds definitions without looking for garbage meanwhile.

Definitions are hundreds of thousands of objects that live as long as their process. Python's collector looks through
them again and again while they are built, which takes a third of the time (CPython 3.11, 500 integrations).
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 40
"""New objects for each integration that Python waits for before it collects garbage: 700 by itself."""


@contextmanager
def without_collections() -> Iterator[None]:
    """Build objects that stay, without collections of garbage meanwhile."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def collect_seldom(integrations: int) -> None:
    """Let this process collect garbage the less often, the more integrations it holds.

    Dagster builds the jobs of somebody else's project later, one by one. Of 300 integrations, a quarter of that time
    went to looking through what stays. A process that has chosen to collect nothing, or less often, keeps to that.
    """
    young, *older = gc.get_threshold()
    if 0 < young < YOUNG * integrations:
        gc.set_threshold(YOUNG * integrations, *older)


def keep_for_good() -> None:
    """Let no later collection look through the objects that there are now. Only for a process of Dagster's own.

    Call it within `without_collections`, so that none looks through them when that ends: this takes a second of 500
    integrations. What is garbage by then stays.
    """
    gc.freeze()
