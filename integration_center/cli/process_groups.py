"""`python -m integration_center.cli.process_groups`: ends groups of processes when `up` has ended.

Each line of standard input names a group: `+17` must be ended later, `-17` has ended already. Standard input ends with
`up`, even if `up` was killed. Then this process ends the groups. Code servers and runs are in these groups, because the
processes that started them may end earlier.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

STOP_SECONDS = 30.0
"""Seconds that the first process of each group has, to end what it started by itself. A push takes 20 of them."""
LAST_SECONDS = 5.0
"""Seconds that the others then have after SIGTERM, before SIGKILL."""
LOOK_SECONDS = 0.05


def main() -> None:
    """Wait for the end of standard input, then for that of the groups."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        change = int(line)
        (groups.add if change > 0 else groups.discard)(abs(change))
    # The first process of each group was asked to end already: it watches its parent itself.
    wait_until(lambda: not any(map(leader_lives, groups)), STOP_SECONDS)
    end_groups(groups)


def end_groups(groups: Iterable[int], before_look: Callable[[], None] = lambda: None) -> None:
    """End all processes of some groups: first by SIGTERM, then by SIGKILL.

    Args:
        groups: their numbers.
        before_look: called each time before it is looked which are left.
    """
    left = list(groups)

    def ended() -> bool:
        before_look()
        left[:] = filter(lives, left)
        return not left

    for number in (signal.SIGTERM, signal.SIGKILL):
        if ended():
            return
        for group in left:
            with suppress(ProcessLookupError):
                os.killpg(group, number)
        wait_until(ended, LAST_SECONDS)


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for a condition, but no longer than some seconds."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)


def lives(group: int) -> bool:
    """Return whether a group still has a process."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def leader_lives(group: int) -> bool:
    """Return whether the first process of a group is there."""
    try:
        os.kill(group, 0)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    main()
