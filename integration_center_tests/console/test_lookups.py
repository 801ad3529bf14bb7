"""Answers that are kept: once asked, soon forgotten, and an error shown once."""

from collections.abc import Callable
from threading import Event

import pytest

from integration_center.console.lookups import Lookups, wait_for


class Work:
    """Work that counts how often it was done."""

    def __init__(self, error: Exception | None = None) -> None:
        self.done = 0
        self.error = error

    def __call__(self, tell: Callable[[str], None]) -> int:
        tell("counting")
        self.done += 1
        if self.error:
            raise self.error
        return self.done


def test_an_answer_is_shared_until_it_is_too_old() -> None:
    clock = [0.0]
    lookups, work = Lookups(now=lambda: clock[0]), Work()
    assert lookups.ask(("schema", "a"), work, kept=60).get() == 1
    clock[0] = 59.0
    assert lookups.ask(("schema", "a"), work, kept=60).get() == 1
    assert lookups.ask(("schema", "b"), work, kept=60).get() == 2
    clock[0] = 61.0
    assert lookups.ask(("schema", "a"), work, kept=60).get() == 3
    lookups.forget("schema", "a")
    assert lookups.find(("schema", "a")) is None
    assert lookups.ask(("schema", "b"), work, kept=120).get() == 2


def test_an_error_is_reported_once_and_then_tried_again() -> None:
    lookups, work = Lookups(), Work(ValueError("no"))
    first = lookups.ask(("rows",), work)
    assert wait_for([first], 10)
    again = lookups.ask(("rows",), work)
    assert again is first, "it has not been shown yet"
    with pytest.raises(ValueError, match="no"):
        again.get()
    work.error = None
    assert lookups.ask(("rows",), work).get() == 2


def test_large_answers_are_few() -> None:
    clock = [0.0]
    lookups = Lookups(now=lambda: clock[0])
    for number in range(5):
        clock[0] += 1
        lookups.ask(("rows", number), Work(), most=2).get()
    lookups.ask(("schema", 1), Work(), most=2).get()
    assert [number for number in range(5) if lookups.find(("rows", number))] == [3, 4]


def test_what_is_under_way_says_how_far_it_is() -> None:
    lookups, begun, go_on = Lookups(), Event(), Event()

    def work(tell: Callable[[str], None]) -> str:
        tell("reading")
        begun.set()
        go_on.wait(10)
        return "done"

    answer = lookups.ask(("plan", "x"), work)
    assert begun.wait(10)
    assert not wait_for([answer], 0)
    assert (answer.ready, answer.step) == (False, "reading")
    assert lookups.ask(("plan", "x"), work) is answer
    go_on.set()
    assert answer.get() == "done"
