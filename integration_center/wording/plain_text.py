"""Prepare text for terminals and logs: escape control characters in keys, names and errors.

A terminal obeys control characters: they can clear the screen, set the title or fill the clipboard. A line break would
start a new line in a log, and bidirectional overrides change the order in which text is read.
"""

import logging
import re

CONTROLS = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\u2028\u2029"  # line and paragraph separators
    "\u202a-\u202e\u2066-\u2069"  # bidirectional embeddings, overrides and isolates
    "\ud800-\udfff"  # halves of surrogate pairs, which no terminal accepts
    "]"
)
NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
OUR_LOGGERS = "integration_center"


def is_text(name: str) -> bool:
    """Return whether a file or folder name is valid text. Python reads bytes that are not UTF-8 as surrogates."""
    return not any("\ud800" <= char <= "\udfff" for char in name)


def make_printable(text: str) -> str:
    r"""Write each control character as an escape, such as `\x1b` or `\n`. The result is one line."""
    return CONTROLS.sub(_escape, text)


def make_lines_printable(text: str) -> str:
    """Write each control character as an escape, except line feeds."""
    return "\n".join(map(make_printable, text.split("\n")))


def join_lines(text: str) -> str:
    """Join the lines of a message into one line, and write the remaining control characters as escapes."""
    return make_printable(" ".join(line.strip() for line in text.splitlines() if line.strip()))


def escape_json(text: str) -> str:
    r"""Escape the control characters that JSON allows but a terminal obeys: U+009B becomes `\u009b` in a JSON text."""
    return CONTROLS.sub(lambda found: "\n" if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


class PrintableRecord(logging.LogRecord):
    """A log record whose message is printable, whatever names it contains."""

    def getMessage(self) -> str:
        """Return the message with control characters escaped; see `logging.LogRecord`."""
        return make_printable(super().getMessage())


def keep_log_printable() -> None:
    """Make every record of our loggers printable, whichever handler writes it."""
    build = logging.getLogRecordFactory()
    if getattr(build, "printable", False):
        return

    def build_printable(name: object, *rest: object, **more: object) -> logging.LogRecord:
        ours = str(name).partition(".")[0] == OUR_LOGGERS
        return (PrintableRecord if ours else build)(name, *rest, **more)  # type: ignore[arg-type]

    build_printable.printable = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(build_printable)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    return NAMED.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
