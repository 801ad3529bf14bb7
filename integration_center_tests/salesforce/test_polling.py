"""When we look at a Bulk job, by a clock that only sleeping moves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, pairwise, repeat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration_center.salesforce.bulk_ingest import IngestJob
from integration_center.salesforce.polling import FIRST_WAITS, SHORTEST_WAIT, Polling, StillRunning

TABLE = [round(sum(FIRST_WAITS[:number]), 1) for number in range(1, len(FIRST_WAITS) + 1)]


@dataclass
class Watch:
    """Looks at a job that ends after `length` seconds, or never, and notes when."""

    length: float = float("inf")
    now: float = 0.0
    looks: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def look(self) -> IngestJob:
        self.looks.append(self.now)
        return IngestJob("x", "InProgress" if self.now < self.length else "JobComplete")

    def polling(self) -> Polling:
        return Polling(deadline=300.0, clock=lambda: self.now, sleep=self.sleep)


def await_nothing(done: Callable[[IngestJob], float]) -> list[float]:
    watch = Watch()
    with pytest.raises(StillRunning):
        watch.polling().await_end(watch.look, done)
    return watch.looks


def test_without_an_estimate_the_table_counts() -> None:
    looks = await_nothing(lambda job: 0.0)
    assert looks[: len(TABLE)] == pytest.approx(TABLE)
    assert len([moment for moment in looks if moment <= 60]) <= 10
    assert {round(b - a) for a, b in pairwise(looks) if a > TABLE[-2]} == {20, 30}


shares = st.lists(
    st.floats(0, 1) | st.sampled_from([0.0, 1.0, 1e-9, 0.5, 0.99]) | st.floats(-1, 1e9, allow_nan=False), max_size=30
)


@given(shares, st.floats(0, 1))
@example([], 1.0)  # all rows are done, and yet the job does not end
@example([], 0.0)
def test_no_estimate_makes_more_looks_than_ten_in_the_first_minute_and_then_one_in_30_seconds(
    told: list[float], ever_after: float
) -> None:
    answers: Iterator[float] = chain(told, repeat(ever_after))
    looks = await_nothing(lambda job: next(answers))
    assert len([moment for moment in looks if moment <= 60]) <= 10
    waits = [b - a for a, b in pairwise([0.0, *looks])]
    for number, wait in enumerate(waits):
        scheduled = FIRST_WAITS[number] if number < len(FIRST_WAITS) else 30.0
        assert wait <= scheduled + 1e-9
        assert wait >= (30.0 if number >= len(FIRST_WAITS) else min(scheduled, SHORTEST_WAIT)) - 1e-9


def test_estimates_that_stay_too_short_are_asked_for_ever_more_seldom() -> None:
    looks = await_nothing(lambda job: 1.0)
    waits = [b - a for a, b in pairwise([0.0, *looks])]
    assert waits[:10] == pytest.approx([0.1, 0.2, 0.3, 0.6, 1.2, 2.4, 4.8, 9.6, 19.2, 30.0])


@given(st.floats(1.0, 45.0))
@example(8.0)
def test_a_job_at_a_steady_pace_is_seen_to_end_soon(length: float) -> None:
    watch = Watch(length)
    watch.polling().await_end(watch.look, lambda job: watch.now / length)
    assert length <= watch.looks[-1] <= length + max(0.05 * length, SHORTEST_WAIT)
    assert len(watch.looks) <= len([moment for moment in TABLE if moment < length]) + 1


def test_a_job_whose_last_part_takes_longer_is_still_seen_soon() -> None:
    watch = Watch(10.0)
    watch.polling().await_end(watch.look, lambda job: min(watch.now / 6.5, 1.0))
    assert watch.looks[-1] - watch.length <= 2.7  # by the table alone, as long
    assert len(watch.looks) <= len(FIRST_WAITS)
