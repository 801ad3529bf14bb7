"""When we look at a Bulk job, by a clock that only sleeping moves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, chain, pairwise, repeat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integration_center.errors import ServiceUnavailable, UnderMaintenance
from integration_center.salesforce.client.faults import CutShort
from integration_center.salesforce.client.polling import (
    FAILED_LOOKS,
    FIRST_WAITS,
    LATER_WAIT,
    SHORTEST_WAIT,
    Polling,
    StillRunning,
)
from integration_center.salesforce.write.bulk import IngestJob

SCHEDULE = list(accumulate([*FIRST_WAITS, *[LATER_WAIT] * 9]))
"""The seconds at which the table looks at a job until the deadline of these tests."""


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
    assert looks == pytest.approx(SCHEDULE)
    assert len([moment for moment in looks if moment <= 60]) <= 10
    assert {round(b - a) for a, b in pairwise(looks) if a > 60} == {30}


@pytest.mark.parametrize("away", [(0,), (0, 1, 2), tuple(range(FAILED_LOOKS - 1)), (1, 3, 5, 7, 9, 11, 13, 15, 17, 19)])
def test_an_org_that_is_away_for_some_looks_is_waited_for(away: tuple[int, ...]) -> None:
    watch = Watch(length=290.0)

    def look() -> IngestJob:
        job = watch.look()
        if len(watch.looks) - 1 in away:
            raise ServiceUnavailable("away")
        return job

    assert watch.polling().await_end(look).state == "JobComplete"
    assert watch.looks == pytest.approx(SCHEDULE[: len(watch.looks)])


def test_an_org_that_stays_away_is_given_up() -> None:
    looks = []

    def look() -> IngestJob:
        looks.append(1)
        raise ServiceUnavailable("away")

    with pytest.raises(ServiceUnavailable, match="away"):
        Watch().polling().await_end(look)
    assert len(looks) == FAILED_LOOKS


@pytest.mark.parametrize("error", [UnderMaintenance("no new session either"), CutShort("cancelled", code="X")])
def test_an_error_that_waiting_does_not_help_is_looked_at_only_as_often_as_it_says(error: ServiceUnavailable) -> None:
    looks = []

    def look() -> IngestJob:
        looks.append(1)
        raise error

    with pytest.raises(type(error)):
        Watch().polling().await_end(look)
    assert len(looks) == error.most_attempts


shares = st.lists(
    st.floats(0, 1) | st.sampled_from([0.0, 1.0, 1e-9, 0.5, 0.99]) | st.floats(-1, 1e9, allow_nan=False), max_size=30
)


@given(shares, st.floats(0, 1))
@example([], 1.0)  # all rows are done, and yet the job does not end
@example([], 0.0)
def test_no_estimate_makes_more_looks_than_ten_in_the_first_minute_and_then_one_in_30_seconds(
    first_answers: list[float], ever_after: float
) -> None:
    answers: Iterator[float] = chain(first_answers, repeat(ever_after))
    looks = await_nothing(lambda job: next(answers))
    assert len([moment for moment in looks if moment <= 60]) <= 10
    assert {round(b - a) for a, b in pairwise(looks) if a > 60} == {30}
    # The looks of the table are all there, and at most two more, which keep their distance.
    extra = [moment for moment in looks if not any(moment == pytest.approx(planned) for planned in SCHEDULE)]
    assert len(extra) + len(SCHEDULE) == len(looks)
    assert len(extra) <= 2
    assert all(abs(moment - other) >= 0.29 for moment in extra for other in looks if other != moment)


def test_an_estimate_that_stays_too_short_costs_two_looks_one_of_them_in_a_long_wait() -> None:
    looks = await_nothing(lambda job: 1.0)
    assert looks == pytest.approx(sorted([*SCHEDULE, 0.8 + SHORTEST_WAIT, 4.0 + SHORTEST_WAIT]))


def test_a_job_that_slows_down_is_looked_at_again_when_the_new_estimate_says() -> None:
    watch = Watch(36.0)
    # Until half a minute has passed it seems to end after 30 seconds.
    watch.polling().await_end(watch.look, lambda job: watch.now / (30.0 if watch.now < 30 else 36.0))
    assert 36.0 <= watch.looks[-1] <= 37.0


@given(st.floats(1.5, 55.0))
@example(8.0)
def test_a_job_at_a_steady_pace_is_seen_to_end_soon(length: float) -> None:
    watch = Watch(length)
    watch.polling().await_end(watch.look, lambda job: watch.now / length)
    assert length <= watch.looks[-1] <= length + max(0.05 * length, 2 * SHORTEST_WAIT)


@given(st.floats(0.0, 200.0), shares)
def test_no_estimate_makes_the_end_be_seen_later(length: float, first_answers: list[float]) -> None:
    plain, estimating = Watch(length), Watch(length)
    answers = chain(first_answers, repeat(1.0))
    plain.polling().await_end(plain.look)
    estimating.polling().await_end(estimating.look, lambda job: next(answers))
    assert estimating.looks[-1] <= plain.looks[-1] + 1e-9
