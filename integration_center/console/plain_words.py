"""Texts as pages show them: without commands and names of settings, and of a file its name alone."""

import re

from integration_center.errors import IntegrationCenterError
from integration_center.wording.remedies import Said

PATH = re.compile(r"(?<![\w:/.])(?:sqlite:/{2,3})?/(?:[\w.@+-]+/)+([\w.@+-]+)")
"""An absolute path, not one within an address. Texts about a file begin with its path, for the terminal's sake."""


def drop_folders(text: str) -> str:
    """Leave out the folders of files: `defs.yaml` says as much to somebody at a page."""
    return PATH.sub(r"\1", text)


def say_error(error: Exception) -> str:
    """Say what an error says, and whom to ask where only the server admin can help."""
    return drop_folders(error.said.for_page if isinstance(error, IntegrationCenterError) else str(error))


def say_on_page(said: Said | None) -> str:
    """Say what a line of the log says; empty where it says nothing."""
    return "" if said is None else drop_folders(said.for_page)
