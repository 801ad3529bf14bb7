"""`make foreign`: the component in projects of somebody else, from built wheels, with the commands of `dg`."""

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from integration_center_tests.foreign_project import lay_out
from integration_center_tests.installed import PROJECT, Installed, ask, find_ports
from integration_center_tests.pipeline.center import COUNT, PLAIN, email

LOCK = PROJECT / "requirements" / "development.txt"
"""Has `dg`, which the production lock has not."""
DAY = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
COMPONENT = "integration_center.Integration"
SLUG = "usage_to_leads"
"""Of the integration of both projects, of which one has a prefix."""
OPTIONS = ("--environment", "sandbox", "--object", "Lead", "--keys", "email=Email", "--fields", f"logins={COUNT}")
LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename
  ... on RepositoryLocation { name repositories { jobs { name } schedules { name } sensors { name } } } } } } } }"""
ASSETS = """{ assetNodes { assetKey { path } dependencyKeys { path } assetMaterializations(limit: 1) { runId }
  assetChecksOrError { ... on AssetChecks { checks {
    name executionForLatestMaterialization { status evaluation { success } } } } } } }"""
MOST_LINES = 15
ALL_ASSETS, AUTOMATION = "__ASSET_JOB", "default_automation_condition_sensor"
"""Dagster's own in every code location."""

TEAM = """
import dagster as dg
import polars as pl

DAYS = dg.DailyPartitionsDefinition("2026-01-01")


class Warehouse(dg.ConfigurableIOManager):
    folder: str

    def handle_output(self, context, obj):
        obj.write_parquet(f"{self.folder}/{context.partition_key}.parquet")

    def load_input(self, context):
        return pl.scan_parquet(f"{self.folder}/{context.partition_key}.parquet")


@dg.asset(key=["TEAM", "usage"], partitions_def=DAYS)
def usage() -> pl.DataFrame:
    return pl.DataFrame(ROWS, schema=["email", "logins"], orient="row")


@dg.definitions
def team():
    theirs = dg.ResourceDefinition.hardcoded_resource("theirs")
    resources = {"io_manager": Warehouse(folder=FOLDER), "installation": theirs}
    return dg.Definitions(assets=[usage], resources=resources, executor=dg.multiprocess_executor)
"""


class Team(Installed):
    """A team's machine: an environment with the wheels, two projects, one Dagster, and the local org."""

    def __init__(self, place: Path) -> None:
        super().__init__(place, LOCK)
        self.home = place / "home"
        self.workers = ThreadPoolExecutor(2)
        self.environment |= {
            "VIRTUAL_ENV": str(self.bin.parent),
            "DAGSTER_HOME": str(self.home),
            "DO_NOT_TRACK": "1",
        }

    def install(self) -> None:
        """Build the wheels and install them, and prepare Dagster's folder."""
        super().install()
        self.home.mkdir()
        (self.home / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")

    def add_project(self, name: str, count: int) -> Path:
        """Make a project with an asset, an IO manager, a resource and an executor, and install it."""
        root = self.place / name
        rows = [(email(number), count + number) for number in PLAIN]
        text = TEAM.replace("ROWS", repr(rows)).replace("FOLDER", repr(str(root / "warehouse"))).replace("TEAM", name)
        lay_out(root, name, text)
        (root / "warehouse").mkdir()
        install = ("pip", "install", "--python", str(self.bin / "python"), "--quiet", "--no-deps")
        uv = str(Path(sys.executable).with_name("uv"))
        subprocess.run((uv, *install, "--no-build-isolation", "-e", str(root)), check=True)
        return root

    def execute(self, *command: str, cwd: Path, **variables: str) -> str:
        """Run a command to its end, print how long it took, and return what it printed."""
        began = time.monotonic()
        done = subprocess.run(
            command, cwd=cwd, env=self.environment | variables, capture_output=True, text=True, check=False
        )
        print(f"{time.monotonic() - began:5.1f} s  {' '.join(command)}", flush=True)
        assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def ask(self, root: Path, *command: str) -> Any:
        """Run a command of ours about the integrations of a project, and return what it printed as JSON."""
        defs = str(root / "src" / root.name / "defs")
        return json.loads(
            self.execute("integration-center", *command, "--json", cwd=root, INTEGRATION_CENTER_DEFS=defs)
        )

    @contextmanager
    def local_org(self) -> Iterator[None]:
        """Run the local org, to which the settings lead, for the length of the block."""
        command = (str(self.bin / "integration-center"), "emulator", "--records", "120")
        with subprocess.Popen(command, env=self.environment, stdout=subprocess.PIPE, text=True) as org:
            assert org.stdout is not None
            said = json.loads(org.stdout.readline())
            for name in ("login_url", "client_id", "client_secret"):
                key = "sandbox_url" if name == "login_url" else f"sandbox_{name}"
                self.environment[f"SALESFORCE_SANDBOX_{name.upper()}"] = said[key]
            try:
                yield
            finally:
                org.terminate()

    @contextmanager
    def serving(self, *command: str, cwd: Path) -> Iterator[str]:
        """Serve Dagster's pages for the length of the block; yields their address."""
        port, _ = find_ports()
        with subprocess.Popen((*command, "--port", str(port)), cwd=cwd, env=self.environment) as server:
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()


def scaffold(team: Team, root: Path) -> Path:
    """Scaffold the integration of a project, and return its file, which is short."""
    options = (*OPTIONS, "--asset", f"{root.name}/usage")
    team.execute("dg", "scaffold", "defs", COMPONENT, SLUG, *options, cwd=root)
    written = root / "src" / root.name / "defs" / SLUG / "defs.yaml"
    assert len(written.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    return written


def check_commands(team: Team, root: Path) -> None:
    """Every command of `dg` that a team uses succeeds and shows the component."""
    assert COMPONENT in team.execute("dg", "list", "components", cwd=root)
    team.execute("dg", "check", "yaml", cwd=root)
    team.execute("dg", "check", "defs", cwd=root)
    assert SLUG in team.execute("dg", "list", "defs", cwd=root)
    team.execute("dg", "utils", "generate-component-schema", cwd=root)


def push(team: Team, root: Path, slug: str) -> str:
    """Materialize the team's asset and push it; returns the run."""
    team.execute("dg", "launch", "--assets", f"{root.name}/usage", "--partition", DAY, cwd=root)
    team.execute("dg", "launch", "--job", slug, "--partition", DAY, cwd=root)
    line = team.ask(root, "log", slug)[0]
    assert (line["status"], line["rows"]) == ("Completed", {"updated": len(PLAIN)}), line
    lines = team.ask(root, "ledger", line["run_id"])
    assert [each["outcome"] for each in lines] == ["updated"] * len(PLAIN)
    return str(line["run_id"])


def undo(team: Team, root: Path, run_id: str) -> None:
    """Undo a push by a command."""
    undone = team.ask(root, "undo", run_id, "--yes")
    assert set(undone["rows"].values()) == {len(PLAIN)}, undone


def check_assets(answer: str, slug: str, prefix: str, upstream: str, run_id: str) -> None:
    """Dagster shows the chain of a project: what each asset is from, the run that materialized it, and its checks."""
    nodes = {"/".join(node["assetKey"]["path"]): node for node in json.loads(answer)["data"]["assetNodes"]}
    chain = (upstream, f"{slug}/update_set", f"{slug}/push", f"{prefix}salesforce/sandbox/Lead")
    for earlier, later in itertools.pairwise(chain):
        assert {"path": earlier.split("/")} in nodes[later]["dependencyKeys"], (later, nodes[later])
    for key in chain[1:3]:
        (materialization,) = nodes[key]["assetMaterializations"]
        assert materialization["runId"] == run_id, (key, materialization)
    assert nodes[chain[3]]["assetMaterializations"], "the push wrote, so the object is materialized"
    checks = {
        check["name"]: check["executionForLatestMaterialization"]
        for key in chain[1:3]
        for check in nodes[key]["assetChecksOrError"]["checks"]
    }
    assert {"match_rate", "schema_as_mapped", "columns_present", "rows_failed", "ledger_adds_up"} <= checks.keys()
    wrong = {name for name, check in checks.items() if not check or not check["evaluation"]["success"]}
    assert not wrong, wrong


def list_names(answer: str) -> dict[str, dict[str, set[str]]]:
    """The jobs, schedules and sensors of each code location that a web server has loaded."""
    entries = json.loads(answer)["data"]["workspaceOrError"]["locationEntries"]
    locations = [entry["locationOrLoadError"] for entry in entries]
    assert {each["__typename"] for each in locations} == {"RepositoryLocation"}, locations
    return {
        each["name"]: {
            kind: {item["name"] for item in each["repositories"][0][kind]} for kind in ("jobs", "schedules", "sensors")
        }
        for each in locations
    }


def main() -> None:
    """Two teams put the component into their projects."""
    with TemporaryDirectory(prefix="integration_center_") as name:
        team = Team(Path(name))
        began = time.monotonic()
        team.install()
        print(f"{time.monotonic() - began:5.1f} s  both wheels built and installed", flush=True)
        acme, globex = team.add_project("acme_data", 10), team.add_project("globex_data", 500)
        with team.local_org():
            written = [*team.workers.map(partial(scaffold, team), (acme, globex))][-1]
            text = written.read_text(encoding="utf-8")
            written.write_text(text.replace("attributes:\n", "attributes:\n  prefix: globex\n"), encoding="utf-8")
            checked = team.workers.submit(check_commands, team, acme)
            team.execute("integration-center", "connect", "sandbox", "--flow", "client-credentials", cwd=acme)
            pushes = {root: push(team, root, slug) for root, slug in ((acme, SLUG), (globex, f"globex_{SLUG}"))}
            checked.result()
            assert (acme / "warehouse" / f"{DAY}.parquet").exists(), "the team's own IO manager stored its asset"
            with team.serving("dg", "dev", cwd=acme) as url:
                (names,) = list_names(ask(url, LOCATIONS)).values()
                assert SLUG in names["jobs"]
            workspace = team.place / "workspace.yaml"
            loaded = [
                {"python_module": {"module_name": f"{root.name}.definitions", "location_name": root.name}}
                for root in (acme, globex)
            ]
            workspace.write_text(yaml.safe_dump({"load_from": loaded}), encoding="utf-8")
            with team.serving("dagster-webserver", "-w", str(workspace), cwd=team.place) as url:
                ours, theirs = (list_names(ask(url, LOCATIONS))[root.name] for root in (acme, globex))
                assets = ask(url, ASSETS)
            check_assets(assets, SLUG, "", "acme_data/usage", pushes[acme])
            check_assets(assets, f"globex_{SLUG}", "globex_", "globex_data/usage", pushes[globex])
            for kind in ("jobs", "schedules", "sensors"):
                assert ours[kind], kind
                assert theirs[kind] >= {f"globex_{name}" for name in ours[kind] - {ALL_ASSETS}}, (kind, theirs)
                assert ours[kind] & theirs[kind] <= {ALL_ASSETS, AUTOMATION}, (kind, ours, theirs)
            for root in (globex, acme):  # the newest value of a field first
                undo(team, root, pushes[root])
        print("from built wheels: two projects in one Dagster: dg, plan, checks, push, ledger, undo, lineage")


if __name__ == "__main__":
    main()
