from pathlib import Path

import pytest
from sqlalchemy import Engine

from integration_center.database.engine import build_engine


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return build_engine(f"sqlite:///{tmp_path / 'center.db'}")
