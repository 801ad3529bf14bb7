"""What a person sees who calls commands before anything is set up."""

from pathlib import Path

import pytest

from integration_center_tests.pipeline.commands import Command


@pytest.mark.parametrize("verb", ["list", "check"])
def test_without_an_integration_a_command_says_how_to_write_one(verb: str, command: Command, tmp_path: Path) -> None:
    code, out, _ = command(verb)
    assert code == 0
    assert out == f"No integration in {tmp_path / 'defs'}. Run: integration-center new\n"
