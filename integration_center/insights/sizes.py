"""Bound what a report's file unpacks to, so that a small file cannot fill the memory."""

import re
from dataclasses import dataclass

from integration_center.errors import UnreadableReport
from integration_center.files.regular_files import show_size

USUAL_LARGEST = 20_000_000_000
"""The most bytes that a file may unpack to, unless `max_size` in `report.yaml` says otherwise."""
SIZE = re.compile(r"(\d{1,6}) ?(kB|MB|GB)", re.IGNORECASE)
UNITS = {"kb": 1_000, "mb": 1_000_000, "gb": 1_000_000_000}
SUSPICIOUS_BYTES, SUSPICIOUS_RATIO = 100_000_000, 200
"""Rows of people unpack to 5 to 20 times their size, and one repeated row to 1,000 times."""


@dataclass(frozen=True)
class SizeLimit:
    """How large a file may be when it is unpacked.

    Attributes:
        largest: the most bytes.
        declared: whether `report.yaml` says so. A file may then unpack to any multiple of its own size.
    """

    largest: int = USUAL_LARGEST
    declared: bool = False

    def check(self, packed: int, unpacked: int, source: str, name: str) -> None:
        """Check that a file does not unpack to more than is allowed.

        Args:
            packed: the bytes of the file.
            unpacked: the bytes that it unpacks to, as far as that is known.
            source: the name of the file in errors.
            name: the name of the packing.

        Raises:
            UnreadableReport: it unpacks to more. The message has the line of `report.yaml` that allows it.
        """
        if unpacked > self.largest:
            more = show_max_size(max(unpacked, 2 * self.largest))
            raise UnreadableReport(
                f"{source}: it unpacks to more than {show_size(self.largest)}; if that is right, say `max_size: {more}`"
                " in report.yaml"
            )
        if unpacked > SUSPICIOUS_BYTES and unpacked > SUSPICIOUS_RATIO * packed and not self.declared:
            raise UnreadableReport(
                f"{source}: {show_size(packed)} of {name} unpack to more than {show_size(unpacked)}, which no report"
                " does; check what made the file. If it is right, say `max_size:"
                f" {show_max_size(max(10 * unpacked, SUSPICIOUS_BYTES))}` in report.yaml"
            )


def parse_size(text: str) -> int:
    """Parse a size such as `500 MB` or `20 GB`, in bytes.

    Raises:
        ValueError: the text is not such a size.
    """
    found = SIZE.fullmatch(text.strip())
    if not found or not int(found[1]):
        raise ValueError(f"{text!r} is not a size, such as 500 MB or 20 GB")
    return int(found[1]) * UNITS[found[2].lower()]


def show_max_size(count: int) -> str:
    """Write a number of bytes as `max_size` has it, rounded up."""
    unit = next((each for each in ("GB", "MB") if count >= UNITS[each.lower()]), "kB")
    return f"{-(-count // UNITS[unit.lower()])} {unit}"
