"""The names of the accounts of this installation, and their kinds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, delete, insert, select
from sqlalchemy.exc import IntegrityError

from integration_center.database.engine import reading, writing
from integration_center.database.tables import account_names, accounts
from integration_center.errors import ConfigurationError, UnknownAccount
from integration_center.integration.environment import FIRST, Environment, OrgKind
from integration_center.integration.spec import IntegrationSpec
from integration_center.wording.near_names import say_nearest


@dataclass(frozen=True)
class AccountNames:
    """The names in our database. `sandbox` and `production` are always there, as the first of their kinds.

    Args:
        engine: our database.
    """

    engine: Engine

    def kinds(self) -> Mapping[Environment, OrgKind]:
        """All names with their kinds: the first accounts, then the others in the order in which they were added."""
        statement = select(account_names).order_by(account_names.c.added_at, account_names.c.name)
        with reading(self.engine) as connection:
            added = {Environment(row.name): OrgKind(row.kind) for row in connection.execute(statement)}
        return {**{first: OrgKind(first.value) for first in FIRST}, **added}

    def list(self, kind: OrgKind | None = None) -> tuple[Environment, ...]:
        """The names of a kind, or of both, in the order of `kinds`."""
        return tuple(name for name, each in self.kinds().items() if kind in (None, each))

    def find(self, name: str) -> Environment | None:
        """The account of this name, which may be any text; None when there is none."""
        return next((environment for environment in self.list() if environment.value == name), None)

    def kind_of(self, environment: Environment) -> OrgKind:
        """The kind of an account.

        Raises:
            UnknownAccount: there is none of this name. The message names the nearest.
        """
        if environment.is_first:
            return OrgKind(environment.value)
        kinds = self.kinds()
        if environment not in kinds:
            raise UnknownAccount(
                f"there is no account {environment.value!r}; {say_nearest(environment.value, [*kinds])}",
                command=f"To add it: integration-center connect {environment.value} --kind sandbox, or --kind"
                " production",
            )
        return kinds[environment]

    def add(self, environment: Environment, kind: OrgKind, *, added_by: str) -> bool:
        """Add a name. Do nothing when it is there already, with the same kind.

        Returns:
            Whether it was added.

        Raises:
            ConfigurationError: it is there with the other kind.
        """
        values = {
            "name": environment.value,
            "kind": kind.value,
            "added_at": datetime.now(UTC),
            "added_by": added_by,
        }
        known = self.kinds().get(environment)
        if known is None:
            try:
                with writing(self.engine) as connection:
                    connection.execute(insert(account_names).values(**values))
            except IntegrityError:  # somebody else added it a moment ago
                known = self.kind_of(environment)
            else:
                return True
        if known is not kind:
            raise ConfigurationError(
                f"account {environment.value!r} is of the kind {known.value} and stays so; for a {kind.value} org,"
                " choose another name"
            )
        return False

    def remove(self, environment: Environment) -> None:
        """Remove a name. Its syncs stay in the log.

        Raises:
            UnknownAccount: there is none of this name.
            ConfigurationError: it is always there, or an org is connected.
        """
        require_unused(environment, {})
        self.kind_of(environment)
        connected = select(accounts.c.environment).where(accounts.c.environment == environment.value)
        with writing(self.engine) as connection:
            if connection.execute(connected).one_or_none() is not None:
                raise ConfigurationError(
                    f"account {environment.value!r} is connected, and must be disconnected first",
                    command=f"run: integration-center disconnect {environment.value}",
                )
            connection.execute(delete(account_names).where(account_names.c.name == environment.value))


def require_unused(environment: Environment, specs: Mapping[str, IntegrationSpec]) -> None:
    """Check that no integration uses an account.

    Args:
        environment: the account.
        specs: all integrations, by slug.

    Raises:
        ConfigurationError: an integration uses it, or it is always there.
    """
    if environment.is_first:
        raise ConfigurationError(f"account {environment.value!r} is always there, so it cannot be removed")
    users = sorted(slug for slug, spec in specs.items() if spec.environment is environment)
    if users:
        raise ConfigurationError(
            f"account {environment.value!r} is used by {', '.join(users)}; first delete"
            f" {'it' if len(users) == 1 else 'them'}, or name another account there"
        )
