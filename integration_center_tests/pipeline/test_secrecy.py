"""No token, secret, report key or value of a record leaves the files that are there to hold them."""

import logging
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

import pytest

from integration_center.installation import open_installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.steps.resources import build_resources
from integration_center_tests.pipeline.center import PLAIN, Center, Ran, email, logins
from salesforce_emulator.insights import api as insights
from salesforce_emulator.refusals import RowError

COUNT_BASE = 7_654_000
"""Makes the values of the report numbers that nothing else holds."""
HOLDERS = ("insights", "known", "logins_to_leads", "ledgers", "snapshots", "work")
"""Folders of `storage` whose files are there to hold keys and values."""


def texts(path: Path) -> Iterator[bytes]:
    """The content of a file; of a SQLite database also each cell, packed ones unpacked."""
    data = path.read_bytes()
    yield data
    if not data.startswith(b"SQLite format 3\0"):
        return
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                yield from (unpack(cell) for cell in row)


def unpack(cell: object) -> bytes:
    """A cell as bytes."""
    if isinstance(cell, bytes):
        try:
            return zlib.decompress(cell)
        except zlib.error:
            return cell
    return str(cell).encode()


def find(home: Path, needles: set[str], holders: tuple[str, ...] = HOLDERS) -> set[tuple[str, str]]:
    """Find the needles that are in files, other than the files that are there to hold them."""
    found = set()
    for path in sorted(path for path in home.rglob("*") if path.is_file()):
        place = path.relative_to(home).parts
        if place[0] in {"drops", "defs", "secret.key"} or (place[0] == "storage" and place[1] in holders):
            continue
        text = b"\n".join(texts(path)).lower()
        found |= {("/".join(place), needle) for needle in needles if needle.lower().encode() in text}
    return found


def run_everything(center: Center, monkeypatch: pytest.MonkeyPatch) -> tuple[Ran, ...]:
    """A success, refused rows whose messages quote values, a bug whose message quotes a key, and a lost connection."""
    center.integrate(limits={"max_failed": 20})
    center.drop([*logins(PLAIN, COUNT_BASE), (email(14), None, None, 10**18)])
    good = center.run()
    assert good.success, good.error
    center.drop(logins(PLAIN, COUNT_BASE + 100))
    quoting = RowError("FIELD_CUSTOM_VALIDATION_EXCEPTION", f"{email(1)} has {COUNT_BASE + 101} logins")
    center.emulator.sandbox.faults.fail_rows(center.leads(), quoting)
    refused = center.run()

    def fail(*arguments: object, **options: object) -> NoReturn:
        raise ValueError(f"cannot compare {email(3)} with {COUNT_BASE + 103}")

    with monkeypatch.context() as patch:
        patch.setattr("integration_center.pipeline.assets.update_set.build_plan", fail)
        bug = center.run()
    assert "unexpected ValueError at" in bug.error
    center.emulator.sandbox.org.sessions.revoke_all()
    center.emulator.sandbox.org.app.run_as = False
    lost = center.run()
    center.emulator.sandbox.org.app.run_as = True
    assert not lost.success
    return good, refused, bug, lost


@pytest.fixture
def api(center_of_daemon: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of the Insights API are in the environment, too."""
    monkeypatch.setenv("WALKME_CLIENT_SECRET", insights.CLIENT_SECRET)


@pytest.mark.usefixtures("api")
def test_nothing_secret_leaves_its_place(
    center_of_daemon: Center,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    center = center_of_daemon
    caplog.set_level(logging.DEBUG)
    shown: list[Any] = []
    with open_installation() as installation:
        tokens = installation.accounts.tokens(Environment.SANDBOX)
        first_token = tokens.access_token.get_secret_value()
        shown += [installation, installation.settings, installation.accounts, tokens, installation.accounts.list()]
        with installation.connect(Environment.SANDBOX) as org:
            shown += [org, org.session]
    runs = run_everything(center, monkeypatch)
    shown += [build_resources(), center.definitions(), *(center.sync(run) for run in runs)]

    orgs = (center.emulator.sandbox, center.emulator.production)
    secrets = {first_token, insights.CLIENT_SECRET, *(org.client_secret for org in orgs)}
    keys = {email(number) for number in (*PLAIN, 14)}
    values = {str(COUNT_BASE + extra + number) for number in PLAIN for extra in (0, 100)} | {str(10**18)}
    needles = secrets | keys | values
    assert first_token

    # Some of the keys, because compression may cut a text in a file into pieces.
    assert find(center.home, keys, holders=()), "the search finds nothing at all"
    assert find(center.home, needles) == set()
    said = capfd.readouterr()
    for place, text in (("log", caplog.text), ("output", said.out), ("errors", said.err), ("repr", repr(shown))):
        assert [needle for needle in needles if needle.lower() in text.lower()] == [], place
    for run in runs:
        assert not any(needle in run.error for needle in needles)

    # The ledger has what the log may not say, and only its owner can read it.
    assert email(1) in center.ledger(runs[1])["reason"][0]
    (full_text,) = (center.home / "storage" / "ledgers" / runs[2].run_id).glob("*.error.txt")
    assert email(3) in full_text.read_text(encoding="utf-8")


def test_files_with_keys_and_values_are_their_owners_alone(center: Center, request: pytest.FixtureRequest) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    assert center.run().success
    files = [path for folder in HOLDERS for path in (center.home / "storage" / folder).rglob("*.parquet")]
    assert len(files) >= 3
    if not request.config.getoption("--postgresql"):  # a server's tables are in no file here, and its key is a setting
        files += [center.home / "secret.key", center.home / "integration_center.db"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
