"""The emulator as a whole: two Salesforce orgs and the Insights API, each on its own port of the loopback."""

import asyncio
import json
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from salesforce_emulator.api.gateway import Gateway
from salesforce_emulator.app import build_salesforce_app
from salesforce_emulator.bulk.ingest import IngestJobs
from salesforce_emulator.bulk.query import QueryJobs
from salesforce_emulator.clock import Clock
from salesforce_emulator.faults import Faults
from salesforce_emulator.org.calls import CallLog
from salesforce_emulator.org.custom_fields import restore_custom_fields
from salesforce_emulator.org.org import PRODUCTION, SANDBOX, Org, OrgProfile, build_profile
from salesforce_emulator.org.store import Store
from salesforce_emulator.people import Person
from salesforce_emulator.seed import seed_org

HOST = "127.0.0.1"
DEFAULT_RECORDS = 2_000


@dataclass(frozen=True)
class EmulatorConfig:
    """What the emulator starts with.

    Attributes:
        records: Leads invented in each org.
        people: further people who get a Lead and a Contact in both orgs.
        data: a folder whose SQLite files are reused, or made; None for a temporary one.
        drops: a folder of report drops that the Insights API serves; None for generated reports only.
        sandbox_port, production_port, insights_port: 0 for any free port.
        redirect_uris: further redirect URIs of the OAuth app in all orgs.
        further: the names of further orgs, and whether each is a sandbox. They listen on free ports.
        insights: whether to serve the Insights API too.
        today: the day up to which the Insights API has reports; None for the sandbox's clock.
    """

    records: int = DEFAULT_RECORDS
    people: Sequence[Person] = ()
    data: Path | None = None
    drops: Path | None = None
    sandbox_port: int = 0
    production_port: int = 0
    insights_port: int = 0
    redirect_uris: Sequence[str] = ()
    further: Mapping[str, bool] = field(default_factory=dict)
    insights: bool = True
    today: date | None = None
    host: str = field(default=HOST)


@dataclass(frozen=True)
class OrgHandle:
    """An org as tests see it; `org` holds everything else."""

    org: Org

    @property
    def url(self) -> str:
        """Base address: login host, My Domain and instance in one."""
        return self.org.url

    @property
    def client_id(self) -> str:
        """Consumer key of the external client app."""
        return self.org.app.client_id

    @property
    def client_secret(self) -> str:
        """Consumer secret of the external client app."""
        return self.org.app.client_secret

    @property
    def store(self) -> Store:
        """The rows."""
        return self.org.store

    @property
    def faults(self) -> Faults:
        """The faults to switch on."""
        return self.org.faults

    @property
    def clock(self) -> Clock:
        """The org's clock."""
        return self.org.clock

    @property
    def calls(self) -> CallLog:
        """The calls the org has seen."""
        return self.org.calls


class PortTaken(OSError):
    """A port cannot be listened on, because another program has it or because this user may not."""

    def __init__(self, number: int | None, text: str, port: int) -> None:
        super().__init__(number, text)
        self.port = port


class Emulator:
    """The emulator in this process, as a context manager.

    Example:
        ```python
        with Emulator(EmulatorConfig(records=500)) as emulator:
            emulator.sandbox.faults.respond(503, "*/query*", times=2)
            connect(emulator.sandbox.url, emulator.sandbox.client_id, emulator.sandbox.client_secret)
        ```
    """

    def __init__(self, config: EmulatorConfig | None = None) -> None:
        self.config = config if config is not None else EmulatorConfig()
        self.insights_url = ""
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._servers: list[uvicorn.Server] = []
        self._sockets: list[socket.socket] = []
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._orgs: dict[str, OrgHandle] = {}

    @property
    def sandbox(self) -> OrgHandle:
        """The sandbox org."""
        return self._orgs["sandbox"]

    @property
    def production(self) -> OrgHandle:
        """The production org."""
        return self._orgs["production"]

    def org(self, name: str) -> OrgHandle:
        """An org by its name."""
        return self._orgs[name]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Seed the orgs and listen; returns when all ports answer.

        Raises:
            PortTaken: a port cannot be listened on.
        """
        folder = self.config.data
        if folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="emulator-", ignore_cleanup_errors=True)
            folder = Path(self._temporary.name)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._open(folder)
        except BaseException:
            self.stop()
            raise

    def _open(self, folder: Path) -> None:
        apps: list[ASGIApp] = []
        further = [
            build_profile(name, number, is_sandbox=is_sandbox)
            for number, (name, is_sandbox) in enumerate(self.config.further.items())
        ]
        with ThreadPoolExecutor(max_workers=2) as pool:
            orgs = list(pool.map(lambda profile: self._build_org(profile, folder), (SANDBOX, PRODUCTION, *further)))
        ports = (self.config.sandbox_port, self.config.production_port, *(0 for _ in further))
        for org, port in zip(orgs, ports, strict=True):
            self._orgs[org.profile.name] = OrgHandle(org)
            org.url = self._listen(port)
            apps.append(build_salesforce_app(org))
        if self.config.insights:
            apps.append(self._build_insights())
            self.insights_url = self._listen(self.config.insights_port)
        for app in apps:
            settings = uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                date_header=not isinstance(app, Gateway),
                log_config=None,
                timeout_graceful_shutdown=1,
                timeout_keep_alive=75,  # uvicorn's own 5 s end just when simple-salesforce looks again
            )
            self._servers.append(uvicorn.Server(settings))
        self._thread = threading.Thread(target=self._serve, name="emulator", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise RuntimeError("The emulator did not start.") from self._failure

    def _build_org(self, profile: OrgProfile, folder: Path) -> Org:
        path = folder / f"{profile.name}.sqlite"
        org = Org(profile, path)
        org.app.redirect_uris.extend(self.config.redirect_uris)
        # An interrupted seed leaves tables without rows, and counts as none.
        if org.store.count("Organization", "1") == 0:
            seed_org(org, self.config.records, self.config.people)
        restore_custom_fields(org)
        org.refresh_rights()
        return org

    def _build_insights(self) -> ASGIApp:
        # Imported here, so that the orgs can be used without the other half.
        from salesforce_emulator.insights.api import build_insights_app

        def today() -> date:
            return self.config.today or self.sandbox.clock.now().date()

        return build_insights_app(drops=self.config.drops, records=self.config.records, today=today)

    def _listen(self, port: int) -> str:
        # With the protocol named, asyncio turns Nagle off; without, every answer waits 40 ms.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._sockets.append(listener)
        try:
            listener.bind((self.config.host, port))
            listener.listen(128)
        except OSError as error:
            raise PortTaken(error.errno, f"{error.strerror}: port {port}", port) from None
        return f"http://{self.config.host}:{listener.getsockname()[1]}"

    def _serve(self) -> None:
        try:
            asyncio.run(self._serve_all())
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._ready.set()

    async def _serve_all(self) -> None:
        tasks = [
            asyncio.create_task(server.serve(sockets=[listener]))
            for server, listener in zip(self._servers, self._sockets, strict=True)
        ]
        while not all(server.started for server in self._servers) and not any(task.done() for task in tasks):
            await asyncio.sleep(0.002)
        self._ready.set()
        await asyncio.gather(*tasks)

    def stop(self) -> None:
        """End the servers and the jobs, and close the stores."""
        for server in self._servers:
            server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        for listener in self._sockets:
            listener.close()
        for handle in self._orgs.values():
            if hasattr(handle.org, "ingest_jobs"):
                handle.org.part(IngestJobs).close()
                handle.org.part(QueryJobs).close()
            handle.org.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def describe(self) -> dict[str, str]:
        """Return the addresses and credentials, as the command line prints them."""
        listing: dict[str, str] = {}
        for org, handle in self._orgs.items():
            name = org.replace("-", "_")
            listing |= {
                f"{name}_url": handle.url,
                f"{name}_client_id": handle.client_id,
                f"{name}_client_secret": handle.client_secret,
            }
        if self.config.insights:
            from salesforce_emulator.insights import api as insights

            listing |= {
                "insights_url": self.insights_url,
                "insights_client_id": insights.CLIENT_ID,
                "insights_client_secret": insights.CLIENT_SECRET,
                "insights_system_guid": insights.SYSTEM_GUID,
            }
        return listing


def serve(config: EmulatorConfig) -> None:
    """Run in the foreground: print one JSON line when ready, end on SIGTERM or SIGINT."""
    # A pipe, because a handler that touches the lock it interrupted would wait for ever.
    waiting, waking = os.pipe()

    def end(number: int, frame: FrameType | None) -> None:
        os.write(waking, b"!")

    numbers = (signal.SIGTERM, signal.SIGINT)
    previous = {number: signal.signal(number, end) for number in numbers}
    try:
        with Emulator(config) as emulator:
            # Once more: Polars, imported on the way, puts a handler of its own on SIGINT.
            for number in numbers:
                signal.signal(number, end)
            print(json.dumps(emulator.describe()), flush=True)
            os.read(waiting, 1)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        os.close(waiting)
        os.close(waking)
