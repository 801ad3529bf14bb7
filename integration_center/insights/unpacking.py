"""Bytes of a file as they are, or what was compressed into them, within bounds."""

import gzip
import io
import zlib

from integration_center.errors import UnreadableReport
from integration_center.files.regular_files import show_size
from integration_center.insights.drops import LARGEST

_UNPACKED_AT_A_TIME = 4_000_000
_SUSPICIOUS_BYTES, _SUSPICIOUS_RATIO = 100_000_000, 200
"""Rows of people unpack to 5 to 20 times their size, one row repeated to 1,000 times."""
_GZIP = b"\x1f\x8b"
"""How gzip begins, whatever a file is called; no text in UTF-8 does."""


def unpack(data: bytes, source: str, *, largest: int = LARGEST) -> bytes:
    """The bytes themselves, or what gzip compressed into them.

    Args:
        data: the whole file.
        source: how errors name it.
        largest: bytes that may come out.

    Raises:
        UnreadableReport: they are gzip and not whole, or more comes out of them than a report can hold.
    """
    if not data.startswith(_GZIP):
        return data
    parts: list[bytes] = []
    size = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            while part := file.read(_UNPACKED_AT_A_TIME):
                size += len(part)
                if size > largest:
                    raise UnreadableReport(
                        f"{source}: more than {show_size(largest)} come out of it; if that is right, raise"
                        " WALKME_LARGEST_FILE_MB"
                    )
                if size > _SUSPICIOUS_BYTES and size > _SUSPICIOUS_RATIO * len(data):
                    raise UnreadableReport(
                        f"{source}: {show_size(len(data))} of gzip unpack to more than {show_size(size)}, which no"
                        " report does; check what made the file"
                    )
                parts.append(part)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableReport(f"{source}: not whole as gzip ({type(error).__name__}); send the file again") from None
    return b"".join(parts)
