"""Bytes of a file as they are, or what was compressed into them, within bounds."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping

import zstandard

from integration_center.errors import UnreadableReport
from integration_center.files.regular_files import show_size
from integration_center.insights.drops import LARGEST

_UNPACKED_AT_A_TIME = 4_000_000
_PACKED_AT_A_TIME = 4_096
"""Of zstd, which says nothing of how much will come out."""
_SUSPICIOUS_BYTES, _SUSPICIOUS_RATIO = 100_000_000, 200
"""Rows of people unpack to 5 to 20 times their size, one row repeated to 1,000 times."""
ZIP = b"PK\x03\x04"
WORKBOOK = "xl/workbook.xml"
"""What a zip holds that is an Excel workbook."""


def read_gzip(data: bytes) -> Iterator[bytes]:
    """What gzip compressed, part after part."""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        while part := file.read(_UNPACKED_AT_A_TIME):
            yield part


def read_zstd(data: bytes) -> Iterator[bytes]:
    """What zstd compressed, part after part.

    Raises:
        EOFError: a frame is not whole.
    """
    frame = zstandard.ZstdDecompressor().decompressobj()
    for start in range(0, len(data), _PACKED_AT_A_TIME):
        part = data[start : start + _PACKED_AT_A_TIME]
        while part:
            if frame.eof:
                frame = zstandard.ZstdDecompressor().decompressobj()
            yield frame.decompress(part)
            part = frame.unused_data if frame.eof else b""
    if not frame.eof:
        raise EOFError


def read_zip(data: bytes) -> Iterator[bytes]:
    """The one file in a zip, part after part.

    Raises:
        UnreadableReport: it holds none, or several, or asks for a password.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [
            each for each in archive.infolist() if not each.is_dir() and not each.filename.startswith("__MACOSX/")
        ]
        if len(members) != 1:
            raise UnreadableReport(f"it is a zip of {len(members)} files; pack one file alone")
        if members[0].flag_bits & 1:
            raise UnreadableReport("it is a zip with a password; pack it without")
        with archive.open(members[0]) as file:
            while part := file.read(_UNPACKED_AT_A_TIME):
                yield part


PACKINGS: Mapping[bytes, tuple[str, Callable[[bytes], Iterator[bytes]]]] = {
    b"\x1f\x8b": ("gzip", read_gzip),
    b"\x28\xb5\x2f\xfd": ("zstd", read_zstd),
    ZIP: ("zip", read_zip),
}
"""How packed files begin, whatever they are called, and how they are read; no text in UTF-8 begins so."""
BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, zstandard.ZstdError, NotImplementedError, RuntimeError)


def unpack(data: bytes, source: str, *, largest: int = LARGEST) -> bytes:
    """The bytes themselves, or what gzip, zstd or zip compressed into them.

    Args:
        data: the whole file.
        source: how errors name it.
        largest: bytes that may come out.

    Raises:
        UnreadableReport: they are packed and not whole, more comes out of them than a report can hold, or a zip holds
            none or several files.
    """
    found = next((packing for beginning, packing in PACKINGS.items() if data.startswith(beginning)), None)
    if found is None or is_workbook(data):
        return data
    name, read = found
    parts: list[bytes] = []
    size = 0
    try:
        for part in read(data):
            size += len(part)
            check_size(len(data), size, source, largest, name)
            parts.append(part)
    except UnreadableReport as error:
        raise UnreadableReport(f"{source}: {str(error).removeprefix(f'{source}: ')}") from None
    except BROKEN as error:
        raise UnreadableReport(f"{source}: not whole as {name} ({type(error).__name__}); send the file again") from None
    return b"".join(parts)


def check_size(packed: int, unpacked: int, source: str, largest: int, name: str) -> None:
    """Check that no more comes out of a packed file than a report can hold.

    Raises:
        UnreadableReport: more does.
    """
    if unpacked > largest:
        raise UnreadableReport(
            f"{source}: more than {show_size(largest)} come out of it; if that is right, raise WALKME_LARGEST_FILE_MB"
        )
    if unpacked > _SUSPICIOUS_BYTES and unpacked > _SUSPICIOUS_RATIO * packed:
        raise UnreadableReport(
            f"{source}: {show_size(packed)} of {name} unpack to more than {show_size(unpacked)}, which no report does;"
            " check what made the file"
        )


def is_workbook(data: bytes) -> bool:
    """Whether a zip is an Excel workbook."""
    if not data.startswith(ZIP):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return WORKBOOK in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False
