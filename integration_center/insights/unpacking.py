"""Unpack the bytes of a compressed file, up to a size limit."""

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
"""The size of a piece of zstd data, which does not say how much it unpacks to."""
_SUSPICIOUS_BYTES, _SUSPICIOUS_RATIO = 100_000_000, 200
"""Rows of people unpack to 5 to 20 times their size, and one repeated row to 1,000 times."""
ZIP = b"PK\x03\x04"
WORKBOOK = "xl/workbook.xml"
"""A file that every Excel workbook has in its zip."""


def read_gzip(data: bytes) -> Iterator[bytes]:
    """Yield the unpacked parts of gzip data."""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        while part := file.read(_UNPACKED_AT_A_TIME):
            yield part


def read_zstd(data: bytes) -> Iterator[bytes]:
    """Yield the unpacked parts of zstd data.

    Raises:
        EOFError: a frame is incomplete.
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
    """Yield the unpacked parts of the only file in a zip.

    Raises:
        UnreadableReport: the zip has no file, several files, or a password.
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
"""The first bytes of packed files, whatever their names, and how to read them. No text in UTF-8 begins like this."""
BROKEN = (OSError, EOFError, zlib.error, zipfile.BadZipFile, zstandard.ZstdError, NotImplementedError, RuntimeError)


def unpack(data: bytes, source: str, *, largest: int = LARGEST) -> bytes:
    """Unpack bytes that gzip, zstd or zip compressed. Other bytes are returned as they are.

    Args:
        data: the whole file.
        source: the name of the file in errors.
        largest: the largest unpacked size, in bytes.

    Raises:
        UnreadableReport: the packed bytes are incomplete, unpack to more than a report can hold, or are a zip with no
            file or several files.
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
    """Check that a packed file does not unpack to more than a report can hold.

    Raises:
        UnreadableReport: it does.
    """
    if unpacked > largest:
        raise UnreadableReport(
            f"{source}: it unpacks to more than {show_size(largest)}; if that is right, raise WALKME_LARGEST_FILE_MB"
        )
    if unpacked > _SUSPICIOUS_BYTES and unpacked > _SUSPICIOUS_RATIO * packed:
        raise UnreadableReport(
            f"{source}: {show_size(packed)} of {name} unpack to more than {show_size(unpacked)}, which no report does;"
            " check what made the file"
        )


def is_workbook(data: bytes) -> bool:
    """Return whether the bytes are an Excel workbook."""
    if not data.startswith(ZIP):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return WORKBOOK in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False
