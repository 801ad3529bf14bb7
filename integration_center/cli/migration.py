"""`migrate`: upgrade the database of an earlier version."""

from integration_center.cli.only_up import only_up
from integration_center.cli.output import console, errors
from integration_center.database.engine import upgrade_database
from integration_center.database.revision import REVISION
from integration_center.installation import open_installation
from integration_center.settings import read_settings
from integration_center.store.home import prepare_home


def migrate_database() -> None:
    """Upgrade the database of an earlier version. All of it is upgraded, or nothing; no data is deleted."""
    settings = read_settings()
    prepare_home(settings.dagster_home, on_server=settings.has_database_server)
    # A version of the program that is older than the tables must not go on with them.
    with only_up(settings.dagster_home, lambda sentence: errors.print(sentence, markup=False, soft_wrap=True)):
        before = upgrade_database(settings.database)
        with open_installation(settings) as installation:
            indexed = installation.index_earlier_files()
    if before is None:
        console.print("The database is new. Its tables are created.")
    elif before == REVISION:
        console.print("The database is up to date. Nothing was changed.")
    else:
        console.print("The database is upgraded.")
    if indexed and before == REVISION:
        console.print(f"{indexed:,} stored {'file was' if indexed == 1 else 'files were'} noted in its index.")
