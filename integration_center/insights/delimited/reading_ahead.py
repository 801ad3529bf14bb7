"""Make the next item of an iterator in another thread while the one before is worked on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def read_ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yield the same items. The next one is made in another thread, which ends with the iterator.

    An error is raised where the item would be yielded.
    """
    with ThreadPoolExecutor(1, "read_ahead") as reader:
        following = reader.submit(next, items, None)
        while (item := following.result()) is not None:
            following = reader.submit(next, items, None)
            yield item
