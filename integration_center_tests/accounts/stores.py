"""The store of accounts by itself, for tests that need no installation."""

from integration_center.accounts.encryption import build_cipher
from integration_center.accounts.store import AccountStore
from integration_center.database.engine import build_engine
from integration_center.settings import Settings


def build_store(settings: Settings) -> AccountStore:
    """Open the store of an installation. Its database and key are created on first use."""
    return AccountStore(build_engine(settings.database), build_cipher(settings))
