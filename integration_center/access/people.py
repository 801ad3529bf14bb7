"""The people who have signed in to the console, and the roles that admins gave them there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, Row, delete, select, update

from integration_center.access.clock import read_clock
from integration_center.access.identities import Identity, Method, make_person_id
from integration_center.access.users import ROLES, Role
from integration_center.database.engine import reading, upsert, writing
from integration_center.database.tables import console_people, console_sessions
from integration_center.errors import SignInRefused


@dataclass(frozen=True)
class Person:
    """A person who has signed in, or whom an admin gave a role.

    Attributes:
        id: in our database.
        role: the role that an admin gave in the console; None where groups or the file of users decide.
        signed_in_at: the latest sign-in, UTC.
    """

    id: str
    method: Method
    name: str
    role: Role | None
    signed_in_at: datetime | None


class People:
    """Reads and writes people.

    Args:
        engine: our database.
        clock: returns the time, UTC.
    """

    def __init__(self, engine: Engine, clock: Callable[[], datetime] = read_clock) -> None:
        self._engine = engine
        self._clock = clock

    def find(self, person_id: str) -> Person | None:
        """Find a person by id."""
        with reading(self._engine) as connection:
            row = connection.execute(select(console_people).where(console_people.c.id == person_id)).one_or_none()
        return None if row is None else _build_person(row)

    def list(self) -> Sequence[Person]:
        """List all people by name."""
        with reading(self._engine) as connection:
            return tuple(map(_build_person, connection.execute(select(console_people).order_by(console_people.c.name))))

    def note_sign_in(self, identity: Identity) -> Person:
        """Note a sign-in by a provider or proxy, of somebody whose name is not in the file of users.

        A former user of the file with the same name is forgotten, with the role of that user. Otherwise a person who
        changes from a password to single sign-on could not come in.

        Raises:
            SignInRefused: another person has the name. Two people with one name could not be distinguished in the audit
                log, nor by the rule that nobody approves a plan of their own.
        """
        name_key = identity.name.lower()
        with writing(self._engine) as connection:
            others = (console_people.c.name_key == name_key) & (console_people.c.id != identity.person_id)
            _forget(connection, others & (console_people.c.method == Method.PASSWORD.value))
            if connection.execute(select(console_people.c.id).where(others)).first():
                raise SignInRefused(
                    f"somebody else is already known here as {identity.name}; an admin can forget that person under"
                    " Admin, People"
                )
            values = {
                "id": identity.person_id,
                "method": identity.method.value,
                "name": identity.name,
                "name_key": name_key,
                "signed_in_at": self._clock(),
            }
            upsert(connection, console_people, ("id",), values)
            row = connection.execute(select(console_people).where(console_people.c.id == identity.person_id)).one()
        return _build_person(row)

    def note_user(self, name: str) -> str:
        """Note a sign-in of a user of the file, and return the person's id."""
        person_id = make_person_id(Method.PASSWORD, name.lower())
        self._put_user(person_id, name, {"signed_in_at": self._clock()})
        return person_id

    def give_role(self, person_id: str, role: Role) -> bool:
        """Give a person a role, which takes effect at once, and return whether the person is known."""
        this = update(console_people).where(console_people.c.id == person_id)
        with writing(self._engine) as connection:
            return connection.execute(this.values(role=role.title)).rowcount == 1

    def give_user_role(self, name: str, role: Role) -> None:
        """Give a user of the file another role than the file says."""
        self._put_user(make_person_id(Method.PASSWORD, name.lower()), name, {"role": role.title})

    def forget(self, person_id: str) -> None:
        """Forget a person and a role given to them, and end their sessions. They may sign in again as somebody new."""
        with writing(self._engine) as connection:
            _forget(connection, console_people.c.id == person_id)

    def _put_user(self, person_id: str, name: str, values: dict[str, object]) -> None:
        # A user of the file wins a name: the person who can write the file decides on names.
        key = name.lower()
        with writing(self._engine) as connection:
            _forget(connection, (console_people.c.name_key == key) & (console_people.c.id != person_id))
            known = {"id": person_id, "method": Method.PASSWORD.value, "name": name, "name_key": key}
            upsert(connection, console_people, ("id",), known | values)


def _forget(connection: Connection, which: ColumnElement[bool]) -> None:
    """Forget people, and end their sessions."""
    ids = select(console_people.c.id).where(which)
    connection.execute(delete(console_sessions).where(console_sessions.c.person.in_(ids)))
    connection.execute(delete(console_people).where(which))


def _build_person(row: Row[tuple[object, ...]]) -> Person:
    role = ROLES.get(row.role) if row.role else None
    return Person(row.id, Method(row.method), row.name, role, row.signed_in_at)
