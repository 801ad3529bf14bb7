"""With `--postgresql`, each test whose database the option can put on a server runs there, and no other runs again."""

from pathlib import Path

import pytest

from integration_center_tests.conftest import uses_server


@pytest.fixture
def home() -> Path:
    """Another one of that name, which the option does not move."""
    return Path("elsewhere")


@pytest.fixture
def moved(request: pytest.FixtureRequest) -> bool:
    """What the option changes."""
    return bool(request.config.getoption("--postgresql"))


@pytest.fixture
def on_moved(moved: bool) -> bool:
    """What needs something that the option changes."""
    return moved


@pytest.fixture
def new_postgresql() -> None:
    """Starts no server here: that tests ask for it is all that is looked at."""


def test_a_test_without_them_is_left_out(request: pytest.FixtureRequest, home: Path) -> None:
    assert not uses_server(request.node)


def test_a_test_with_what_the_option_changes_is_kept(request: pytest.FixtureRequest, on_moved: bool) -> None:
    assert uses_server(request.node)


def test_a_test_that_starts_a_server_itself_is_kept(request: pytest.FixtureRequest, new_postgresql: None) -> None:
    assert uses_server(request.node)
