"""Old and new programs side by side: what a newer program only added to leaves the older one at work."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from integration_center.database import upgrading
from integration_center.database.engine import build_engine, reading, upgrade_database
from integration_center.database.revision import OLDEST_BESIDE, REVISION, VERSION_TABLE, read_revision
from integration_center.errors import DatabaseTooNew
from integration_center.settings import read_settings
from integration_center_tests.pipeline.center import PLAIN, Center, logins

NEXT = f"{REVISION + 1:04d}"
ADDING = f'''
from sqlalchemy import Column, String

revision, down_revision, branch_labels, depends_on = "{NEXT}", "{REVISION:04d}", None, None


def upgrade(op):
    op.create_table("novelties", Column("name", String(40), primary_key=True))
    for table in ("syncs", "leases", "sent_work", "audit", "workers", "stored_files"):
        op.add_column(table, Column("novelty", String(40)))
'''
"""The next revision: a table, and columns that may be empty."""
UPGRADE = """
import pathlib, sys
from integration_center.database import engine, revision, upgrading
folder, oldest, url = sys.argv[1:]
engine.REVISION = revision.REVISION = revision.REVISION + 1
upgrading.FOLDER, upgrading.OLDEST_BESIDE = pathlib.Path(folder), int(oldest)
engine.upgrade_database(url)
"""
Upgrade = Callable[[str, int], None]


@pytest.fixture
def upgrade_by_next(tmp_path: Path) -> Upgrade:
    """Upgrades a database as the next version of this program does; `oldest` is the program that it admits."""
    folder = tmp_path / "next version"
    shutil.copytree(upgrading.FOLDER, folder)
    (folder / "versions" / f"r{NEXT}_adding.py").write_text(ADDING, encoding="utf-8")

    def upgrade(url: str, oldest: int) -> None:
        command = [sys.executable, "-c", UPGRADE, str(folder), str(oldest), url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    return upgrade


def read_noted(url: str) -> str:
    """Read the revision that the database itself notes."""
    with reading(build_engine(url)) as connection:
        return str(connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar_one())


@pytest.mark.proof
def test_a_run_goes_on_while_a_newer_program_upgrades_and_the_older_one_starts_again(
    center: Center, upgrade_by_next: Upgrade
) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    url = read_settings().database
    hold = center.emulator.sandbox.faults.hold("*/composite/sobjects*", when="before")

    def upgrade_in_the_middle() -> None:
        assert hold.reached.wait(60)
        try:
            upgrade_by_next(url, REVISION)
        finally:
            hold.release()

    with ThreadPoolExecutor(1) as pool:
        upgraded = pool.submit(upgrade_in_the_middle)
        first = center.run()
        upgraded.result()

    assert read_noted(url) == NEXT
    assert (first.success, center.sync(first).counts["lines"]) == (True, {"updated": len(PLAIN)})
    assert upgrade_database(url) == REVISION, "an older program that starts again has nothing to upgrade"
    assert read_noted(url) == NEXT
    again = center.run()
    assert (again.success, center.sync(again).counts["lines"]) == (True, {"unchanged": len(PLAIN)})


def test_a_newer_program_that_changed_our_tables_shuts_the_older_one_out(
    tmp_path: Path, upgrade_by_next: Upgrade
) -> None:
    url = f"sqlite:///{tmp_path / 'center.db'}"
    build_engine(url).dispose()
    upgrade_by_next(url, REVISION + 1)
    with pytest.raises(DatabaseTooNew):
        build_engine(url)


def test_what_this_program_upgrades_says_whom_it_admits(tmp_path: Path) -> None:
    engine = build_engine(f"sqlite:///{tmp_path / 'center.db'}")
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT oldest FROM integration_center_compatibility").scalars().all() == [
            OLDEST_BESIDE
        ]
        assert OLDEST_BESIDE <= REVISION == read_revision(connection)
