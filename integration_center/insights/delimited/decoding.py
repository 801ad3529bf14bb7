"""Decode the bytes of a file to UTF-8, and recognise files that are not delimited text."""

import codecs
import re
from collections.abc import Sequence

from integration_center.errors import UnreadableReport

UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
LOOKED_AT = 4_096
"""The number of bytes at the beginning that show what a file is."""
MOSTLY = 0.4
"""With at least this share of NUL bytes at even or odd positions, a file without a mark is UTF-16: every second byte of
Latin letters is NUL."""
KINDS: Sequence[tuple[re.Pattern[bytes], str]] = (
    (re.compile(rb"\xd0\xcf\x11\xe0"), "an Excel workbook of the old kind (xls)"),
    (re.compile(rb"PAR1"), "a Parquet file"),
    (re.compile(rb"%PDF-"), "a PDF"),
    (re.compile(rb"(?i)\s*(<!doctype html|<html|<head|<body)"), "a web page (HTML), such as a sign-in or error page"),
    (re.compile(rb"(?i)\s*(<\?xml|<error>|<[a-z][\w.:-]*[\s>])"), "XML, such as a storage service's error"),
    (re.compile(rb'\s*(\{\s*"|\[\s*[\[{])'), "JSON"),
)
"""Other kinds of files, by how they begin."""


def refuse_other_kinds(data: bytes, source: str) -> None:
    """Check that a file is text that may be a table.

    Raises:
        UnreadableReport: the file is something else. The message says what.
    """
    head = data[:LOOKED_AT].removeprefix(codecs.BOM_UTF8)
    for beginning, kind in KINDS:
        if beginning.match(head):
            raise UnreadableReport(f"{source} is {kind}, not delimited text; export the report as CSV")


def decode(data: bytes, declared: str | None, source: str) -> tuple[bytes, str | None]:
    """Decode the file's text to UTF-8, without a byte-order mark.

    Text that should be UTF-8 is returned unchecked. The reader says where it is not UTF-8, see `say_encoding`.

    Args:
        data: the whole file.
        declared: the encoding that `report.yaml` names.
        source: the name of the file in errors.

    Returns:
        The text, and the encoding that was found without a declaration; None for UTF-8.

    Raises:
        UnreadableReport: the file is not in the declared or found encoding.
    """
    found = None if declared else find_utf16(data)
    encoding = declared or found
    if encoding is None or codecs.lookup(encoding).name == "utf-8":
        while data.startswith(codecs.BOM_UTF8):  # some programs write a second one
            data = data.removeprefix(codecs.BOM_UTF8)
        return data, None
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UnreadableReport(
            f"{source}, line {line}: byte {error.start} (counted from 0) is not {encoding}; correct `encoding:` in"
            " report.yaml"
        ) from None
    return text.lstrip("\ufeff").encode(), found


def find_utf16(data: bytes) -> str | None:
    """Find the kind of UTF-16 of a file, by its byte-order mark or its NUL bytes; None for any other text."""
    for mark, encoding in UTF16.items():
        if data.startswith(mark):
            return encoding
    head = data[:LOOKED_AT]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if len(data) % 2 or not head:
        return None
    if odd > MOSTLY * len(head[1::2]) and not even:
        return "utf-16-le"
    return "utf-16-be" if even > MOSTLY * len(head[0::2]) and not odd else None


def say_encoding(data: bytes, source: str, first_line: int) -> None:
    """Check that a text is UTF-8.

    Args:
        data: the text.
        source: the name of the file in errors.
        first_line: the number of the text's first line.

    Raises:
        UnreadableReport: the text is not UTF-8. The message says where, and how to declare the encoding.
    """
    try:
        data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + first_line
        try:
            data.decode("cp1252")
            likely = "cp1252"
        except UnicodeDecodeError:
            likely = "latin-1"
        raise UnreadableReport(
            f"{source}, line {line}: byte {error.start} (counted from 0) is not UTF-8; export the file as UTF-8, or say"
            f" what it is in report.yaml, such as `encoding: {likely}`",
            {"encoding": likely},
        ) from None
