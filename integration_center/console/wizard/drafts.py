"""What somebody is about to save: kept in the database, so that nothing is lost between screens, tabs and restarts."""

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Engine, delete, insert, select, update

from integration_center.database.engine import reading, writing
from integration_center.database.tables import drafts
from integration_center.errors import ConfigurationError
from integration_center.integration.environment import Environment, read_name
from integration_center.integration_files.reading import DefsFile

LIFETIME = timedelta(days=14)
"""Since the last change: long enough for an admin to create the missing fields."""
MOST_LISTED = 20
NEW = -1
"""The number of a row that has none yet."""


class Part(BaseModel):
    """Frozen; a draft may be incomplete, so texts may be empty."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class KeyRow(Part):
    """A key pair as it is typed."""

    column: str = ""
    field: str = ""


class FieldRow(Part):
    """A mapping as it is typed.

    Attributes:
        number: names the row on the page for as long as the row is there; `NEW` until the draft is kept.
        column: the report column; of a value, the one that its preset uses.
        make: how a value is made: a preset, `sql`, or `choose` while nothing is chosen; empty for a plain column.
        argument: what the preset has to know besides the column.
        value: the SQL of a value.
    """

    number: int = NEW
    column: str = ""
    make: str = ""
    argument: str = ""
    value: str = ""
    absent: str = ""
    field: str = ""
    when_null: str = ""
    truncate: bool = False
    leave_unfit: bool = False
    factor: str = ""

    @property
    def complete(self) -> bool:
        """Whether both sides are chosen."""
        return bool((self.value.strip() if self.is_value else self.column) and self.field)

    @property
    def is_value(self) -> bool:
        """Whether a value is written in place of a column."""
        return bool(self.make or self.value)


class Base(Part):
    """The file that is edited, as it was when the draft began."""

    slug: str
    text: str
    modified_at: datetime


class Draft(Part):
    """An integration on its way.

    Attributes:
        base: the file that is edited; None for a new integration.
        source: the slug of the integration it is a copy of; empty for others.
        attributes: what it, or the integration it is a copy of, says: attributes that no screen shows stay as they are.
        options: as typed, by name.
        suggested: whether rows were proposed already, so that deleted ones do not come back.
    """

    base: Base | None = None
    source: str = ""
    attributes: dict[str, Any] = {}
    environment: str = ""
    report: str = ""
    object: str = ""
    keys: tuple[KeyRow, ...] = ()
    rows: tuple[FieldRow, ...] = ()
    options: dict[str, str] = {}
    suggested: bool = False

    @property
    def slot(self) -> Environment | None:
        """The environment, when one is chosen."""
        return read_name(self.environment)

    @property
    def title(self) -> str:
        """What lists call it: its name, or what is chosen so far."""
        return self.options.get("name", "").strip() or self.report or self.object

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The complete key pairs: column and field."""
        return tuple((key.column, key.field) for key in self.keys if key.column and key.field)

    @property
    def complete_rows(self) -> tuple[FieldRow, ...]:
        """The rows of which both sides are chosen."""
        return tuple(row for row in self.rows if row.complete)

    def change(self, **values: Any) -> "Draft":
        """The draft with other values."""
        return self.model_copy(update=values)

    @property
    def next_number(self) -> int:
        """The number of the next new row."""
        return max((row.number for row in self.rows), default=NEW) + 1

    def number_rows(self) -> "Draft":
        """The draft with a number of its own for each row. A row keeps the number that it has."""
        rows: list[FieldRow] = []
        taken, following = set[int](), self.next_number
        for row in self.rows:
            number = row.number
            if number == NEW or number in taken:
                number, following = following, following + 1
            taken.add(number)
            rows.append(row if number == row.number else row.model_copy(update={"number": number}))
        return self.change(rows=tuple(rows))


class DraftStore:
    """The drafts in our database, each its owner's.

    Args:
        engine: our database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, owner: str, draft: Draft) -> str:
        """Keep a new draft; its id. Those that are too old are deleted."""
        with writing(self._engine) as connection:
            connection.execute(delete(drafts).where(drafts.c.expires_at <= datetime.now(UTC)))
            draft_id = secrets.token_urlsafe(16)
            connection.execute(insert(drafts).values(id=draft_id, owner=owner, **_write(draft)))
        return draft_id

    def save(self, draft_id: str, owner: str, draft: Draft) -> None:
        """Keep a draft as it is now. One that was saved or discarded meanwhile, in another tab, does not come back."""
        this = update(drafts).where(drafts.c.id == draft_id, drafts.c.owner == owner)
        with writing(self._engine) as connection:
            connection.execute(this.values(**_write(draft)))

    def get(self, draft_id: str, owner: str) -> Draft:
        """The draft.

        Raises:
            ConfigurationError: there is none, or it is somebody else's.
        """
        this = select(drafts.c.content).where(
            drafts.c.id == draft_id, drafts.c.owner == owner, drafts.c.expires_at > datetime.now(UTC)
        )
        with reading(self._engine) as connection:
            content = connection.execute(this).scalar_one_or_none()
        try:
            if content is not None:
                return Draft.model_validate(content)
        except ValidationError:  # kept by an older version
            pass
        raise ConfigurationError(
            "this draft is not here any more: it was saved, discarded, or is older than two weeks."
            " Open the integration again"
        )

    def list(self, owner: str) -> Sequence[tuple[str, Draft]]:
        """List the drafts of a user that say something, with their ids, the newest first."""
        these = (
            select(drafts.c.id, drafts.c.content)
            .where(drafts.c.owner == owner, drafts.c.expires_at > datetime.now(UTC))
            .order_by(drafts.c.expires_at.desc())
            .limit(MOST_LISTED)
        )
        found = []
        with reading(self._engine) as connection:
            for draft_id, content in connection.execute(these):
                with suppress(ValidationError):  # kept by an older version
                    found.append((draft_id, Draft.model_validate(content)))
        return [(draft_id, draft) for draft_id, draft in found if draft.report or draft.object]

    def delete(self, draft_id: str, owner: str) -> None:
        """Drop a draft; nothing happens when there is none."""
        with writing(self._engine) as connection:
            connection.execute(delete(drafts).where(drafts.c.id == draft_id, drafts.c.owner == owner))


def _write(draft: Draft) -> Mapping[str, Any]:
    return {"content": draft.model_dump(mode="json"), "expires_at": datetime.now(UTC) + LIFETIME}


def base_of(file: DefsFile) -> Base:
    """The file, as a draft remembers it."""
    return Base(slug=file.slug, text=file.text, modified_at=file.modified_at)
