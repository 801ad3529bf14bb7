"""`demo`: the main job on the embedded default, from no account to a sync that writes nothing more."""

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import Annotated
from uuid import uuid4

import dagster as dg
import httpx
import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from integration_center.access.audit import Action
from integration_center.accounts.connecting import connect_client_credentials, connect_web
from integration_center.cli.connecting import note_connection
from integration_center.cli.embedded import EmbeddedDemo, choose_callback, choose_ports, write_settings
from integration_center.cli.output import console
from integration_center.cli.runs import Launch, note_launch
from integration_center.cli.sync_output import print_result
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.errors import ConfigurationError, SyncFailed
from integration_center.insights.source import last_full_day
from integration_center.installation import Installation, open_installation
from integration_center.integration.environment import FIRST, Environment
from integration_center.pipeline.instance.dagster_storage import open_instance
from integration_center.pipeline.instance.run_request import RunRequest
from integration_center.pipeline.judging import read_installed
from integration_center.pipeline.location.launching import run_here
from integration_center.pipeline.names import push_config, run_tags
from integration_center.salesforce.client.soql import build_select, write_moment
from integration_center.settings import Settings, read_settings
from integration_center.store.home import prepare_home
from integration_center.sync.outcomes import WRITTEN
from integration_center.sync.sample import sample_changes
from integration_center.wording.plain_text import make_printable
from integration_center.wording.sentences import count

RECORDS = 5_000
EXAMPLES = ("logins_to_leads", "logins_to_leads_production", "champions_to_leads")
FROM_FILES = "champions_to_leads"
STEPS_OF_A_RUN = 3
DAYS_SHOWN = timedelta(days=6)
"""How many days before its own the demo's partitions begin."""


def run_demo(
    records: Annotated[int, typer.Option(min=100, max=2_000_000, help="Leads in each local org.")] = RECORDS,
) -> None:
    """The main job on the embedded Salesforce orgs and Insights API. Then it says how to open the UI on its data."""
    before = read_settings()
    refuse_real_accounts(before)
    if before.defs_in_database:
        raise ConfigurationError(
            "the demo writes its integrations into a folder; run it without INTEGRATION_CENTER_DEFS=database"
        )
    prepare_home(before.dagster_home, on_server=before.has_database_server)
    day = last_full_day(datetime.now(UTC))
    demo = EmbeddedDemo(before.dagster_home, choose_ports(), records)
    demo.lay_out(day, before.defs)
    (demo.folder / "demo.json").write_text(json.dumps({"ports": dict(demo.ports), "records": records}))
    console.rule("Two local Salesforce orgs and an Insights API")
    callback = {"INTEGRATION_CENTER_CALLBACK_URL": choose_callback(before.callback_url)}
    with environment(callback), demo.started() as reached, environment(reached):
        first_day = {
            "INTEGRATION_CENTER_FIRST_DAY": str(day - DAYS_SHOWN)
        }  # Dagster shows a page that is not all empty
        write_settings(before.dagster_home, {**reached, **first_day})
        settings = read_settings()
        console.print(f"{records:,} Leads in each org: {settings.sandbox_login_url} (Sandbox),", end=" ")
        console.print(f"{settings.production_login_url} (Production)")
        with open_installation(settings) as installation:
            connect_both(installation)
            with environment({"WALKME_FILES_ROOT": str(demo.drops)}):
                run_examples(installation, day)
    console.rule("What now")
    console.print("make up                                the same data in the console, http://localhost:3001,")
    console.print("                                       and in the Dagster UI, http://127.0.0.1:3000")
    console.print(".venv/bin/integration-center log       the history of syncs")
    console.print(".venv/bin/integration-center ledger RUN   what became of every row")


def refuse_real_accounts(settings: Settings) -> None:
    """The demo connects its own orgs, so it must never replace a real account.

    Raises:
        ConfigurationError: one is connected in this home.
    """
    with open_installation(settings) as installation:
        real = [account for account in installation.accounts.list() if "//127.0.0.1:" not in account.instance_url]
    if real:
        raise ConfigurationError(
            f"{real[0].environment.title} is connected to {real[0].org_name} in this DAGSTER_HOME;"
            " run the demo with another one: DAGSTER_HOME=/tmp/demo make demo"
        )


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the length of the block: steps read the settings again."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _ConsentForm(HTMLParser):
    """Reads the hidden fields of the consent page."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        field = dict(attrs)
        if tag == "input" and field.get("type") == "hidden" and field.get("name"):
            self.fields[field["name"] or ""] = field.get("value") or ""


def approve(url: str) -> None:
    """Do what a person does on Salesforce's page: look at it, approve, and come back to the callback URL."""

    def visit() -> None:
        with httpx.Client(trust_env=False, follow_redirects=True) as browser:
            form = _ConsentForm()
            form.feed(browser.get(url).raise_for_status().text)
            target = httpx.URL(url).copy_with(query=None)
            browser.post(target, data={**form.fields, "decision": "approve"}).raise_for_status()

    threading.Thread(target=visit, name="browser").start()


def connect_both(installation: Installation) -> None:
    """Sandbox through the web-server flow with PKCE, Production by client credentials."""
    settings, store = installation.settings, installation.accounts
    console.rule("Connect")
    connections = (
        connect_web(Environment.SANDBOX, settings, store, open_browser=approve, connected_by="demo"),
        connect_client_credentials(Environment.PRODUCTION, settings, store, connected_by="demo"),
    )
    for connection in connections:
        note_connection(installation, connection)
        console.print(connection.summary, markup=False)


def run_examples(installation: Installation, day: date) -> None:
    """Run the example integrations twice: the second time nothing may be written.

    Raises:
        SyncFailed: a sync failed, or the second run wrote something.
    """
    with progress() as bar:
        first = [run_example(installation, slug, day, bar) for slug in EXAMPLES]
    for sync in first:
        console.rule(escape(make_printable(sync.name)))
        console.print(
            f"{sync.report} → {sync.object}, {sync.environment.title if sync.environment else ''}", markup=False
        )
        lines = installation.ledgers.read(sync.run_id, sync.slug)
        print_result(sync, sample_changes(lines, *WRITTEN))
    if failed := [sync.slug for sync in first if sync.status is not SyncStatus.COMPLETED]:
        raise SyncFailed(f"{', '.join(failed)} failed; see above")
    console.rule("The same again: nothing is written")
    began = datetime.now(UTC)
    with progress() as bar:
        second = [run_example(installation, slug, day, bar) for slug in EXAMPLES]
    for sync in second:
        counts = sync.lines
        console.print(
            f"{sync.slug}: {counts.get('unchanged', 0):,} already up to date, {counts.get('updated', 0):,} updated,"
            f" {count(sync.api_calls, 'API call')}",
            markup=False,
        )
    touched = {each: count_touched(installation, each, began) for each in FIRST}
    for each, records in touched.items():
        console.print(f"Leads that {each.title} says were touched since: {records:,}")
    if any(sync.lines.get("updated") for sync in second) or any(touched.values()):
        raise SyncFailed("the second run wrote something although nothing had changed")


def count_touched(installation: Installation, each: Environment, since: datetime) -> int:
    """The Leads whose SystemModstamp is newer than `since`, as the org counts them."""
    with installation.connect(each) as org:
        return org.count(build_select(["COUNT()"], "Lead", f"SystemModstamp > {write_moment(since)}"))


def progress() -> Progress:
    """A bar a sync."""
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console.made
    )


def run_example(installation: Installation, slug: str, day: date, bar: Progress) -> SyncRecord:
    """Run one integration through Dagster, in this process, while its bar shows the steps done.

    Raises:
        ConfigurationError: the example is not among the integrations.
    """
    spec = read_installed(installation.settings).specs.get(slug)
    if spec is None:
        raise ConfigurationError(f"the example integration {slug!r} is not in {installation.settings.defs}")
    request = RunRequest(slug, (day, day), run_tags(slug, spec.environment, "demo"), run_config=push_config(slug))
    run_id = str(uuid4())
    note_launch(installation, Launch(request, slug, spec.environment, Action.RAN, f"{day}, by the demo"), run_id)
    task = bar.add_task(escape(make_printable(spec.name)), total=STEPS_OF_A_RUN)
    with (
        open_instance(installation.settings, executes_runs=True) as instance,
        environment({"WALKME_SOURCE": "files"} if slug == FROM_FILES else {}),
        watched(instance, run_id, bar, task),
    ):
        run_here(request, installation.settings, instance, run_id)
    sync = installation.syncs.get(run_id, slug)
    if sync is None:
        raise SyncFailed(f"{slug}: run {run_id} ended before it could plan; see it with `make up`")
    return sync


@contextmanager
def watched(instance: dg.DagsterInstance, run_id: str, bar: Progress, task: TaskID) -> Iterator[None]:
    """Move the bar by each step that the run has done."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.2):
            done = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_SUCCESS).records
            bar.update(task, completed=len(done))

    watcher = threading.Thread(target=watch, name="progress")
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        bar.update(task, completed=STEPS_OF_A_RUN)
