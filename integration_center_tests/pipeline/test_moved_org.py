"""A run of an org whose stored address is no longer its own, over real HTTP: the run finds it, and stores it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from integration_center.console.account_checks import check_account
from integration_center.database.sync_records import SyncStatus
from integration_center.errors import ConnectionEnded
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment
from integration_center_tests.pipeline.center import PLAIN, Center, logins

SANDBOX = Environment.SANDBOX


@contextmanager
def old_host() -> Iterator[tuple[str, list[str]]]:
    """A host that redirects every request elsewhere on itself; its address, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _redirect(self) -> None:
            asked.append(self.path)
            self.send_response(301)
            self.send_header("Location", "/stolen")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = do_PATCH = _redirect

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def move_from(address: str) -> None:
    """Store `address` as the org's, as if the org had lived there when it was connected."""
    with open_installation() as installation:
        tokens = installation.accounts.tokens(SANDBOX)
        installation.accounts.save_tokens(SANDBOX, replace(tokens, instance_url=address))


def test_a_run_goes_on_where_the_sign_in_says_the_org_is(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    with old_host() as (address, asked):
        move_from(address)
        run = center.run()
        assert center.sync(run).status is SyncStatus.COMPLETED
        assert center.sync(run).counts["lines"]["updated"] == len(PLAIN)
        assert len(asked) == 1
        assert "/stolen" not in asked
        with open_installation() as installation:
            account = installation.accounts.get(SANDBOX)
            assert check_account(installation, SANDBOX).calls_left
        assert account.instance_url == center.emulator.sandbox.url
        assert len(asked) == 1


@pytest.mark.parametrize("other_org", [False, True])
def test_an_account_whose_address_is_gone_is_found_unless_another_org_is_there(center: Center, other_org: bool) -> None:
    with old_host() as (address, _):
        pass  # nothing listens there any more
    move_from(address)
    with open_installation() as installation:
        if other_org:
            account, tokens = installation.accounts.get(SANDBOX), installation.accounts.tokens(SANDBOX)
            installation.accounts.save(replace(account, org_id="00D000000000009EAA"), tokens)
            with pytest.raises(ConnectionEnded, match="instead of 00D000000000009EAA"):
                check_account(installation, SANDBOX)
            assert installation.accounts.get(SANDBOX).instance_url == address
        else:
            assert check_account(installation, SANDBOX).calls_left
            assert installation.accounts.get(SANDBOX).instance_url == center.emulator.sandbox.url


def test_an_org_under_maintenance_keeps_its_account_and_asks_for_patience(center: Center) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    refusal = '[{"errorCode": "INVALID_SESSION_ID", "message": "This session is not valid for use with the REST API"}]'
    faults = center.emulator.sandbox.faults
    faults.respond(401, "/services/data/*", times=None, body=refusal, content_type="application/json")
    sync = center.sync(center.run())
    assert sync.status is SyncStatus.FAILED
    assert "during maintenance; wait for its end" in (sync.error or "")
    assert "connect" not in (sync.error or "")
    faults.clear()
    with open_installation() as installation:
        assert check_account(installation, SANDBOX).calls_left
