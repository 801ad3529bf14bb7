"""Asks Dagster about an integration only where nobody else can tell: importing Dagster takes more than a second."""

from pathlib import Path

from integration_center.integration_files.integrations import Integrations, read_integrations
from integration_center.integration_files.parsing import ParsedFile
from integration_center.integration_files.places import find_folder
from integration_center.settings import read_paths
from integration_center.settings.paths import Paths


def read_folder(root: Path) -> Integrations:
    """Read every integration of a folder, without Dagster where none has `post_processing`."""
    return read_integrations(root, judge_with_dagster)


def read_installed(paths: Paths | None = None) -> Integrations:
    """Read every integration of an installation, by default of the one that the environment names."""
    return read_folder(find_folder(paths or read_paths()))


def judge_with_dagster(folder: Path, parsed: ParsedFile) -> str | None:
    """Say why Dagster does not take the integration of a folder; None when it does."""
    if not parsed.post_processed:
        return None
    from integration_center.pipeline.location.loader import judge_post_processing

    return judge_post_processing(folder, parsed)
