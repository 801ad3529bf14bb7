from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from integration_center.database.engine import build_engine


@pytest.fixture
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """A new database of ours, on a server with `--postgresql`."""
    if request.config.getoption("--postgresql"):
        url: str = request.getfixturevalue("new_postgresql")()
        return build_engine(url)
    return build_engine(f"sqlite:///{tmp_path / 'center.db'}")


@dataclass
class Clock:
    now: datetime = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()
