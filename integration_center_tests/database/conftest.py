"""An installation with the local orgs."""

import pytest

from integration_center.database import engine
from integration_center_tests.pipeline.conftest import center, connect, history_in_memory, home

__all__ = ["center", "connect", "history_in_memory", "home"]

CREATE = engine.create_file


@pytest.fixture(autouse=True)
def _new_databases_are_no_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about the revisions."""
    monkeypatch.setattr(engine, "create_file", CREATE)
