"""Retries without waiting; the local Insights API and object storage on loopback."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest
import stamina

from integration_center.insights.drop_folders.drops import LocalDrops
from integration_center.insights.files import FilesSource
from integration_center.insights.source import Report
from integration_center_tests.insights.local_api import Running, run_local_api
from integration_center_tests.insights.object_servers import BUCKET, S3Server, running

DAY = date(2026, 11, 22)
Read = Callable[..., Report]


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=4)
    yield
    stamina.set_testing(False)


@pytest.fixture
def walkme() -> Iterator[Running]:
    """A fresh local Insights API."""
    with run_local_api() as api:
        yield api


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """The S3 server of this worker."""
    with running(S3Server()) as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server with one empty bucket, and the environment that opens it."""
    s3_server.first.clear()
    httpx.post(f"{s3_server.url}/moto-api/reset").raise_for_status()
    s3_server.client().create_bucket(Bucket=BUCKET)
    for name, value in s3_server.variables().items():
        monkeypatch.setenv(name, value)
    s3_server.requests.clear()
    return s3_server


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a file of Logins with what its `report.yaml` declares."""

    def read_file(content: str | bytes, declared: str = "", suffix: str = ".csv") -> Report:
        folder = tmp_path / "logins"
        folder.mkdir(exist_ok=True)
        (folder / f"{DAY}{suffix}").write_bytes(content.encode() if isinstance(content, str) else content)
        (folder / "report.yaml").write_text(declared, encoding="utf-8")
        source = FilesSource(LocalDrops(tmp_path))
        return source.read(source.find("Logins"), DAY)

    return read_file
