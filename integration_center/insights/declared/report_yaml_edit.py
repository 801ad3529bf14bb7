"""Change a `report.yaml`: only what differs, so that its comments and order stay, and only the file that was read."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from integration_center.errors import ConfigurationError, EditedMeanwhile, UnreadableReport
from integration_center.files.file_lock import hold_folder
from integration_center.files.regular_files import SMALL, read_regular
from integration_center.files.text_files import write_atomically, writing
from integration_center.files.yaml_nodes import build_node, build_yaml, is_indented, merge_node, write_document
from integration_center.insights.declared.report_yaml import WORDS, ReportFile, read_report_file
from integration_center.insights.drop_folders.drop_names import FILE_NAME

NAMES = {character: word for word, character in WORDS.items() if word.isalpha()}
"""The words for characters that are hard to see."""


@dataclass(frozen=True)
class KeptReportFile:
    """A `report.yaml` as it was read.

    Attributes:
        text: its text; empty where there is none.
        file: what it says; all defaults where there is none, or where it is broken.
        problem: why it is broken; None where it is not.
    """

    text: str
    file: ReportFile
    problem: str | None = None

    @property
    def version(self) -> str:
        """A text that changes with the file; empty where there is none."""
        return hashlib.sha256(self.text.encode()).hexdigest() if self.text else ""


def read_kept(folder: Path) -> KeptReportFile:
    """Read the `report.yaml` of a folder.

    Raises:
        ConfigurationError: it cannot be read at all.
    """
    path = folder / FILE_NAME
    try:
        data = read_regular(path, most=SMALL)
    except FileNotFoundError:
        return KeptReportFile("", ReportFile())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    text = data.decode(errors="replace")
    try:
        return KeptReportFile(text, read_report_file(data, str(path)))
    except UnreadableReport as error:
        return KeptReportFile(text, ReportFile(), str(error))


def save_report_file(folder: Path, version: str, after: ReportFile) -> list[str]:
    """Save a `report.yaml`, and return the names of the options that changed.

    Args:
        folder: the folder of the report's files.
        version: the version of the file that was shown.
        after: what it says then.

    Raises:
        EditedMeanwhile: the file is another one by now.
        ConfigurationError: it cannot be written.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"{folder} is not there any more; nothing was saved")
    with writing(folder / FILE_NAME), hold_folder(folder):
        kept = read_kept(folder)
        if kept.version != version:
            raise EditedMeanwhile(
                f"{FILE_NAME} of {folder.name!r} was changed while you edited it. Nothing was saved; open the page"
                " again and make your change there"
            )
        was, is_now = dump(kept.file), dump(after)
        changed = [name for name in ReportFile.model_fields if was.get(name) != is_now.get(name)]
        if not changed and not kept.problem:
            return []
        text = write_new(after) if kept.problem or not kept.text.strip() else edit(kept.text, kept.file, after)
        if judge(text) != after:  # anchors, merges or doubled names that an edit cannot follow
            text = write_new(after)
        if judge(text) != after:
            raise ConfigurationError(f"{FILE_NAME} was not saved, because it would be read as something else")
        write_atomically(folder / FILE_NAME, text)
    return changed


def edit(text: str, before: ReportFile, after: ReportFile) -> str:
    """Return the file's text with the options changed in which `after` differs from `before`."""
    try:
        document = build_yaml().load(text.replace("\r\n", "\n"))
    except YAMLError:
        return write_new(after)
    if not isinstance(document, CommentedMap):
        return write_new(after)
    was, is_now = dump(before), dump(after)
    for name in ReportFile.model_fields:
        if was.get(name) == is_now.get(name):
            continue
        if name in is_now:
            document[name] = merge_node(document.get(name), is_now[name])
        else:
            document.pop(name, None)
    edited = write_document(document, indented=is_indented(text)) if document else ""
    return edited.replace("\n", "\r\n") if "\r\n" in text else edited


def write_new(file: ReportFile) -> str:
    """Write a new file: the options that differ from their defaults."""
    said = dump(file)
    if not said:
        return ""
    document = CommentedMap((name, build_node(value)) for name, value in said.items())
    if isinstance(columns := document.get("columns"), CommentedMap):
        columns.fa.set_block_style()
    return write_document(document, indented=True)


def dump(file: ReportFile) -> dict[str, Any]:
    """Return the options as a file gives them, those that differ from their defaults."""
    said = file.model_dump(mode="json", exclude_defaults=True)
    for name in ("delimiter", "quote", "escape"):
        if name in said:
            said[name] = NAMES.get(said[name], said[name])
    if "columns" in said:
        said["columns"] = {name: _shorten(own) for name, own in said["columns"].items()}
    return {name: said[name] for name in ReportFile.model_fields if name in said}


def judge(text: str) -> ReportFile | None:
    """Return what a text says; None where it cannot be read."""
    try:
        return read_report_file(text.encode(), FILE_NAME)
    except UnreadableReport:
        return None


def _shorten(own: Mapping[str, Any]) -> Any:
    """Return a type alone as text, as people write it."""
    return own["type"] if set(own) == {"type"} else dict(own)
