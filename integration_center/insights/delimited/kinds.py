"""Recognise files that are not text of a table: other kinds of files, and binary data."""

import codecs
import re
from collections.abc import Sequence

from integration_center.errors import UnreadableReport
from integration_center.files.file_bytes import Data

LOOKED_AT = 4_096
"""The number of bytes at the beginning that show what a file is."""
HTML = r"!doctype html|html|head|body|table|t[rhd]|div|style|script|meta|title|center|span|form|br|p|b|h1"
KINDS: Sequence[tuple[re.Pattern[bytes], str]] = (
    (re.compile(rb"\xd0\xcf\x11\xe0"), "an Excel workbook of the old kind (xls), or one with a password"),
    (re.compile(rb"PAR1"), "a Parquet file"),
    (re.compile(rb"%PDF-"), "a PDF"),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "a 7-Zip archive"),
    (re.compile(rb"Rar!\x1a\x07"), "a RAR archive"),
    (re.compile(rb"BZh[1-9]1AY&SY"), "packed by bzip2"),
    (re.compile(rb"\xfd7zXZ\x00"), "packed by xz"),
    (re.compile(rb"PK\x05\x06"), "an empty zip"),
    (re.compile(rb"\x04\x22\x4d\x18"), "packed by lz4"),
    (re.compile(rb"\x1f[\x9d\xa0]"), "packed by compress"),
    (re.compile(rb"(?s).{257}ustar"), "a tar archive"),
    (re.compile(rb"\x78[\x9c\xda]"), "packed by zlib"),
    (re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8[79]a"), "an image"),
    (re.compile(rb"SQLite format 3\x00"), "an SQLite database"),
    (re.compile(rb"ARROW1\x00"), "an Arrow file"),
    (re.compile(rb"version https://git-lfs\."), "a pointer of Git LFS in the place of the file"),
    (re.compile(rb"Obj\x01"), "an Avro file"),
    (re.compile(rb"\{\\rtf"), "a document (RTF)"),
    (re.compile(rf"(?i)\s*<({HTML})\b".encode()), "a web page (HTML), such as a sign-in or error page"),
    (re.compile(rb"(?s)\s*<\?xml.{0,200}Excel\.Sheet"), "an Excel workbook of the kind of 2003 (XML)"),
    (re.compile(rb"(?i)\s*(<\?xml|<!|<[a-z][\w.:-]*[\s/>])"), "XML, such as a storage service's error"),
    (re.compile(rb'\s*(\{\s*["}]|\[\s*[\[{])'), "JSON"),
)
"""Other kinds of files, by how they begin."""
ERROR_PAGE = r"(?i)^\s*(?:<(?:!doctype|html|head|body|\?xml|error)\b|\{\s*\")"
ERROR_BELOW = ERROR_PAGE.replace("error)", "error|br|p|div|b)")
"""The beginning of an error page or of a JSON error, which a server wrote below the rows. Text that people format may
begin like the second."""
DRAWN = re.compile(r"[ \t]*[+=\-\u2500-\u257f]{3,}[ \t]*\r?\n[ \t]*([|\u2502\u2551])")
"""A line that is drawn above the header, and the line beside the first column."""
COMMENT = re.compile(rb"(?s)\s*<!--.*?-->")
BINARY = re.compile(rb"[\x00-\x06\x08\x0e-\x19\x1c-\x1e\x7f]")
"""Characters that no report's header has. A stray bell or escape (0x07, 0x1B) spoils one name, not the file; some
programs separate cells by 0x1F or 0x01."""
SEPARATORS = b"\x01\x1f"
PADDING = b"\0\x1a\r\n "
"""Characters that old programs put at the end of a file."""


def find_kind(data: Data) -> str | None:
    """Find what a file is that is not text of a table; None if it may be one.

    Args:
        data: the whole file, without a byte-order mark.
    """
    head = COMMENT.sub(b"", data[:LOOKED_AT])
    return next((kind for beginning, kind in KINDS if beginning.match(head)), None)


def refuse_other_kinds(data: Data, source: str) -> None:
    """Check that a file is text that may be a table.

    Args:
        data: the whole file, without a byte-order mark.
        source: the name of the file in errors.

    Raises:
        UnreadableReport: the file is something else. The message says what.
    """
    if kind := find_kind(data):
        raise UnreadableReport(f"{source} is {kind}, not delimited text; export the report as CSV")


def refuse_drawn(text: bytes, source: str, skipped: int) -> None:
    """Check that a text is no table that is drawn with lines, as consoles and SAP lists show one.

    Args:
        text: the beginning of the text, in UTF-8.
        source: the name of the file in errors.
        skipped: the number of lines above it that are passed over.

    Raises:
        UnreadableReport: it is one. The message says how to read it.
    """
    if found := DRAWN.match(text.decode(errors="replace")):
        raise UnreadableReport(
            f"{source} is a table that is drawn with lines; export it as CSV, or say `skip_lines: {skipped + 1}` and"
            f" `delimiter: '{found[1]}'` in report.yaml",
            {"skip_lines": skipped + 1, "delimiter": found[1]},
        )


def refuse_unlike(data: bytes, source: str, lacks: str) -> UnreadableReport:
    """Build the error for a file that does not have the format in its name.

    Args:
        data: the whole file.
        source: the name of the file in errors.
        lacks: what the file is not, such as `no Excel workbook`.
    """
    if kind := find_kind(data.removeprefix(codecs.BOM_UTF8)):
        return UnreadableReport(f"{source} is {lacks}, but {kind}; export it again")
    if data.strip(PADDING) and not BINARY.search(data[:LOOKED_AT]):
        return UnreadableReport(
            f"{source} is {lacks}, but text; say `format: csv` in report.yaml, or export it again", {"format": "csv"}
        )
    return UnreadableReport(f"{source} is {lacks}; export it again, or declare its `format:` in report.yaml")


def refuse_binary(text: bytes, source: str) -> None:
    """Check that the beginning of a text has no characters that show binary data.

    Raises:
        UnreadableReport: it has.
    """
    first, _, _ = text[:LOOKED_AT].strip(PADDING).partition(b"\n")
    if found := BINARY.search(first.translate(None, SEPARATORS)):
        raise UnreadableReport(
            f"{source} is not text: its first line holds the byte 0x{found[0][0]:02x}; export the report as CSV"
        )
