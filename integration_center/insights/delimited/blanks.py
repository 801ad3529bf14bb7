"""Leave out the blanks between a closing quote and a delimiter, which Python's reader refuses."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from integration_center.insights.delimited.form import Dialect

BLANKS = " \t"


def leave_out_blanks(lines: Iterable[str], dialect: Dialect) -> Iterable[str]:
    """Leave out the blanks between a closing quote and what ends the cell, if the dialect skips blanks.

    Args:
        lines: the lines of a text, with their ends.
        dialect: the dialect of the text.
    """
    if not dialect.skip_blanks or not dialect.quote or dialect.delimiter == " ":
        return lines
    return _QuotedCells(dialect).rewrite(lines)


@dataclass(frozen=True)
class _QuotedCells:
    """Knows, line by line, which quotes end a cell."""

    dialect: Dialect

    @cached_property
    def _opening(self) -> re.Pattern[str]:
        return re.compile(rf" *{re.escape(self.dialect.quote or '')}")

    @cached_property
    def _closing(self) -> re.Pattern[str]:
        quote = re.escape(self.dialect.quote or "")
        escape = self.dialect.escape and re.escape(self.dialect.escape)
        inside = rf"[^{quote}{escape}]|{escape}." if escape else rf"[^{quote}]|{quote}{quote}"
        return re.compile(rf"(?:{inside})*+{quote}", re.DOTALL)

    @cached_property
    def _blanks(self) -> re.Pattern[str]:
        blanks = BLANKS.replace(self.dialect.delimiter, "")
        return re.compile(rf"[{blanks}]+(?={re.escape(self.dialect.delimiter)}|[\r\n]|\Z)")

    def rewrite(self, lines: Iterable[str]) -> Iterator[str]:
        """Rewrite the lines of a text."""
        is_open = False
        for line in lines:
            if is_open or (self.dialect.quote or "") in line:
                rewritten, is_open = self._rewrite_line(line, is_open=is_open)
                yield rewritten
            else:
                yield line

    def _rewrite_line(self, line: str, *, is_open: bool) -> tuple[str, bool]:
        """Rewrite a line; `is_open` is whether it begins, and whether it ends, inside a cell in quotes."""
        kept: list[str] = []
        place = 0
        while True:
            begin = place
            if not is_open and (opened := self._opening.match(line, place)):
                place, is_open = opened.end(), True
            if is_open:
                if not (closed := self._closing.match(line, place)):
                    return "".join(kept) + line[begin:], True
                kept.append(line[begin : closed.end()])
                blanks = self._blanks.match(line, closed.end())
                begin = place = blanks.end() if blanks else closed.end()
                is_open = False
            end = line.find(self.dialect.delimiter, place)
            if end < 0:
                return "".join(kept) + line[begin:], False
            place = end + len(self.dialect.delimiter)
            kept.append(line[begin:place])
