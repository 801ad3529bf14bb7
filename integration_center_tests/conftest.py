"""Shared fixtures: the local orgs and Insights API, started once a worker and put back as they were for each test."""

import gc
import inspect
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import certifi
import pytest
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext  # not public
from dagster._core.definitions.reconstruct import ReconstructableJob  # not public
from dagster._core.storage.defs_state.base import _current_storage  # not public
from hypothesis import settings
from sqlalchemy import Engine, event

from integration_center.database.workers import stop_beating
from integration_center_tests.postgresql import complete_database, new_postgresql, on_postgresql, postgresql_server
from integration_center_tests.proofs import choose, examples
from integration_center_tests.shared_work import (
    copy_dagsters_new_files,
    copy_our_new_files,
    do_not_wait_for_the_disk,
    inspect_settings_once,
    keep_connections_to_memory,
    load_revisions_once,
    remember_materializations,
    share_compiled_statements,
    share_the_insert_of_events,
    spare_the_garbage_collector,
)
from integration_center_tests.workers import UnitsOfModules, rewrite_share
from salesforce_emulator.org.custom_fields import forget_custom_fields
from salesforce_emulator.org.store import Store
from salesforce_emulator.server import Emulator, EmulatorConfig, OrgHandle

__all__ = ["complete_database", "new_postgresql", "on_postgresql", "postgresql_server"]

# Until the first test: some 300,000 objects of modules stay.
gc.disable()
# What `make demo` left in the checkout must not decide which days there are.
os.environ["INTEGRATION_CENTER_FIRST_DAY"] = "2020-01-01"
settings.register_profile("suite", examples(deadline=None))  # a busy machine is no broken law
settings.load_profile("suite")

RECORDS = 120
"""Leads an org begins with: enough for one of each kind (deleted, converted, with another's e-mail address)."""
YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)
"""The newest UTC day that has ended: what the daily sync would run for."""


@pytest.fixture(scope="session")
def one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of one certificate: all servers here speak plain HTTP, and reading certifi's takes each client 50 ms."""
    end = "-----END CERTIFICATE-----"
    first, _, _ = Path(certifi.where()).read_text(encoding="utf-8").partition(end)
    path = tmp_path_factory.mktemp("certificates") / "one.pem"
    path.write_text(first + end + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session", autouse=True)
def _work_done_once_a_worker(tmp_path_factory: pytest.TempPathFactory, one_certificate: Path) -> Iterator[None]:
    """See `shared_work`."""
    with pytest.MonkeyPatch.context() as patch:
        share_compiled_statements(patch)
        load_revisions_once(patch)
        copy_dagsters_new_files(patch, tmp_path_factory.mktemp("dagster"))
        keep_connections_to_memory(patch)
        remember_materializations(patch)
        share_the_insert_of_events(patch)
        inspect_settings_once(patch)
        copy_our_new_files(patch, tmp_path_factory.mktemp("database"))
        do_not_wait_for_the_disk(patch)
        patch.setenv("SSL_CERT_FILE", str(one_certificate))
        spare_the_garbage_collector()
        yield


@pytest.fixture(scope="session")
def emulator_process() -> Iterator[tuple[Emulator, dict[str, list[dict[str, Any]]]]]:
    """The emulator of this worker, with the Leads that each org began with."""
    with Emulator(EmulatorConfig(records=RECORDS, today=YESTERDAY + timedelta(days=1))) as emulator:
        yield (
            emulator,
            {org.org.profile.name: org.store.records("Lead") for org in (emulator.sandbox, emulator.production)},
        )


@pytest.fixture
def emulator(emulator_process: tuple[Emulator, dict[str, list[dict[str, Any]]]]) -> Iterator[Emulator]:
    """The emulator as it was when it started: Leads and fields; no faults or tokens, an empty call log.

    A field that a test adds without the API's own way is found here, before the next test trips over it.
    """
    emulator, leads = emulator_process
    orgs = (emulator.sandbox, emulator.production)
    for org in orgs:
        restore(org, leads[org.org.profile.name])
    yield emulator
    for org in orgs:
        forget_custom_fields(org.org)
        left = [each.name for each in org.org.schema.objects if org.org.schema.find_any(each.name) != each]
        assert not left, f"this test left other fields than it found on {left}"


@event.listens_for(Engine, "connect")
def _do_not_wait_in_sqlite(connection: object, _: object) -> None:
    """What a test writes need not survive a power failure."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


# Hooks, for a fixture of each test takes a fifth of what pytest needs for a test that does nothing.
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Forget what an earlier test left behind: Dagster then loads definitions as a run's own process does.

    It would also look for their state in the storage of an instance that is gone, and take the job that it loaded last
    for any job of the same name.
    """
    DefinitionsLoadContext._instance = None
    _current_storage.set(None)
    for loaded in (ReconstructableJob.get_definition, ReconstructableJob.get_repository_definition):
        loaded.cache_clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """A process beats to its end; here the database of a test goes before that."""
    try:
        yield
    finally:
        stop_beating()


def pytest_sessionstart(session: pytest.Session) -> None:
    """See `workers`."""
    rewrite_share(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> UnitsOfModules | None:
    """Groups begin first, for they are long; then all in the order in which they were collected."""
    if config.getoption("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False
    return UnitsOfModules(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--every-fault`: the whole fault matrix, some 500 syncs. `--postgresql`: each installation on PostgreSQL."""
    parser.addoption("--postgresql", action="store_true", help="keep each installation in a PostgreSQL database")
    parser.addoption("--every-fault", action="store_true", help="run all pairs of call and fault")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the pairs that only the whole matrix has, and what is left to the proofs."""
    whole_matrix, on_server = config.getoption("--every-fault"), config.getoption("--postgresql")
    chosen = items if whole_matrix else choose([item for item in items if not item.get_closest_marker("every_fault")])
    chosen = [item for item in chosen if not on_server or uses_server(item)]
    kept = set(chosen)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = sorted(chosen, key=lambda item: item.get_closest_marker("xdist_group") is None)
    for item in items:
        if on_server and item.get_closest_marker("sqlite"):
            item.add_marker(pytest.mark.skip(reason="about SQLite files"))


def uses_server(item: pytest.Item) -> bool:
    """Whether `--postgresql` changes what a test does: it, or a fixture of it, asks for the option or for a server."""
    if not isinstance(item, pytest.Function):
        return False
    fixtures = [made.func for name in item.fixturenames for made in item._fixtureinfo.name2fixturedefs.get(name, ())]
    return any(asks_for_server(function) for function in (item.function, *fixtures))


@cache
def asks_for_server(function: Callable[..., object]) -> bool:
    """Whether a test or fixture asks for the option `--postgresql`, or for a server."""
    return 'getoption("--postgresql")' in inspect.getsource(function) or "postgresql" in function.__name__


_restored: WeakKeyDictionary[Store, tuple[object, object]] = WeakKeyDictionary()
"""The Leads that were put back into an org, and what `count_changes` said then."""


def restore(org: OrgHandle, leads: list[dict[str, Any]]) -> None:
    """Undo what a test did to an org."""
    restored, mark = _restored.get(org.store, (None, None))
    changed = restored is not leads or mark != count_changes(org.store)
    forget_custom_fields(org.org)
    for sobject, field in org.org.schema.hidden():
        org.org.schema.show(sobject, field)
    org.org.sessions.revoke_all()
    org.faults.clear()
    org.clock.reset()
    org.org.flows.clear()
    org.org.become_administrator()
    if changed:
        with org.store.writing() as connection:
            connection.execute('DELETE FROM "Lead"')
            org.store.insert_many("Lead", list(leads[0]), [tuple(lead.values()) for lead in leads])
    org.calls.clear()
    org.org.saves.clear()
    _restored[org.store] = leads, count_changes(org.store)


def count_changes(store: Store) -> tuple[object, int]:
    """Return a mark that is another one after each change: by this thread's connection, or by any other."""
    return store.value("PRAGMA data_version"), store.connection.total_changes
