"""With `--postgresql`, each test whose database the option can put on a server runs there, and no other runs again."""

from pathlib import Path

import pytest

from integration_center_tests.conftest import MOVED, uses_server

TESTS = Path(__file__).parent
OPTION = 'getoption("--postgresql")'


def test_only_the_fixtures_that_are_listed_ask_for_a_server() -> None:
    asking = {str(path.relative_to(TESTS)) for path in TESTS.rglob("*.py") if OPTION in path.read_text("utf-8")}
    assert asking == {*MOVED.values(), "conftest.py", Path(__file__).name}


@pytest.fixture
def home() -> Path:
    """Another one of that name, which the option does not move."""
    return Path("elsewhere")


def test_a_test_without_them_is_left_out(request: pytest.FixtureRequest, home: Path) -> None:
    assert not uses_server(request.node)


def test_a_test_that_starts_a_server_itself_is_kept(request: pytest.FixtureRequest, complete_database: str) -> None:
    assert uses_server(request.node)
