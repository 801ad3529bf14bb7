"""The console of the command line, on which texts of others are only shown."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from integration_center.wording.plain_text import make_lines_printable, make_printable


class PrintableConsole(Console):
    """A console on which control characters and emoji codes of names, keys and error texts do nothing.

    A text that is printed is one line. One of several lines goes through `print_lines`.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        """See `Console.print`."""
        super().print(*(make_printable(each) if isinstance(each, str) else each for each in objects), **options)

    def print_lines(self, text: str) -> None:
        """Print a text of several lines as it is, without markup."""
        for line in text.split("\n"):
            self.print(line, markup=False, soft_wrap=True)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """See `Console.render`. Also texts that reach the console inside a table or a status are printable."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(make_lines_printable(segment.text), segment.style)
