"""The index of stored files: what is kept under which key, the same for every host."""

from collections.abc import Collection, Sequence, Set
from dataclasses import asdict
from datetime import UTC, date, datetime

from sqlalchemy import Connection, Engine, Row, delete, exists, insert, select, update

from integration_center.database.engine import insert_if_absent, reading, writing
from integration_center.database.tables import stored_files, unused_files
from integration_center.store.stored_files import FileKind, Place, StoredFile

AT_A_TIME = 500
"""Names per statement: a database takes so many parameters and not many more."""


class DatabaseIndex:
    """A `FileIndex` in our database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def find(self, name: str) -> StoredFile | None:
        """See `FileIndex.find`."""
        with reading(self._engine) as connection:
            row = connection.execute(select(stored_files).where(stored_files.c.name == name)).one_or_none()
        return None if row is None else _build(row)

    def list(
        self,
        kind: FileKind,
        slug: str | None = None,
        *,
        run_id: str | None = None,
        org_id: str | None = None,
        before: date | None = None,
        most: int | None = None,
    ) -> Sequence[StoredFile]:
        """See `FileIndex.list`."""
        statement = select(stored_files).where(stored_files.c.kind == kind.value)
        for name, wanted in (("slug", slug), ("run_id", run_id), ("org_id", org_id)):
            statement = statement if wanted is None else statement.where(stored_files.c[name] == wanted)
        if before is not None:
            statement = statement.where(stored_files.c.day < before)
        statement = statement.order_by(stored_files.c.day.desc(), stored_files.c.name).limit(most)
        with reading(self._engine) as connection:
            return tuple(map(_build, connection.execute(statement)))

    def put(self, file: StoredFile, *, shares: bool = False) -> Sequence[str]:
        """See `FileIndex.put`."""
        unused: Sequence[str] = ()
        row, named = _as_row(file), stored_files.c.name == file.place.name
        with writing(self._engine) as connection:
            if not insert_if_absent(connection, stored_files, row):
                replaced = _lock_keys(connection, [file.place.name])
                connection.execute(update(stored_files).where(named).values(**row))
                unused = _note_unused(connection, replaced)
            if shares:
                connection.execute(delete(unused_files).where(unused_files.c.key == file.key))
        return unused

    def put_absent(self, files: Sequence[StoredFile]) -> int:
        """See `FileIndex.put_absent`."""
        with writing(self._engine) as connection:
            return sum(insert_if_absent(connection, stored_files, _as_row(file)) for file in files)

    def remove(self, names: Collection[str]) -> Sequence[str]:
        """See `FileIndex.remove`."""
        wanted, unused = [*names], list[str]()
        with writing(self._engine) as connection:
            for start in range(0, len(wanted), AT_A_TIME):
                part = wanted[start : start + AT_A_TIME]
                keys = _lock_keys(connection, part)
                connection.execute(delete(stored_files).where(stored_files.c.name.in_(part)))
                unused += _note_unused(connection, keys)
        return unused

    def is_used(self, key: str) -> bool:
        """See `FileIndex.is_used`."""
        with reading(self._engine) as connection:
            return connection.execute(select(stored_files.c.name).where(stored_files.c.key == key)).first() is not None

    def list_keys(self) -> Set[str]:
        """See `FileIndex.list_keys`."""
        with reading(self._engine) as connection:
            return frozenset(connection.execute(select(stored_files.c.key)).scalars())

    def find_older(self, limit: datetime) -> Sequence[str]:
        """See `FileIndex.find_older`."""
        with reading(self._engine) as connection:
            older = select(stored_files.c.name).where(stored_files.c.stored_at < limit)
            return tuple(connection.execute(older).scalars())

    def find_unused(self, limit: datetime | None = None, prefix: str = "") -> Sequence[str]:
        """See `FileIndex.find_unused`."""
        with reading(self._engine) as connection:
            used = exists().where(stored_files.c.key == unused_files.c.key)
            unused = select(unused_files.c.key).where(~used)
            if limit is not None:
                unused = unused.where(unused_files.c.unused_since < limit)
            if prefix:
                unused = unused.where(unused_files.c.key.startswith(prefix, autoescape=True))
            return tuple(connection.execute(unused).scalars())

    def forget(self, keys: Collection[str]) -> None:
        """See `FileIndex.forget`."""
        with writing(self._engine) as connection:
            connection.execute(delete(unused_files).where(unused_files.c.key.in_([*keys])))


def _lock_keys(connection: Connection, names: Collection[str]) -> Sequence[str]:
    """Return the keys of places, whose lines no other transaction can change meanwhile."""
    statement = select(stored_files.c.key).where(stored_files.c.name.in_(names)).with_for_update()
    return tuple(connection.execute(statement).scalars())


def _note_unused(connection: Connection, keys: Sequence[str]) -> Sequence[str]:
    """Note which of these objects no line names any more, and return them. Several places may share an object."""
    if not keys:
        return ()
    used = set(connection.execute(select(stored_files.c.key).where(stored_files.c.key.in_(keys))).scalars())
    unused = [key for key in dict.fromkeys(keys) if key not in used]
    now = datetime.now(UTC)
    if unused:
        connection.execute(delete(unused_files).where(unused_files.c.key.in_(unused)))
        connection.execute(insert(unused_files), [{"key": key, "unused_since": now} for key in unused])
    return unused


def _as_row(file: StoredFile) -> dict[str, object]:
    return {
        **asdict(file.place),
        "kind": file.place.kind.value,
        "key": file.key,
        "rows": file.rows,
        "identity": file.identity,
        "details": dict(file.details),
        "stored_at": file.stored_at,
    }


def _build(row: Row[tuple[object, ...]]) -> StoredFile:
    found = row._mapping
    place = Place(found["name"], FileKind(found["kind"]), found["slug"], found["day"], found["run_id"], found["org_id"])
    return StoredFile(place, found["key"], found["stored_at"], found["rows"], found["identity"], found["details"])
