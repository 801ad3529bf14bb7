"""`demo`: the command as a new user gives it, what it says, and what `up` finds after it."""

import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from integration_center.cli.embedded import (
    PORTS,
    EmbeddedDemo,
    choose_callback,
    choose_ports,
    embedded_demo,
    find_obstacle,
    free_port,
    running,
)
from integration_center.cli.serve import build_parts
from integration_center.errors import ConfigurationError, ServiceUnavailable
from integration_center.installation import open_installation
from integration_center.integration.environment import Environment
from integration_center.salesforce.client.soql import build_select
from integration_center.settings import Settings, read_settings
from integration_center_tests.accounts.samples import build_account, build_tokens
from integration_center_tests.cli.conftest import enter_home
from integration_center_tests.pipeline.commands import Command

pytestmark = pytest.mark.xdist_group("demo")

EXAMPLES = ("champions_to_leads", "logins_to_leads", "logins_to_leads_production")
RECORDS = 100


@dataclass(frozen=True)
class Demo:
    """A demo that has ended.

    Attributes:
        home: its DAGSTER_HOME.
        said: what it printed.
        before: the last full day when it began; at midnight it is not the one when it ended.
        after: the last full day when it had ended.
    """

    home: Path
    said: str
    before: date
    after: date

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its commands: nothing but what says where the home is."""
        return build_environment(self.home)

    @property
    def written(self) -> dict[str, str]:
        """How many records it said that each example updated."""
        return dict(re.findall(r"^Completed  (\w+) .*?Updated +\d+ +(\d+)$", self.said, re.MULTILINE | re.DOTALL))

    def ask(self, *arguments: str) -> str:
        """Run a further command in its home."""
        return run(self.environment, *arguments).stdout


def build_environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of this process without the product's settings, and a home."""
    names = {field.alias for field in Settings.model_fields.values()}
    kept = {name: value for name, value in os.environ.items() if name not in names}
    return {**kept, "DAGSTER_HOME": str(home), "INTEGRATION_CENTER_DEFS": str(home / "defs"), **more}


def run(environment: Mapping[str, str], *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "integration_center", *arguments],
        env=environment,
        cwd=environment["DAGSTER_HOME"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def last_day() -> date:
    return datetime.now(UTC).date() - timedelta(days=1)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """The demo with the fewest records, run once."""
    home, before = tmp_path_factory.mktemp("demo"), last_day()
    said = run(build_environment(home), "demo", "--records", str(RECORDS)).stdout
    return Demo(home, said, before, last_day())


def test_it_connects_both_orgs_and_writes_only_once(demo: Demo) -> None:
    said = demo.said
    assert re.search(rf"{RECORDS} Leads in each org: http://127.0.0.1:\d+ \(Sandbox\), http://\S+ \(Production\)", said)
    assert re.findall(r"^(\w+) is connected to ", said, re.MULTILINE) == ["Sandbox", "Production"]
    assert said.count("Completed  ") == len(EXAMPLES)
    written = demo.written
    again = re.findall(r"^(\w+): (\d+) already up to date, 0 updated, \d+ API calls$", said, re.MULTILINE)
    assert dict(again) == written
    assert sorted(written) == sorted(EXAMPLES)
    assert all(int(records) > 0 for records in written.values())
    for title in ("Sandbox", "Production"):
        assert f"Leads that {title} says were touched since: 0\n" in said


@pytest.mark.proof
def test_its_history_and_ledgers_stay(demo: Demo) -> None:
    history = json.loads(demo.ask("log", "--json"))
    assert len(history) == 2 * len(EXAMPLES)
    assert {(sync["status"], sync["triggered_by"]) for sync in history} == {("Completed", "demo")}
    assert {date.fromisoformat(sync["partition"]) for sync in history} <= {demo.before, demo.after}
    runs = re.findall(r"^Completed  (\w+)  \S+  run (\S+)$", demo.said, re.MULTILINE)
    assert {(slug, run_id) for slug, run_id in runs} <= {(sync["slug"], sync["run_id"]) for sync in history}
    run_id = dict(runs)["champions_to_leads"]
    lines = json.loads(demo.ask("ledger", run_id, "--json", "--limit", "1000"))
    assert [line["outcome"] for line in lines].count("updated") == int(demo.written["champions_to_leads"])
    actions = [entry["action"] for entry in json.loads(demo.ask("audit", "--json"))]
    assert (actions.count("connected"), actions.count("ran")) == (2, 2 * len(EXAMPLES))


def test_its_examples_drops_and_settings_stay_for_up(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sorted(path.parent.name for path in demo.home.glob("defs/*/defs.yaml")) == sorted(EXAMPLES)
    drops = sorted(demo.home.glob("demo/drops/*/*.csv"))
    assert drops
    assert {path.stem for path in drops} <= {str(demo.before), str(demo.after)}
    assert not pl.read_csv(drops[0]).is_empty()
    settings = demo.home / "demo.env"
    assert settings.stat().st_mode & 0o777 == 0o600
    state = json.loads((demo.home / "demo" / "demo.json").read_text())
    assert state["records"] == RECORDS
    assert state["ports"].keys() == PORTS.keys()
    assert f"SALESFORCE_SANDBOX_LOGIN_URL=http://127.0.0.1:{state['ports']['sandbox']}\n" in settings.read_text()
    assert all(find_obstacle(port) == 0 for port in state["ports"].values()), "the local orgs still run"


def test_up_starts_the_local_orgs_again_unless_real_ones_are_set(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    enter_home(demo.home, monkeypatch)
    parts = build_parts(read_settings(), 3000, ("127.0.0.1", 3001))
    assert [part.name for part in parts][:2] == ["the local org of the demo", "the Dagster UI"]
    state = json.loads((demo.home / "demo" / "demo.json").read_text())
    arguments = [*parts[0].arguments]
    assert arguments[arguments.index("--records") + 1] == str(RECORDS)
    assert {name: int(arguments[arguments.index(f"--{name}-port") + 1]) for name in PORTS} == state["ports"]

    with running([sys.executable, "-m", parts[0].module, *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        reached = json.loads(process.stdout.readline())
        assert reached["sandbox_url"] == f"http://127.0.0.1:{state['ports']['sandbox']}"
        with open_installation() as installation, installation.connect(Environment.SANDBOX) as org:
            kept = org.count(build_select(["COUNT()"], "Lead", "WalkMe_Champion_Since__c != null"))
        assert kept >= int(demo.written["champions_to_leads"]) > 0, "the rows of the demo are gone"
    assert process.returncode == 0

    monkeypatch.setenv("SALESFORCE_SANDBOX_LOGIN_URL", "https://acme.my.salesforce.com")
    parts = build_parts(read_settings(), 3000, ("127.0.0.1", 3001))
    assert parts[0].name == "the Dagster UI"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"ports": {"sandbox": 1}}', '{"ports": [], "records": 100}', "[" * 99_999]
)
def test_up_says_that_the_note_of_the_demo_is_damaged(command: Command, tmp_path: Path, text: str) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "demo.json").write_text(text)
    with pytest.raises(
        ConfigurationError, match=r"demo\.json does not say how the demo is reached.*run the demo again"
    ):
        embedded_demo(read_settings())


def test_it_takes_the_place_of_no_real_account(command: Command, tmp_path: Path) -> None:
    with open_installation() as installation:
        installation.accounts.save(build_account(), build_tokens())
    code, out, error = command("demo")
    assert (code, out) == (1, "")
    assert "Sandbox is connected to Acme in this DAGSTER_HOME; run the demo with another one" in error
    assert not (tmp_path / "demo").exists()


def test_it_needs_a_folder_of_integrations(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRATION_CENTER_DEFS", "database")
    code, _, error = command("demo")
    assert code == 1
    assert "run it without INTEGRATION_CENTER_DEFS=database" in error
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("verb", ["demo", "emulator"])
def test_without_the_local_org_it_says_how_to_install_it(
    command: Command, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setitem(sys.modules, "salesforce_emulator", None)
    code, _, error = command(verb)
    assert code == 1
    assert "install it with: pip install 'integration-center[demo]'" in error


def test_usual_ports_that_are_taken_are_left_to_others() -> None:
    with socket.socket() as taken:
        with suppress(OSError):  # then somebody else has it, which is as good
            taken.bind(("127.0.0.1", PORTS["sandbox"]))
        chosen = choose_ports()
        assert chosen.keys() == PORTS.keys()
        assert chosen["sandbox"] != PORTS["sandbox"]
        assert find_obstacle(PORTS["sandbox"]) == errno.EADDRINUSE
        assert find_obstacle(chosen["sandbox"]) == 0


def test_up_names_a_port_of_the_demo_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = EmbeddedDemo(tmp_path, {**{name: free_port() for name in PORTS}, "production": port}, RECORDS)
        with pytest.raises(ConfigurationError, match=f"port {port} of the demo's production org is in use"):
            demo.refuse_taken_ports()
    demo.refuse_taken_ports()


def test_the_demo_connects_beside_a_console_that_runs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://localhost:{taken.getsockname()[1]}/oauth/callback"
        other = choose_callback(url)
        assert other != url
        assert other.endswith("/oauth/callback")
    assert choose_callback(url) == url


def test_orgs_that_do_not_start_are_no_empty_demo(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        demo = EmbeddedDemo(tmp_path, {**dict.fromkeys(PORTS, 0), "insights": port}, RECORDS)
        demo.drops.mkdir(parents=True)
        with (
            pytest.raises(ServiceUnavailable, match="the local org did not start; see its message above"),
            demo.started(),
        ):
            pytest.fail("it started on a port that is taken")
    assert f"port {port} is in use; choose another with --insights-port" in capfd.readouterr().err


def test_a_process_that_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integration_center.cli.embedded.STOP_SECONDS", 0.1)
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    with running([sys.executable, "-c", stubborn], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
    assert process.returncode == -signal.SIGKILL
