"""What a terminal may get: names, keys and errors with control characters, markup and emoji codes are shown as text."""

import json
import os
import pty
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from integration_center.cli.output import write_private
from integration_center.cli.verbs import app
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment
from integration_center_tests.pipeline.center import EXAMPLE, HEADER, PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command, as_json
from integration_center_tests.pipeline.gateway import Gateway
from integration_center_tests.test_plain_text import is_obeyed

HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\nINFO fake [bold]x[/bold] :smile:"
SHOWN = r"\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\nINFO fake [bold]x[/bold] :smile:"
START = r"\x1b[2J\x1b]0;owned"


def assert_plain(text: str) -> None:
    """Nothing in a command's output is obeyed but its own line feeds, and no name began a line."""
    assert [character for character in text if is_obeyed(character) and character != "\n"] == []
    assert not any(line.startswith("INFO fake") for line in text.splitlines())


def rename(request: httpx.Request, body: bytes) -> bytes:
    """The org's names are hostile: of the org, of the user, of objects and of fields."""
    hostile = json.dumps(HOSTILE).encode()
    for plain in (b'"label":"Company"', b'"label":"Lead"', b'"label": "Lead"', b'"label": "Company"'):
        body = body.replace(plain, b'"label":' + hostile)
    if b'"IsSandbox"' in body:
        answer = json.loads(body)
        answer["records"][0]["Name"] = HOSTILE
        return json.dumps(answer).encode()
    if request.url.path.endswith("/userinfo"):
        return json.dumps({**json.loads(body), "preferred_username": HOSTILE}).encode()
    return body


@pytest.fixture
def hostile(center: Center, monkeypatch: pytest.MonkeyPatch) -> Center:
    """An installation in which every name and some keys are hostile."""
    Gateway(change=rename).stand_before(monkeypatch)
    column = f"Count {HOSTILE}"
    fields = [*EXAMPLE["fields"][:2], {"column": column, "field": "WalkMe_Logins_Last_30_Days__c"}]
    center.integrate(name=HOSTILE, fields=fields)
    center.integrate("missing", enabled=False, fields=[{"column": column, "field": "Missing__c"}])
    center.integrate("other", enabled=False, report=f"Report {HOSTILE}")
    center.write(f"folder {HOSTILE.replace('/', '')}", "type: [")
    about = {"name": HOSTILE, "tags": ["integrations_salesforce"]}
    center.drop(logins(PLAIN), report="hostile", about=about)
    rows = [*logins(PLAIN), (f"a{HOSTILE}@acme.example", None, None, 1), ("=2+2", None, None, HOSTILE)]
    center.drop(rows, header=(*HEADER[:3], column))
    return center


@pytest.mark.proof
def test_every_verb_shows_hostile_names_as_text(hostile: Center, command: Command) -> None:
    connected = command("connect", "sandbox", "--flow", "client-credentials")
    assert START in connected[1]
    with open_installation() as installation:
        assert installation.accounts.get(Environment.SANDBOX).org_name == HOSTILE
    for arguments, shows in (
        (("accounts",), True),
        (("objects", "sandbox"), True),
        (("fields", "sandbox", "Lead"), True),
        (("reports",), True),
        (("list",), False),
        (("check",), True),
        (("check", "nonsense"), False),
        (("plan", "logins_to_leads"), False),
        (("run", "logins_to_leads"), False),
        (("run", "missing"), False),
        (("run", "other"), True),
        (("log",), False),
        (("audit",), False),
        (("disconnect", "production"), False),
    ):
        code, out, err = command(*arguments)
        assert code in {0, 1, 2}, arguments
        assert_plain(out + err)
        if shows:
            assert r"\x1b[2J" in "".join((out + err).split("\n")).replace(" ", ""), arguments
    lines = as_json(command("log", "--json"))
    run = next(line for line in lines if line["slug"] == "logins_to_leads")
    code, out, _ = command("ledger", run["run_id"])
    assert_plain(out)
    assert r"\x1b[2J\x1b]0;owned\x07" in out.replace("\n", "").replace(" ", "")
    for name, key in (("accounts", "org_name"), ("list", "name"), ("reports", "name")):
        _, out, _ = command(name, "--json")
        assert_plain(out)
        assert HOSTILE in [row[key] for row in json.loads(out)]


def test_the_wizard_shows_hostile_names_as_text(hostile: Center) -> None:
    answers = "\n".join(["Logins", "lead", "", "", "", "n", *["-"] * 3, "WalkMe_Logins_Last_30_Days__c", "", "", ""])
    result = CliRunner().invoke(app, ["new"], input=answers + "\n")
    assert_plain(result.output)
    assert START in result.output


@pytest.mark.parametrize("label", ["[bold]x[/bold]", ":smile: x", "[/]", "\\[red]", "a\\", "[link=https://x]y"])
def test_a_table_shows_markup_and_emoji_codes_as_they_are(
    center: Center, command: Command, monkeypatch: pytest.MonkeyPatch, label: str
) -> None:
    row = {"name": "Thing__c", "label": label, "queryable": True, "updateable": True}
    answer = httpx.Response(200, json={"sobjects": [row]})
    Gateway(answer=lambda request: answer if request.url.path.endswith("/sobjects") else None).stand_before(monkeypatch)
    code, out, _ = command("objects", "sandbox")
    assert code == 0
    assert f"Thing__c  {label}" in out


def test_csv_for_a_terminal_is_printable_and_exact_in_a_file(tmp_path: Path) -> None:
    key = HOSTILE.replace("\n", " ")
    text = f"key\n{key}\n"
    write_private(tmp_path / "ledger.csv", text, "--csv")
    assert (tmp_path / "ledger.csv").read_text(encoding="utf-8") == text
    leader, follower = pty.openpty()
    try:
        write_private(Path(os.ttyname(follower)), text, "--csv")
        assert_plain(os.read(leader, 4096).decode().replace("\r\n", "\n"))
    finally:
        os.close(leader)
        os.close(follower)
