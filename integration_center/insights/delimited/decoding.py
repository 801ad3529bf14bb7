"""Decode the bytes of a file to UTF-8."""

import codecs
import re
from collections.abc import Iterator

from integration_center.errors import UnreadableReport
from integration_center.files.file_bytes import Data, FileBytes, cut, keep_parts
from integration_center.insights.delimited.encodings import advise

MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
"""The encodings by their byte-order marks, the longer marks first."""
UTF8_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF8.decode("cp1252").encode())
"""The mark of UTF-8, which programs also write before other text, and the same encoded once more: `ï»¿`."""
LOOKED_AT = 4_096
"""The number of bytes at the beginning that show the encoding."""
NOT_DECLARED = "the text is UTF-8, but is read as {}, as report.yaml says; remove `encoding:` if letters look wrong"
WRONG_MARK = "the file begins with the mark of {}, but its text is not; it is read as UTF-8"
MOSTLY = 0.4
"""With at least this share of NUL bytes at even or odd positions, a file without a mark is UTF-16: every second byte of
Latin letters is NUL."""
ODD_LINE_ENDS = re.compile(rb"\xc2\x85|\xe2\x80[\xa8\xa9]")
"""Characters that end lines in Unicode, but not in CSV: U+0085 (files of mainframes), U+2028 and U+2029."""
LEADS = (b"\xc3", b"\xe3", b"\xe4")
"""Bytes with which letters begin that have several, each in one of the encodings that have such letters."""
BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
LINE_LOOKED_AT = 256_000
"""The bytes at the beginning of a text within which its first line ends."""
PIECE_BYTES = 4_000_000
"""The bytes of a large file that are decoded at a time."""

MOST_JUDGED = 32_000_000
"""The most bytes of a text that show its encoding, where it is not UTF-8."""


def decode(data: Data, declared: str | None, source: str) -> tuple[Data, str, list[str]]:
    """Decode the file's text to UTF-8, without a byte-order mark.

    Text that should be UTF-8 is returned unchecked. The reader says where it is not UTF-8, see `say_encoding`.

    Args:
        data: the whole file.
        declared: the encoding that `report.yaml` names.
        source: the name of the file in errors.

    Returns:
        The text, the encoding, and what was found about the encoding, one sentence each, without a full stop.

    Raises:
        UnreadableReport: the file is not in the declared or found encoding.
    """
    data = leave_out_marks(data)
    found = None if declared else find_unicode(data)
    encoding = declared or found
    if encoding is None or codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        if declared is not None and (other := find_unicode(data)):
            raise UnreadableReport(
                f"{source}: the text is {other}, but report.yaml has `encoding: {declared}`; remove it, or correct it",
                {"encoding": other},
            )
        wrong = next((mark for mark in MARKS if data.startswith(mark)), b"") if declared is None else b""
        data = leave_out_marks(cut(data, len(wrong)))
        return data, "utf-8", [WRONG_MARK.format(MARKS[wrong])] if wrong else []
    try:
        text = decode_large(data, encoding, source) if isinstance(data, FileBytes) else decode_whole(data, encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        ends_early = found and error.end >= len(data)
        is_utf8 = not found and is_other_utf8(data)
        remedy = "the file is cut off; export or copy it again" if ends_early else "correct `encoding:` in report.yaml"
        if is_utf8:
            remedy = "the text is UTF-8, so remove `encoding:` in report.yaml"
        raise UnreadableReport(
            f"{source}, line {line}: byte {error.start} (counted from 0) is not {encoding}; {remedy}",
            {"encoding": "utf-8"} if is_utf8 else {},
        ) from None
    except UnicodeEncodeError:  # half of a UTF-16 pair, which some encodings let through
        raise UnreadableReport(f"{source}: the text is not {encoding}; correct `encoding:` in report.yaml") from None
    if found:
        return text, found, [f"the text is {found}"]
    if not is_other_utf8(data):
        return text, encoding, []
    if not has_single_bytes(encoding):
        return text, encoding, [NOT_DECLARED.format(declared)]
    line = data.count(b"\n", 0, find_beyond_ascii(data)) + 1
    raise UnreadableReport(
        f"{source}, line {line}: the text is UTF-8, but report.yaml has `encoding: {declared}`; remove it, or export"
        f" the report as {declared} again",
        {"encoding": "utf-8"},
    )


def leave_out_marks(data: Data) -> Data:
    """Leave out the marks of UTF-8 at the beginning; some programs write several."""
    while mark := next((mark for mark in UTF8_MARKS if data.startswith(mark)), b""):
        data = cut(data, len(mark))
    return data


def decode_whole(data: Data, encoding: str) -> bytes:
    """Decode a text to UTF-8, without a byte-order mark."""
    return bytes(data).decode(encoding).lstrip("\ufeff").encode()


def decode_large(data: FileBytes, encoding: str, source: str) -> Data:
    """Decode a text as `decode_whole` does, some bytes at a time, into another temporary file.

    Raises:
        UnicodeError: the text is not in the encoding. Places in it are those in the whole text.
    """

    def write() -> Iterator[bytes]:
        begun = False
        for piece in decode_pieces(data, encoding):
            shown = piece if begun else piece.lstrip("\ufeff")
            begun = begun or bool(shown)
            yield shown.encode()

    try:
        return keep_parts(write(), source)
    except UnicodeError:
        return decode_whole(data, encoding)


def decode_pieces(data: Data, encoding: str) -> Iterator[str]:
    """Yield a text, some bytes at a time."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for begin in range(0, len(data), PIECE_BYTES):
        yield decoder.decode(data[begin : begin + PIECE_BYTES], final=begin + PIECE_BYTES >= len(data))


def find_odd_line_end(text: Data) -> str | None:
    """Find the character that ends the lines of a text in UTF-8 instead of LF and CR; None where these do."""
    begin = text[:LINE_LOOKED_AT]
    if b"\n" in begin[:-1] or b"\r" in begin[:-1] or not (found := ODD_LINE_ENDS.search(begin)):
        return None
    most = len(text) - 1  # a program may have put a line end behind the whole text
    return found[0].decode() if all(text.find(end) in (-1, most) for end in (b"\n", b"\r")) else None


def end_lines(text: Data, source: str) -> tuple[Data, list[str]]:
    """Replace line ends that neither CSV nor its readers know by LF, and say which these are.

    Args:
        text: the text, in UTF-8.
        source: the name of the file in errors.
    """
    if (end := find_odd_line_end(text)) is None:
        return text, []
    try:
        ended = keep_parts((piece.replace(end, "\n").encode() for piece in decode_pieces(text, "utf-8")), source)
    except UnicodeDecodeError:
        return text, []  # the reader of the rows says where the text is not UTF-8
    return ended, [f"lines end with {name_character(end)}"]


def name_character(character: str) -> str:
    """Name a character that cannot be seen: `U+0085`."""
    return f"U+{ord(character):04X}"


def is_other_utf8(data: Data) -> bool:
    """Return whether text is UTF-8 with characters beyond ASCII, which other encodings hardly ever are by chance."""
    try:
        return not all([piece.isascii() for piece in decode_pieces(data, "utf-8")])  # all of it has to be UTF-8
    except UnicodeDecodeError:
        return False


def has_single_bytes(encoding: str) -> bool:
    """Return whether each byte is a letter in an encoding. Text in such a one is never UTF-8 by chance.

    In other ones it may be: two letters of UTF-8 are three of gb18030.
    """
    try:
        return all(len(lead.decode(encoding)) == 1 for lead in LEADS)
    except UnicodeDecodeError:
        return False


def find_beyond_ascii(data: Data) -> int:
    """Find the position of the first byte beyond ASCII."""
    for begin in range(0, len(data), PIECE_BYTES):
        if found := BEYOND_ASCII.search(data[begin : begin + PIECE_BYTES]):
            return begin + found.start()
    return len(data)


def find_unicode(data: Data) -> str | None:
    """Find the kind of UTF-16 or UTF-32 of a file, by its byte-order mark or its NUL bytes; None for any other text."""
    for mark, encoding in MARKS.items():
        if data.startswith(mark):
            # Line ends and delimiters have a NUL in these encodings. Without any, the mark is wrong.
            return encoding if 0 in data[len(mark) : LOOKED_AT] else None
    head = data[:LOOKED_AT]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if len(data) % 2 or not head:
        return None
    if odd > MOSTLY * len(head[1::2]) and not even:
        found, line_end = "utf-16-le", b"\n\0"
    elif even > MOSTLY * len(head[0::2]) and not odd:
        found, line_end = "utf-16-be", b"\0\n"
    else:
        return None
    # The first line end shows it: text with NUL characters in its cells ends its header in one byte.
    first = head.find(b"\n") // 2 * 2
    return found if b"\n" not in head or head[first : first + 2] == line_end else None


def say_encoding(text: Data, source: str, first_line: int) -> None:
    """Check that a text is UTF-8.

    Args:
        text: the text.
        source: the name of the file in errors.
        first_line: the number of the text's first line.

    Raises:
        UnreadableReport: the text is not UTF-8. The message says where, and how to declare the encoding.
    """
    if (found := find_wrong_byte(text)) is None:
        return
    place, reason = found
    line = text.count(b"\n", 0, place) + first_line
    # Without other letters in UTF-8 the last byte may as well be a letter of another encoding.
    if reason == "unexpected end of data" and find_beyond_ascii(text) < place:
        raise UnreadableReport(
            f"{source}, line {line}: the file ends within a character, so it was cut off; export or copy it again"
        )
    begin = place if place > MOST_JUDGED else 0
    advice, remedy = advise(text[begin : begin + MOST_JUDGED])
    raise UnreadableReport(f"{source}, line {line}: byte {place} (counted from 0) is not UTF-8; {advice}", remedy)


def find_wrong_byte(text: Data) -> tuple[int, str] | None:
    """Find the first byte that is not UTF-8, and what Python says of it; None where all of the text is UTF-8."""
    begin = 0
    while begin < len(text):
        piece = text[begin : begin + PIECE_BYTES]
        try:
            _, size = codecs.utf_8_decode(piece, "strict", begin + len(piece) == len(text))
        except UnicodeDecodeError as error:
            return begin + error.start, error.reason
        begin += size
    return None
