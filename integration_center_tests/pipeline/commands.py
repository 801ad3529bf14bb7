"""The command line, as tests run it."""

import json
from collections.abc import Callable
from typing import Any

Said = tuple[int, str, str]
"""Exit code, standard output, and standard error without its frames."""
Command = Callable[..., Said]


def as_json(said: Said) -> Any:
    """The JSON a command printed."""
    return json.loads(said[1])
