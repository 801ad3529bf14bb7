"""Which of Salesforce's sign-ins this browser has under way; another browser cannot end them, nor be made to."""

import hashlib

from integration_center.console.shell.sessions import Session
from integration_center.integration.spec import Environment

KEY = "connecting"
MOST = 4
"""Sign-ins under way in several tabs; a cookie holds little."""


def remember_state(session: Session, state: str, environment: Environment) -> None:
    """Bind a sign-in to this browser's session."""
    session.set(KEY, [*session.get(KEY, []), [_hash(state), environment.value]][-MOST:])


def take_state(session: Session, state: str) -> Environment | None:
    """The environment of a sign-in that this browser began; None when it began none with this state.

    It is forgotten: an answer is taken once.
    """
    found: list[list[str]] = session.get(KEY, [])
    mine = [environment for hash, environment in found if hash == _hash(state)]
    if not mine:
        return None
    session.set(KEY, [entry for entry in found if entry[0] != _hash(state)])
    return Environment(mine[0])


def _hash(state: str) -> str:
    # Compared as a hash of a random text, so the time it takes tells nothing about the state.
    return hashlib.sha256(state.encode()).hexdigest()
