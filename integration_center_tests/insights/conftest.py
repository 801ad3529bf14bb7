"""Retries without waiting; the local Insights API and object storage on loopback."""

from collections.abc import Iterator

import httpx
import pytest
import stamina

from integration_center_tests.insights.local_api import Running, run_local_api
from integration_center_tests.insights.object_servers import BUCKET, S3Server, running


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
