"""Which accounts the definitions need jobs and resources for."""

import logging

from integration_center.accounts.names import AccountNames
from integration_center.database.engine import build_engine
from integration_center.errors import IntegrationCenterError
from integration_center.integration.environment import Environment, with_first
from integration_center.integration_files.integrations import Integrations
from integration_center.settings import Settings, read_settings

logger = logging.getLogger(__name__)


def name_accounts(loaded: Integrations) -> tuple[Environment, ...]:
    """The accounts that integrations name, which are all that their assets need."""
    return with_first(spec.environment for spec in loaded.specs.values())


def find_accounts(loaded: Integrations) -> tuple[Environment, ...]:
    """The accounts that integrations name, and those of the installation: a sync of a deleted one can be undone."""
    return with_first({*name_accounts(loaded), *_read_names()})


def _read_names() -> tuple[Environment, ...]:
    """The names in the database; none while it cannot be read, because integrations load without it."""
    try:
        settings = read_settings()
        return AccountNames(build_engine(settings.database)).list() if has_database(settings) else ()
    except IntegrationCenterError as error:
        logger.info("the names of the accounts could not be read: %s", error)
        return ()


def has_database(settings: Settings) -> bool:
    """Whether there is a database already: to load integrations makes none."""
    return settings.has_database_server or (settings.dagster_home / "integration_center.db").exists()
