"""Reads what a docstring says of the attributes of its class."""

import inspect
import re

SECTION = re.compile(r"^Attributes:\n((?:    .*\n?|\n)+)", re.MULTILINE)
ENTRY = re.compile(r"^    (\w+): ((?:.*\n?)(?:        .*\n?)*)", re.MULTILINE)


def read_attributes(docstring: str | None) -> dict[str, str]:
    """Read the section "Attributes:" of a docstring: the text of each attribute, by its name."""
    section = SECTION.search(inspect.cleandoc(docstring or "") + "\n")
    return {name: join_lines(text) for name, text in ENTRY.findall(section[1])} if section else {}


def join_lines(text: str) -> str:
    """Join the lines of each paragraph of a text. Paragraphs stay apart by an empty line."""
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(text))
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
