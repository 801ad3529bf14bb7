"""Add and remove channels in `alerts.yaml`; the rest of the file, and its comments, stay."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from integration_center.alerts.settings import (
    FILE_NAME,
    AlertSettings,
    Channel,
    parse_alert_settings,
    read_alert_settings,
)
from integration_center.errors import ConfigurationError
from integration_center.files.file_lock import hold_folder
from integration_center.files.text_files import write_atomically, writing
from integration_center.files.yaml_nodes import build_node, build_yaml, is_indented, write_document
from integration_center.wording.model_refusals import say_refusal


def add_channel(home: Path, name: str, channel: Mapping[str, Any]) -> None:
    """Add a channel.

    Args:
        home: the home of the installation.
        name: of the channel.
        channel: its options, as `alerts.yaml` has them.

    Raises:
        ConfigurationError: there is a channel of this name, an option is wrong, or the file cannot be used.
    """
    try:
        wanted = AlertSettings.model_validate({"channels": {name: channel}}).channels[name]
    except ValidationError as error:  # its text would repeat what was typed, secrets included
        fault = error.errors(include_input=False, include_url=False)[0]
        where = str(fault["loc"][-1]).removesuffix("[key]") if len(fault["loc"]) > 3 else "name"
        raise ConfigurationError(f"{where}: {say_refusal(fault)}") from None
    with _locked(home):
        settings = read_alert_settings(home) or AlertSettings()
        if name in settings.channels:
            raise ConfigurationError(f"there is a channel {name!r} already; choose another name")
        document = _read(home)
        if not isinstance(document.get("channels"), CommentedMap):
            document["channels"] = CommentedMap()
        options = {key: build_node(value) for key, value in channel.items()}
        document["channels"][build_node(name)] = CommentedMap(options)
        _write(home, document, {**settings.channels, name: wanted})


def remove_channel(home: Path, name: str) -> None:
    """Remove a channel.

    Raises:
        ConfigurationError: there is none of this name, or the file cannot be used.
    """
    with _locked(home):
        settings = read_alert_settings(home) or AlertSettings()
        if name not in settings.channels:
            raise ConfigurationError(f"there is no channel {name!r}; it was removed or renamed")
        document = _read(home)
        del document["channels"][name]
        _write(home, document, {key: kept for key, kept in settings.channels.items() if key != name})


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Let one person at a time change the file, so that nobody's change is lost."""
    with writing(home / FILE_NAME):
        home.mkdir(parents=True, exist_ok=True)
    with hold_folder(home):
        yield


def _read(home: Path) -> CommentedMap:
    path = home / FILE_NAME
    try:
        document = build_yaml().load(path.read_text(encoding="utf-8")) if path.exists() else None
    except (YAMLError, OSError):
        raise ConfigurationError("the channels cannot be changed here", setting=f"change {FILE_NAME} itself") from None
    return document if isinstance(document, CommentedMap) else CommentedMap()


def _write(home: Path, document: CommentedMap, wanted: Mapping[str, Channel]) -> None:
    """Write the file, if it will be read as the channels that are wanted."""
    path = home / FILE_NAME
    was = path.read_text(encoding="utf-8") if path.exists() else ""
    text = write_document(document, indented=is_indented(was))
    try:
        same = parse_alert_settings(text, FILE_NAME).channels == wanted
    except ConfigurationError:
        same = False
    if not same:
        raise ConfigurationError(
            "nothing was changed, because the channels would be read as something else",
            setting=f"change {FILE_NAME} itself",
        )
    with writing(path):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))  # it holds secrets
    write_atomically(path, text)
