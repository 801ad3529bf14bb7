"""Unpack the bytes of a compressed file, up to a size limit."""

import gzip
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping

import zstandard

from integration_center.errors import UnreadableReport
from integration_center.files.file_bytes import Data, keep_parts, open_data
from integration_center.insights.sizes import SizeLimit
from integration_center.wording.plain_text import make_printable

_UNPACKED_AT_A_TIME = 4_000_000
_PACKED_AT_A_TIME = 4_096
"""The size of a piece of zstd data, which does not say how much it unpacks to."""
LARGEST_WINDOW = 2**27
"""The most bytes of unpacked text that zstd data refers back to. It is in memory, and zstd itself refuses more, too."""
FRAME_HEADER = 18
"""The most bytes at the beginning of zstd data that say how it is packed."""
MOST_LAYERS = 3
"""How often a file may be packed, as gzip in a zip is twice."""
NAMES_SHOWN = 3
ZIP = b"PK\x03\x04"
WORKBOOK = "xl/workbook.xml"
"""A file that every Excel workbook has in its zip."""
OTHER_ZIPS = {
    "xl/workbook.bin": "an Excel workbook in binary form (xlsb)",
    "word/document.xml": "a Word document",
    "ppt/presentation.xml": "a PowerPoint presentation",
    "Index/Document.iwa": "a document of Apple's Numbers, Pages or Keynote",
}
"""Documents that are zips, by a file that each of them has."""
OPEN_DOCUMENT = "mimetype"
"""The first file in the zip of an OpenDocument file."""
LITTER = re.compile(r"^__MACOSX/|(^|/)(\.[^/]*|Thumbs\.db|desktop\.ini)$", re.IGNORECASE)
"""Files that file managers add to a zip."""
ANY_SIZE = SizeLimit()


def read_gzip(data: Data) -> Iterator[bytes]:
    """Yield the unpacked parts of gzip data."""
    with gzip.GzipFile(fileobj=open_data(data)) as file:
        while part := file.read(_UNPACKED_AT_A_TIME):
            yield part


def read_zstd(data: Data) -> Iterator[bytes]:
    """Yield the unpacked parts of zstd data.

    Raises:
        EOFError: a frame is incomplete.
        UnreadableReport: it is packed so that unpacking it would take too much memory.
    """
    if zstandard.get_frame_parameters(data[:FRAME_HEADER]).window_size > LARGEST_WINDOW:
        raise UnreadableReport("it is zstd with a window of more than 128 MB; pack it without `--long`")
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


def read_zip(data: Data) -> Iterator[bytes]:
    """Yield the unpacked parts of the only file in a zip.

    Raises:
        UnreadableReport: the zip has no file, several files, or a password.
    """
    with zipfile.ZipFile(open_data(data)) as archive:
        members = [each for each in archive.infolist() if not each.is_dir() and not LITTER.search(each.filename)]
        if members and members[0].filename == OPEN_DOCUMENT:
            raise UnreadableReport("it is an OpenDocument file; save it as xlsx or CSV")
        if other := next((kind for name, kind in OTHER_ZIPS.items() if name in archive.namelist()), None):
            raise UnreadableReport(f"it is {other}; save its table as xlsx or CSV")
        if len(members) != 1:
            names = ", ".join(make_printable(each.filename) for each in members[:NAMES_SHOWN])
            listed = f". It holds {names}" if members else ""
            raise UnreadableReport(f"it is a zip of {len(members)} files; pack one file alone{listed}")
        if members[0].flag_bits & 1:
            raise UnreadableReport("it is a zip with a password; pack it without")
        with archive.open(members[0]) as file:
            while part := file.read(_UNPACKED_AT_A_TIME):
                yield part


PACKINGS: Mapping[bytes, tuple[str, Callable[[Data], Iterator[bytes]]]] = {
    b"\x1f\x8b": ("gzip", read_gzip),
    b"\x28\xb5\x2f\xfd": ("zstd", read_zstd),
    **{bytes([low]) + b"\x2a\x4d\x18": ("zstd", read_zstd) for low in range(0x50, 0x60)},  # begins with a note
    ZIP: ("zip", read_zip),
}
"""The first bytes of packed files, whatever their names, and how to read them. No text in UTF-8 begins like this."""
BROKEN = (
    *(OSError, EOFError, zlib.error, zipfile.BadZipFile, zstandard.ZstdError, NotImplementedError, RuntimeError),
    ValueError,  # such as a place before the beginning of a zip
)


def unpack(data: Data, source: str, *, limit: SizeLimit = ANY_SIZE) -> Data:
    """Unpack bytes that gzip, zstd or zip compressed, also one in another. Other bytes are returned as they are.

    Args:
        data: the whole file.
        source: the name of the file in errors.
        limit: how large the unpacked file may be.

    Raises:
        UnreadableReport: the packed bytes are incomplete, unpack to more than a report may hold, or are a zip with no
            file or several files.
    """
    packed = len(data)
    limit.check(packed, packed, source, "data")
    for _ in range(MOST_LAYERS):
        found = next((packing for beginning, packing in PACKINGS.items() if data.startswith(beginning)), None)
        if found is None or is_workbook(data):
            return data
        data = unpack_once(data, found, packed, source, limit)
    if any(data.startswith(beginning) for beginning in PACKINGS) and not is_workbook(data):
        raise UnreadableReport(f"{source} is packed more than {MOST_LAYERS} times; pack the report once")
    return data


def find_packing(data: Data) -> str | None:
    """Return the name of how a file is packed; None for one that is not packed."""
    if is_workbook(data):
        return None
    return next((name for beginning, (name, _) in PACKINGS.items() if data.startswith(beginning)), None)


def unpack_once(
    data: Data, packing: tuple[str, Callable[[Data], Iterator[bytes]]], packed: int, source: str, limit: SizeLimit
) -> Data:
    """Unpack one layer of a file whose own size is `packed`; see `unpack`."""
    name, read = packing

    def read_within() -> Iterator[bytes]:
        size = 0
        for part in read(data):
            size += len(part)
            limit.check(packed, size, source, name)
            yield part

    try:
        return keep_parts(read_within(), source)
    except UnreadableReport as error:
        raise UnreadableReport(f"{source}: {str(error).removeprefix(f'{source}: ')}") from None
    except NotImplementedError:
        raise UnreadableReport(
            f"{source}: it is a {name} that is packed in a special way, such as with a password; pack it in the usual"
            " way"
        ) from None
    except BROKEN as error:
        raise UnreadableReport(
            f"{source}: not whole as {name} ({type(error).__name__}); export or copy the file again"
        ) from None


def is_workbook(data: Data) -> bool:
    """Return whether the bytes are an Excel workbook."""
    if not data.startswith(ZIP):
        return False
    try:
        with zipfile.ZipFile(open_data(data)) as archive:
            return WORKBOOK in archive.namelist()
    except BROKEN:
        return False
