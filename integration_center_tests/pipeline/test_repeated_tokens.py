"""A gateway repeats the access token in codes, messages and names: it reaches no file, no log and no terminal."""

import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from integration_center_tests.pipeline.center import PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command
from integration_center_tests.pipeline.gateway import Gateway, token_of
from integration_center_tests.pipeline.test_secrecy import texts


def secret_parts(gateway: Gateway) -> set[str]:
    """What must be nowhere: pieces of the tokens, without the org's id at their beginning."""
    return {part for token in gateway.tokens for part in (token.partition("!")[2][:16], token[-16:])}


def find_anywhere(center: Center, parts: set[str]) -> set[str]:
    """Find the files of the home that hold a part, tables and packed cells included."""
    found = set()
    for path in (path for path in center.home.rglob("*") if path.is_file()):
        if any(part.encode() in text for text in texts(path) for part in parts):
            found.add(path.relative_to(center.home).as_posix())
    return found


def refuse_with(form: str, status: int) -> Callable[[httpx.Request], httpx.Response | None]:
    def answer(request: httpx.Request) -> httpx.Response | None:
        token = token_of(request)
        if not token or "describe" not in str(request.url):
            return None
        code = form.format(token)
        return httpx.Response(status, json=[{"errorCode": code, "message": code, "fields": [code]}])

    return answer


@pytest.mark.sampled
@pytest.mark.parametrize(("form", "status"), [("BAD_Bearer {}", 400), ("INVALID_SESSION_ID Bearer {}", 401)])
def test_a_repeated_token_is_not_kept_when_a_call_is_refused(
    center_of_daemon: Center,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    form: str,
    status: int,
) -> None:
    caplog.set_level(logging.DEBUG)
    gateway = Gateway(answer=refuse_with(form, status)).stand_before(monkeypatch)
    center_of_daemon.integrate()
    center_of_daemon.drop(logins(PLAIN))
    run = center_of_daemon.run()
    assert not run.success
    parts = secret_parts(gateway)
    said = capfd.readouterr()
    assert parts
    assert find_anywhere(center_of_daemon, parts) == set()
    assert [p for p in parts if p in f"{said.out}{said.err}{caplog.text}{run.error}{center_of_daemon.sync(run)}"] == []


@pytest.mark.proof
def test_a_repeated_token_is_not_kept_in_results_of_rows_and_names(
    center_of_daemon: Center,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def change(request: httpx.Request, body: bytes) -> bytes:
        token = token_of(request)
        if request.method == "PATCH":
            error = {"statusCode": f"BAD_{token}", "message": f"not with {token}", "fields": [token]}
            return json.dumps([{"success": False, "errors": [error]} for _ in json.loads(body)]).encode()
        if b'"label":"Company"' in body:
            return body.replace(b'"label":"Company"', f'"label":"{token}"'.encode())
        return body

    caplog.set_level(logging.DEBUG)
    gateway = Gateway(change=change).stand_before(monkeypatch)
    center_of_daemon.integrate()
    center_of_daemon.drop(logins(PLAIN))
    run = center_of_daemon.run()
    assert not run.success
    ledger = center_of_daemon.ledger(run)
    assert set(ledger["code"]) == {"UNKNOWN"}
    said: list[Any] = [command("fields", "sandbox", "Lead"), command("ledger", run.run_id), command("log"), ledger]
    parts = secret_parts(gateway)
    assert parts
    assert "not with" in str(ledger["reason"].to_list())
    assert find_anywhere(center_of_daemon, parts) == set()
    everything = f"{said}{ledger.to_dicts()}{caplog.text}{run.error}"
    assert [part for part in parts if part in everything] == []
