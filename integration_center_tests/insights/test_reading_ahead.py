"""The next item is made while the one before is worked on."""

from collections.abc import Iterator
from threading import Event
from threading import enumerate as list_threads

import pytest

from integration_center.insights.delimited.reading_ahead import read_ahead

PATIENCE = 30


def is_reading() -> bool:
    return any(thread.name.startswith("read_ahead") for thread in list_threads())


@pytest.mark.parametrize("is_long", [True, False])
def test_the_items_are_the_same(is_long: bool) -> None:
    assert list(read_ahead(iter(range(1, 30)), is_long=is_long)) == [*range(1, 30)]
    assert list(read_ahead(iter([]), is_long=is_long)) == []
    assert not is_reading()


def test_the_next_item_is_made_meanwhile() -> None:
    made = Event()

    def make() -> Iterator[int]:
        yield 1
        made.set()
        yield 2

    items = read_ahead(make(), is_long=True)
    assert next(items) == 1
    assert made.wait(PATIENCE)
    assert list(items) == [2]


@pytest.mark.parametrize("is_long", [True, False])
def test_an_error_comes_where_the_item_would(is_long: bool) -> None:
    def make() -> Iterator[int]:
        yield 1
        raise ValueError("the second one cannot be made")

    items = read_ahead(make(), is_long=is_long)
    assert next(items) == 1
    with pytest.raises(ValueError, match="the second one"):
        next(items)
    assert not is_reading()


def test_the_thread_ends_with_the_generator() -> None:
    items = read_ahead(iter(range(1, 30)), is_long=True)
    assert next(items) == 1
    assert is_reading()
    items.close()
    assert not is_reading()
