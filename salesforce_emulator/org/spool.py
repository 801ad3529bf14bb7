"""Many short texts kept on disk, so that a job of a million rows does not fill the memory."""

import os
from array import array
from collections.abc import Iterable
from itertools import islice
from tempfile import TemporaryFile
from weakref import finalize

BATCH = 10_000


class Spool:
    """Texts one after another in a file that vanishes with its owner; only where each ends is held in memory."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._file = TemporaryFile(prefix="emulator-")  # noqa: SIM115
        finalize(self, self._file.close)
        self._ends = array("Q", [0])
        source = iter(texts)
        while batch := [text.encode() for text in islice(source, BATCH)]:
            for text in batch:
                self._ends.append(self._ends[-1] + len(text))
            self._file.write(b"".join(batch))
        self._file.flush()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def read(self, start: int, end: int) -> str:
        """Return the texts from number `start` up to `end`, joined."""
        first, last = self._ends[start], self._ends[max(start, end)]
        return os.pread(self._file.fileno(), last - first, first).decode()
