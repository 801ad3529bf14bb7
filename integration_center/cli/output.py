"""How the command line prints: rich tables for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

PIPE_WIDTH = 160
"""Columns when the output is no terminal, so that tables are not folded for nobody."""

console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
errors = Console(stderr=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


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
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(escape(show(row.get(column.key))) for column in columns))
    console.print(table)


def print_json(value: object) -> None:
    """Print JSON on standard output; times as ISO 8601 with their zone."""
    typer.echo(json.dumps(value, default=show, ensure_ascii=False, indent=2))


def show(value: Any) -> str:
    """A value as a person reads it; times in UTC to the second."""
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
            return f"{value:g}"
        case int():
            return f"{value:,}"
        case tuple() | list():
            return ", ".join(map(show, value))
        case _:
            return str(value)
