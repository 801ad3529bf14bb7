"""Keeps the texts of integrations in the database: each change is a row of its own, so nothing is ever overwritten.

The changes of all integrations are numbered together. A change names the number that it follows, so of two that follow
the same one, the primary key lets only the first in: compare and swap, without a lock.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, insert, select
from sqlalchemy.exc import IntegrityError

from integration_center.database.admin_tables import integration_texts
from integration_center.database.engine import read_clock, reading, writing
from integration_center.errors import IntegrationCenterError


class Overtaken(IntegrationCenterError):
    """Somebody else changed an integration since the number that a change follows."""


@dataclass(frozen=True)
class SavedText:
    """One change of one integration.

    Attributes:
        number: of the change, among those of all integrations. It is the integration's revision.
        slug: of the integration.
        text: its whole `defs.yaml` from then on; None where it was deleted.
        saved_at: when, UTC.
        saved_by: who changed it.
    """

    number: int
    slug: str
    text: str | None
    saved_at: datetime
    saved_by: str

    @property
    def mark(self) -> str:
        """A text that differs between changes with the same number, such as after a backup was restored."""
        said = f"{self.number}\0{self.slug}\0{self.saved_at.isoformat()}\0{self.text}"
        return hashlib.sha256(said.encode()).hexdigest()[:12]


class IntegrationTexts:
    """The texts of all integrations, with their history."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find_newest(self) -> SavedText | None:
        """Find the newest change of all; None where there is none yet."""
        query = select(integration_texts).order_by(integration_texts.c.number.desc()).limit(1)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        return SavedText(**row._mapping) if row is not None else None

    def find(self, number: int) -> SavedText | None:
        """Find a change by its number."""
        with reading(self._engine) as connection:
            row = connection.execute(
                select(integration_texts).where(integration_texts.c.number == number)
            ).one_or_none()
        return SavedText(**row._mapping) if row is not None else None

    def list(self, number: int) -> Sequence[SavedText]:
        """List the integrations that there were after the change `number`, in order of slug."""
        texts = integration_texts.c
        newest = select(func.max(texts.number)).where(texts.number <= number).group_by(texts.slug)
        query = select(integration_texts).where(texts.number.in_(newest), texts.text.is_not(None)).order_by(texts.slug)
        with reading(self._engine) as connection:
            return [SavedText(**row._mapping) for row in connection.execute(query)]

    def list_history(self, slug: str) -> Sequence[SavedText]:
        """List all changes of one integration, the newest first."""
        texts = integration_texts.c
        query = select(integration_texts).where(texts.slug == slug).order_by(texts.number.desc())
        with reading(self._engine) as connection:
            return [SavedText(**row._mapping) for row in connection.execute(query)]

    def add(self, after: int, slug: str, text: str | None, by: str) -> None:
        """Add a change that follows the change `after`; `text` is None to delete the integration.

        Raises:
            Overtaken: another change follows it already.
        """
        try:
            with writing(self._engine) as connection:
                values = {"number": after + 1, "slug": slug, "text": text, "saved_by": by}
                connection.execute(insert(integration_texts).values(saved_at=read_clock(connection), **values))
        except IntegrityError:
            raise Overtaken(f"an integration was changed after change {after}") from None
