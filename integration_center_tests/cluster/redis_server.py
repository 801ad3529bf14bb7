"""A Redis server for tests, where one is installed: Celery's queue."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from redis import Redis

REQUIRED = "INTEGRATION_CENTER_REQUIRE_REDIS"
"""Set it, and what needs a server fails where none is installed."""


@contextmanager
def open_redis() -> Iterator[str]:
    """A Redis server on a socket, and its address but for the scheme."""
    program = shutil.which("redis-server")
    if program is None:
        missing = pytest.fail if os.environ.get(REQUIRED) else pytest.skip
        missing("no Redis server is installed")
    assert program is not None
    with TemporaryDirectory(prefix="redis") as name:  # a socket's path has 107 characters at most
        socket = Path(name) / "socket"
        options = ("--port", "0", "--unixsocket", str(socket), "--dir", name, "--save", "")
        server = subprocess.Popen([program, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        try:
            for line in server.stdout:
                if "ready to accept connections" in line.lower():
                    break
            with Redis(unix_socket_path=str(socket)) as client:
                client.ping()
            yield f"{socket}"
        finally:
            server.terminate()
            server.communicate()
