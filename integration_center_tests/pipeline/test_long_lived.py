"""How often a process collects garbage that holds the definitions of many integrations."""

import gc
from collections.abc import Iterator

import pytest

from integration_center import build_integration_defs
from integration_center.pipeline.instance.long_lived import YOUNG, collect_seldom
from integration_center_tests.pipeline.center import EXAMPLE


@pytest.fixture(autouse=True)
def usual() -> Iterator[int]:
    """Collect as Python does by itself; return after how many new objects that is."""
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield 700
    gc.set_threshold(*before)


@pytest.mark.parametrize(("integrations", "expected"), [(0, 700), (3, 700), (500, 500 * YOUNG)])
def test_a_process_collects_the_less_often_the_more_it_holds(integrations: int, expected: int) -> None:
    collect_seldom(integrations)
    assert gc.get_threshold() == (expected, 10, 10)
    collect_seldom(1)  # of a smaller project beside it
    assert gc.get_threshold() == (expected, 10, 10)


@pytest.mark.parametrize("chosen", [0, 1_000_000])
def test_what_a_process_has_chosen_stays(chosen: int) -> None:
    gc.set_threshold(chosen, 10, 10)
    collect_seldom(500)
    assert gc.get_threshold() == (chosen, 10, 10)


def test_a_project_with_many_integrations_collects_less_often(usual: int) -> None:
    build_integration_defs({f"to_{place}": {**EXAMPLE, "object": f"Thing_{place}__c"} for place in range(30)})
    assert gc.get_threshold()[0] == 30 * YOUNG > usual
