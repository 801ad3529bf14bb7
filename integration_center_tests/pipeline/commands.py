"""The command line, as tests run it."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from integration_center.cli import main
from integration_center.cli.output import console, errors

Said = tuple[int, str, str]
"""Exit code, standard output, and standard error without its frames."""
Command = Callable[..., Said]


def build_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """What runs a command in this process, with the environment as it is then."""

    def run(*arguments: str) -> Said:
        monkeypatch.setattr("sys.argv", ["integration-center", *arguments])
        capsys.readouterr()
        forget_consoles()  # as a process of its own, the command makes them for the output that it has
        try:
            with pytest.raises(SystemExit) as exit_:
                main()
        finally:
            forget_consoles()
        said = capsys.readouterr()
        code = exit_.value.code
        assert isinstance(code, int)
        return code, said.out, " ".join(re.sub(r"[│╭╮╰╯─]", " ", said.err).split())

    return run


def forget_consoles() -> None:
    """Forget the consoles that were made for an earlier output, which may have been a terminal."""
    for each in (console, errors):
        vars(each).pop("made", None)


def as_json(said: Said) -> Any:
    """The JSON a command printed."""
    return json.loads(said[1])
