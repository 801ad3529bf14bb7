"""Find and erase what the texts in our database say of a person: reasons of runs, alerts, drafts, details of audits.

The people who use the product stay: who did what, and who is connected, is needed to answer for it.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, Engine, Table, select, update

from integration_center.database.engine import reading, writing
from integration_center.database.tables import alert_messages, audit, drafts, incidents, syncs, waiting_days

TEXTS: tuple[tuple[Table, tuple[Column[Any], ...]], ...] = (
    (syncs, (syncs.c.held, syncs.c.error)),
    (audit, (audit.c.detail,)),
    (waiting_days, (waiting_days.c.reason,)),
    (incidents, (incidents.c.content,)),
    (alert_messages, (alert_messages.c.content, alert_messages.c.error)),
    (drafts, (drafts.c.content,)),
)
"""The columns that hold sentences, or what somebody typed."""


def count_texts(engine: Engine, is_held: Callable[[str], bool]) -> int:
    """Count the lines of our tables with a text that `is_held` is true of."""
    count = 0
    for _, columns in TEXTS:
        with reading(engine) as connection:
            rows = connection.execute(select(*columns)).all()
        count += sum(any(is_held(text) for value in row for text in list_texts(value)) for row in rows)
    return count


def change_texts(engine: Engine, change: Callable[[str], str]) -> int:
    """Change all of these texts, and count the lines that are different now."""
    count = 0
    for table, columns in TEXTS:
        keys = tuple(table.primary_key.columns)
        with writing(engine) as connection:
            for row in connection.execute(select(*keys, *columns)).all():
                found = row._mapping
                values = {column.name: change_value(found[column.name], change) for column in columns}
                if any(values[column.name] != found[column.name] for column in columns):
                    this = (key == found[key.name] for key in keys)
                    connection.execute(update(table).where(*this).values(**values))
                    count += 1
    return count


def list_texts(value: object) -> list[str]:
    """List the texts in a value of JSON, names included."""
    if isinstance(value, dict):
        return [text for name, each in value.items() for text in (str(name), *list_texts(each))]
    if isinstance(value, list):
        return [text for each in value for text in list_texts(each)]
    return [value] if isinstance(value, str) else []


def change_value(value: object, change: Callable[[str], str]) -> Any:
    """Change the texts in a value of JSON."""
    if isinstance(value, dict):
        return {change(str(name)): change_value(each, change) for name, each in value.items()}
    if isinstance(value, list):
        return [change_value(each, change) for each in value]
    return change(value) if isinstance(value, str) else value
