"""How the command line prints: rich tables for people, JSON for programs."""

import codecs
import errno
import io
import json
import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from integration_center.errors import ConfigurationError
from integration_center.wording.plain_text import escape_json, make_lines_printable, make_printable

if TYPE_CHECKING:
    from integration_center.cli.printable_console import PrintableConsole

MOST_LINES = 1_000_000
"""What `--limit` may say."""
PIPE_WIDTH = 160
"""Columns when the output is no terminal, so that tables are not folded for nobody."""
PLAIN = {"…": "...", "→": "->", "×": "x", "–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"'}
"""Replaces our own signs on a terminal that knows ASCII only; other characters are shown as escapes."""
ERROR_HANDLER = "integration_center.plain"


class LateConsole:
    """A console that imports Rich when something is printed: JSON and the help need none of its 55 modules."""

    def __init__(self, *, stderr: bool = False) -> None:
        self._stderr = stderr

    @cached_property
    def made(self) -> "PrintableConsole":
        """The console of Rich."""
        from integration_center.cli.printable_console import PrintableConsole

        width = None if self._stderr or sys.stdout.isatty() else PIPE_WIDTH
        return PrintableConsole(stderr=self._stderr, highlight=False, emoji=False, width=width)

    def print(self, *objects: Any, **options: Any) -> None:
        """See `PrintableConsole.print`."""
        self.made.print(*objects, **options)

    def print_lines(self, text: str) -> None:
        """See `PrintableConsole.print_lines`."""
        self.made.print_lines(text)

    def rule(self, title: str) -> None:
        """See `rich.console.Console.rule`."""
        self.made.rule(title)


class OutputLost(Exception):
    """Standard output cannot be written; the message says why."""


class StandardOutput(io.FileIO):
    """Standard output. Its failures are of a type of their own, unlike those of other files."""

    def write(self, data: Any) -> int:
        """See `io.RawIOBase.write`."""
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            raise
        except OSError as error:
            why = "the disk is full" if error.errno == errno.ENOSPC else os.strerror(error.errno or 0)
            raise OutputLost(f"standard output cannot be written: {why}; send it to another place") from None


@contextmanager
def guard_output() -> Iterator[None]:
    """Let both outputs take every character, and a failure of standard output be an `OutputLost`, in the block."""
    codecs.register_error(ERROR_HANDLER, replace_plainly)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors=ERROR_HANDLER)
    before = sys.stdout
    # Without a buffer where PYTHONUNBUFFERED is set. Of another kind where a test reads it.
    if isinstance(before, io.TextIOWrapper) and isinstance(before.buffer, io.BufferedWriter | io.FileIO):
        buffer = io.BufferedWriter(StandardOutput(before.fileno(), "w", closefd=False))
        sys.stdout = io.TextIOWrapper(
            buffer,
            before.encoding,
            ERROR_HANDLER,
            line_buffering=before.line_buffering or before.write_through,
        )
    try:
        yield
    finally:
        sys.stdout = before


def replace_plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace characters that a terminal's encoding lacks; an error handler of `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(PLAIN.get(each) or ascii(each)[1:-1] for each in found), error.end


def show_failure(text: str) -> None:
    """Print the sentence of a failure on standard error."""
    from rich.markup import escape

    # It may hold brackets, of a path for instance, which are no markup.
    errors.print(f"[bold red]Failed:[/] {escape(text)}", highlight=False, soft_wrap=True)
    try:
        sys.stdout.flush()
    except OutputLost:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else what it still holds fails again when Python ends


console = LateConsole()
errors = LateConsole(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Do not show the progress, only the result.")]


@dataclass(frozen=True)
class Column:
    """A column of a printed table: its key in the rows, its title."""

    key: str
    title: str
    right: bool = False


def print_rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], *, as_json: bool, empty: str) -> None:
    """Print rows as a table, or whole as JSON; `empty` says what to do when there are none."""
    if as_json:
        print_json(rows)
        return
    if not rows:
        console.print(empty, markup=False)
        return
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(show(row.get(column.key))) for column in columns))
    console.print(table)


def print_json(value: object) -> None:
    """Print JSON on standard output; times as ISO 8601 with their zone."""
    plain = not (sys.stdout.encoding or "utf-8").lower().startswith("utf")  # programs need JSON, whatever the terminal
    typer.echo(escape_json(json.dumps(value, default=show, ensure_ascii=plain, indent=2)))


def write_private(path: Path, content: str | bytes, option: str) -> None:
    """Write a file that only its owner may read: it may hold personal data.

    Raises:
        ConfigurationError: the file cannot be written; names the option that chooses another.
    """
    # Without waiting: opening a pipe that nobody reads would last for ever.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK
    try:
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            os.set_blocking(file.fileno(), True)
            if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                os.fchmod(file.fileno(), 0o600)  # a file that was there would keep its mode
            if isinstance(content, str):
                # /dev/stdout of a terminal would obey control characters of a key
                content = (make_lines_printable(content) if file.isatty() else content).encode()
            file.write(content)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) else None
        raise ConfigurationError(f"{option} {path} cannot be written: {reason or error}; name another file") from None


def ask(question: str, default: str | None = None) -> str:
    """Ask for a line on the terminal; an empty answer means `default`, which is shown in brackets."""
    shown = question if default is None else f"{question} [{default}]"
    answer: str = typer.prompt(make_printable(shown), default=default, show_default=False)
    return answer


def show(value: Any) -> str:
    """A value as a person reads it, in one line; times in UTC to the second."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat(timespec="seconds").replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case timedelta():
            return f"{value.total_seconds():.1f} s"
        case float():
            return f"{value:.15g}"  # all digits that a number of Salesforce can have
        case int():
            return f"{value:,}"
        case tuple() | list():
            return ", ".join(map(show, value))
        case _:
            return make_printable(str(value))
