"""Brings our tables to the newest revision. Apart, because importing Alembic takes longer than opening a database."""

from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from integration_center.database import migrations

FOLDER = Path(migrations.__file__).parent
ONE_AT_A_TIME = Lock()
"""Alembic keeps the connection that it works with in a global variable."""


def build_config(connection: Connection) -> Config:
    """Build the configuration with which Alembic finds our revisions and works on `connection`."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def run_revisions(connection: Connection) -> None:
    """Apply the revisions that a database lacks, within the transaction of `connection`."""
    with ONE_AT_A_TIME:
        command.upgrade(build_config(connection), "head")
