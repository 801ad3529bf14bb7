"""The local Insights API over real HTTP."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from integration_center.insights.walkme_api.api import ApiSource
from salesforce_emulator.insights.api import CLIENT_ID, CLIENT_SECRET, SYSTEM_GUID, build_insights_app

SAMPLES = Path(__file__).parent.parent / "samples"
DAY = date(2026, 11, 22)


@dataclass
class Running:
    """The local API and its address."""

    url: str
    app: Starlette

    def source(self, secret: str = CLIENT_SECRET, data_page: int = 10_000) -> ApiSource:
        return ApiSource(self.url, CLIENT_ID, secret, SYSTEM_GUID, data_page=data_page)


@contextmanager
def run_local_api() -> Iterator[Running]:
    """The API on a free port, with the samples and 1,000 logins, on the day after `DAY`."""
    app = build_insights_app(drops=SAMPLES, records=1_000, today=lambda: date(2026, 11, 23))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield Running(f"http://127.0.0.1:{listener.getsockname()[1]}", app)
        server.should_exit = True
        thread.join()
