"""The Dagster UI behind the console's sign-in: the nginx configuration of the documentation, run by nginx."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import OctKey
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from integration_center.cli.embedded import free_port
from integration_center.console.shell.app import build_app
from integration_center.console.shell.context import Console
from integration_center.console.shell.security import TOKEN_FIELD
from integration_center.console.shell.users import build_identify
from integration_center.installation import Installation
from integration_center_tests.nginx import needs_nginx, proxying, read_documented
from integration_center_tests.passwords import CHEAP, PASSWORD, accept_cheap_hashes

PAGE = "server-admin.md"
NAME = "center.acme.example"
SIGN_IN = f"https://{NAME}/sign-in"

pytestmark = needs_nginx


def answer_as_dagster(request: Request) -> PlainTextResponse:
    return PlainTextResponse("the Dagster UI")


@contextmanager
def serving(app: Starlette) -> Iterator[int]:
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", proxy_headers=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def console_port(installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    accept_cheap_hashes(monkeypatch)
    users = tmp_path / "users"
    users.write_text("".join(f"{name}:{role}:{CHEAP.hash(PASSWORD)}\n" for name, role in
                             (("ann", "operator"), ("vera", "viewer"))))  # fmt: skip
    users.chmod(0o600)
    changes = {
        "users": SecretStr(str(users)),
        "trusted_proxies": "127.0.0.1",
        "callback_url": f"https://{NAME}/oauth/callback",
    }
    guarded = Installation(installation.settings.model_copy(update=changes), installation.engine)
    with serving(build_app(Console(guarded, build_identify(guarded)))) as port:
        yield port


@pytest.fixture
def proxied(console_port: int, tmp_path: Path) -> Iterator[httpx.Client]:
    """A browser that speaks to nginx by the name of the documentation."""
    port = free_port()
    with serving(Starlette(routes=[Route("/{rest:path}", answer_as_dagster, methods=["GET", "POST"])])) as dagster:
        here = {"listen 8443": f"listen 127.0.0.1:{port}", ":3001": f":{console_port}", ":3000": f":{dagster}"}
        headers = {"host": f"{NAME}:{port}"}
        with (
            proxying(tmp_path, port, read_documented(PAGE, here)),
            httpx.Client(base_url=f"https://127.0.0.1:{port}", headers=headers, verify=False) as client,
        ):
            yield client


def sign_in(console_port: int, name: str) -> dict[str, str]:
    """Sign in at the console; the cookie, which browsers send to all ports of a host."""
    headers = {"host": NAME, "x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7"}
    with httpx.Client(base_url=f"http://127.0.0.1:{console_port}", headers=headers) as client:
        page = client.get("/sign-in")
        found = re.search(rf'name="{TOKEN_FIELD}" value="([^"]+)"', page.text)
        assert found
        cookie = page.headers["set-cookie"].partition(";")[0]
        fields = {TOKEN_FIELD: found[1], "name": name, "password": PASSWORD, "next": "/"}
        done = client.post("/sign-in", data=fields, headers={"cookie": cookie})
        assert done.status_code == 303
        return {"cookie": done.headers["set-cookie"].partition(";")[0]}


@pytest.mark.parametrize("path", ["/", "/graphql", "/runs/1?a=b"])
def test_a_stranger_is_sent_to_the_sign_in(proxied: httpx.Client, path: str) -> None:
    answer = proxied.get(path)
    assert (answer.status_code, answer.headers["location"]) == (302, SIGN_IN)
    assert "Dagster" not in answer.text


def test_an_operator_comes_through_and_a_viewer_does_not(proxied: httpx.Client, console_port: int) -> None:
    ann, vera = sign_in(console_port, "ann"), sign_in(console_port, "vera")
    assert proxied.get("/runs", headers=ann).text == "the Dagster UI"
    assert proxied.post("/graphql", headers=ann).text == "the Dagster UI"
    for answer in (proxied.get("/runs", headers=vera), proxied.post("/graphql", headers=vera)):
        assert answer.status_code == 403
        assert answer.text != "the Dagster UI"


def test_what_is_forged_opens_nothing(proxied: httpx.Client, console_port: int) -> None:
    ann = sign_in(console_port, "ann")
    name, _, value = ann["cookie"].partition("=")
    token = jwt.encode(
        {"alg": "HS256"}, {"sub": "ann"}, OctKey.import_key("a guess of at least 32 bytes, by a stranger")
    )
    for forged in (
        {"x-auth-user": "ann", "x-auth-role": "admin"},
        {"x-forwarded-user": "ann", "remote-user": "ann", "x-original-uri": "/sign-in"},
        {"x-pomerium-jwt-assertion": token, "authorization": f"Bearer {token}"},
        {"cookie": f"{name}={value[:-8]}AAAAAAA="},
        {"cookie": f"{name}=gAAAAABforged"},
    ):
        answer = proxied.get("/graphql", headers=forged)
        assert (answer.status_code, answer.headers["location"]) == (302, SIGN_IN), forged
    assert proxied.get("/auth/check").status_code == 404, "nginx asks it, and nobody else"
