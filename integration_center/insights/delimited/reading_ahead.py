"""Make the next item of an iterator in another thread while the one before is worked on."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def read_ahead(items: Iterator[Item], *, is_long: bool) -> Generator[Item]:
    """Yield the same items. The next one is made in another thread, which ends when the generator is closed.

    An error is raised where the item would be yielded.

    Args:
        items: the items.
        is_long: whether there are several. To start a thread takes longer than to make a small one.
    """
    if not is_long:
        yield from items
        return
    with ThreadPoolExecutor(1, "read_ahead") as reader:
        following = reader.submit(next, items, None)
        while (item := following.result()) is not None:
            following = reader.submit(next, items, None)
            yield item
            del item  # else it takes memory until the next one is there
