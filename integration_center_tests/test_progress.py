"""How far a step has come, and how the time of its phases is counted."""

import time
from threading import Thread

import pytest

from integration_center.progress import (
    Phase,
    Progress,
    Seen,
    advance,
    describe,
    estimate_left,
    find_spent,
    note,
    phase,
    watched,
)


def burn(seconds: float) -> None:
    """Use the processor for some time."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_the_phases_add_up_to_the_whole_and_the_inner_one_counts_alone() -> None:
    began = time.perf_counter()
    with watched(Progress(lambda seen: None)):
        with phase(Phase.PLAN):
            burn(0.02)
            with phase(Phase.COMPARE):
                burn(0.04)
            burn(0.02)
        whole = time.perf_counter() - began
        spent = find_spent()
    assert list(spent) == [Phase.COMPARE, Phase.PLAN]
    assert spent[Phase.COMPARE].seconds >= 0.04
    assert spent[Phase.PLAN].seconds >= 0.04
    assert sum(each.seconds for each in spent.values()) <= whole + 0.001


def test_what_is_done_is_seen_and_nobody_needs_to_watch() -> None:
    advance(3)
    with phase(Phase.READ):
        advance(3)
    assert find_spent() == {}
    seen: list[Seen] = []
    with watched(Progress(seen.append)), phase(Phase.SEND, 10):
        note("Bulk job: InProgress")
        advance(4)
    assert [describe(each) for each in seen] == [
        "send: 10 records",
        "send: 10 records, Bulk job: InProgress",
        "send: 4 of 10 records, Bulk job: InProgress",
    ]
    assert seen[-1].part == 0.4


def test_the_phase_that_failed_is_left() -> None:
    progress = Progress(lambda seen: None)
    with watched(progress):
        with pytest.raises(ValueError, match="no"), phase(Phase.READ):
            raise ValueError("no")
        before = progress.spent
        burn(0.01)
        assert progress.spent == before


@pytest.mark.parametrize(
    ("part", "seconds", "left"), [(None, 9.0, None), (0.01, 9.0, None), (0.5, 0.5, None), (0.5, 8.0, 8.0)]
)
def test_the_time_left_is_shown_only_where_it_can_be_known(
    part: float | None, seconds: float, left: float | None
) -> None:
    assert estimate_left(part, seconds) == left


def test_a_progress_takes_changes_from_several_threads() -> None:
    progress = Progress(lambda seen: None)

    def work() -> None:
        for number in range(200):
            progress.advance(done=number)

    with progress.phase(Phase.READ):
        threads = [Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert list(progress.spent) == [Phase.READ]
