"""The statements that databases are sent."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event


@contextmanager
def noted_statements() -> Iterator[list[str]]:
    """Note the statements that any database is sent meanwhile."""
    sent: list[str] = []

    def note(connection: object, cursor: object, statement: str, *further: object) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)
