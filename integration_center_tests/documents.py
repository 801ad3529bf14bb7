"""The documents as tests read them: pages, tables, code blocks, and the commands that they show."""

import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache

from integration_center.settings import PROJECT
from tools.reference import build_pages

FENCE = re.compile(r"^( *)```(\w*)([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
CONTINUED = frozenset({">", ">>", "|", ";"})
"""What ends a command in a line of a shell."""
VARYING = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "RUN"),
    (r"\d{4}-\d{2}-\d{2}", "DAY"),
    (r"\d+\.\d+ s\b", "TIME"),
    (r" +$", ""),
)
"""What is not the same in two runs."""


def read(path: str) -> str:
    """A document of the project, by its path."""
    return (PROJECT / path).read_text(encoding="utf-8")


@cache
def read_pages() -> Mapping[str, str]:
    """The README and all pages written by hand, by path."""
    paths = sorted((PROJECT / "docs").rglob("*.md"))
    return {"README.md": read("README.md")} | {
        path.relative_to(PROJECT).as_posix(): path.read_text(encoding="utf-8") for path in paths
    }


@cache
def read_all() -> Mapping[str, str]:
    """All documents for people: the pages, the generated ones, and those that a repository has at its top."""
    generated = {f"docs/{path}": text for path, text in build_pages().items()}
    return {**read_pages(), **generated, **{name: read(name) for name in ("CHANGELOG.md", "CONTRIBUTING.md")}}


def read_table(page: str, first: str) -> list[list[str]]:
    """The rows of a page's table whose first heading is `first`, as cells."""
    found = re.search(rf"^ *\| {re.escape(first)} \|.*\n *\|[ -|]*\n((?: *\|.*\n)+)", read(page), re.MULTILINE)
    assert found, f"{page} has no table {first!r}"
    return [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in found[1].splitlines()]


def read_blocks(page: str, language: str) -> list[tuple[str, str]]:
    """The code blocks of a language: title (empty without one) and text, not indented."""
    return [
        (
            title[1] if (title := re.search(r'title="([^"]*)"', info)) else "",
            re.sub(rf"^{indent}", "", text, flags=re.M),
        )
        for indent, given, info, text in FENCE.findall(read(page))
        if given == language
    ]


def bare(cell: str) -> str:
    """A cell without its backticks."""
    return cell.strip().strip("`")


def keep_what_stays(text: str) -> list[str]:
    """The lines of an output without what differs from run to run."""
    for pattern, name in VARYING:
        text = re.sub(pattern, name, text, flags=re.MULTILINE)
    return text.strip().splitlines()


def find_missing(shown: str, said: str) -> list[str]:
    """The lines of a shortened output that are not in the whole one, wherever that breaks its lines."""
    whole = " ".join(" ".join(keep_what_stays(said)).split())
    return [line for line in keep_what_stays(shown) if " ".join(line.split()) not in whole]


def list_commands(text: str) -> Iterator[list[str]]:
    """The words after `integration-center` of each command line that a text shows, in a code block or within a line."""
    lines = [line for _, _, _, block in FENCE.findall(text) for line in block.splitlines() if "Usage:" not in line]
    lines += [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", FENCE.sub("", text))]
    for line in lines:
        for shown in re.findall(r"(?:^|[\s/$])integration-center ((?:-|[a-z]).*)", line):
            words = shlex.split(shown, comments=True)
            end = next((place for place, word in enumerate(words) if word in CONTINUED), len(words))
            yield words[:end]
