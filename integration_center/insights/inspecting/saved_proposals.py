"""The `report.yaml` that an inspection proposes: as text, and saved beside the report's files."""

from pathlib import Path

import yaml

from integration_center.errors import ConfigurationError
from integration_center.files.text_files import write_atomically
from integration_center.insights.declared.report_yaml_edit import read_kept, save_report_file
from integration_center.insights.drop_folders.drop_names import FILE_NAME, SCHEMA_NAME
from integration_center.insights.inspecting.inspection import Inspection


def write_proposal(found: Inspection) -> str:
    """Write the proposed `report.yaml` as text."""
    return yaml.safe_dump(dict(found.proposal), sort_keys=False, allow_unicode=True)


def save_proposal(found: Inspection, folder: Path | None) -> Path | None:
    """Save the proposed `report.yaml`, and return its path; None where nothing is proposed that reads the file.

    It begins with the line for editors if its schema is in this folder or the one above. A file that is there already
    gets the proposed options beside its own.

    Args:
        found: the inspection.
        folder: the folder of the report's files; None when it is not on this machine.

    Raises:
        ConfigurationError: the `report.yaml` that is there is broken, or the folder is not on this machine.
    """
    if not found.proposal or found.problem:
        return None
    if folder is None:
        raise ConfigurationError("the file is not in a folder of this machine; put the lines above beside it by hand")
    place = folder / FILE_NAME
    if place.exists():
        kept = read_kept(folder)
        if kept.problem:
            raise ConfigurationError(f"{kept.problem}. Then look again")
        save_report_file(folder, kept.version, kept.file.add(found.proposal))
        return place
    schema = next((each for each in (folder, folder.parent) if (each / SCHEMA_NAME).is_file()), None)
    way = f"{'' if schema == folder else '../'}{SCHEMA_NAME}"
    header = f"# yaml-language-server: $schema={way}\n" if schema else ""
    write_atomically(place, header + write_proposal(found))
    return place
