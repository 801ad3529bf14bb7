"""Add and remove channels in `alerts.yaml`; the rest of the file, and its comments, stay."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from integration_center.alerts.settings import FILE_NAME, AlertSettings, read_alert_settings
from integration_center.errors import ConfigurationError
from integration_center.files.text_files import write_atomically, writing


def add_channel(home: Path, name: str, channel: Mapping[str, Any]) -> None:
    """Add a channel.

    Args:
        home: the home of the installation.
        name: of the channel.
        channel: its options, as `alerts.yaml` has them.

    Raises:
        ConfigurationError: there is a channel of this name, an option is wrong, or the file cannot be used.
    """
    settings = read_alert_settings(home) or AlertSettings()
    if name in settings.channels:
        raise ConfigurationError(f"there is a channel {name!r} already; choose another name")
    try:
        AlertSettings.model_validate({"channels": {name: channel}})
    except ValidationError as error:  # its text would repeat what was typed, secrets included
        fault = error.errors(include_input=False, include_url=False)[0]
        where = str(fault["loc"][-1]).removesuffix("[key]") if len(fault["loc"]) > 3 else "name"
        said = fault["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{where}: {said}") from None
    document = _read(home)
    if not isinstance(document.get("channels"), CommentedMap):
        document["channels"] = CommentedMap()
    document["channels"][name] = dict(channel)
    _write(home, document)


def remove_channel(home: Path, name: str) -> None:
    """Remove a channel.

    Raises:
        ConfigurationError: there is none of this name, or the file cannot be used.
    """
    settings = read_alert_settings(home) or AlertSettings()
    if name not in settings.channels:
        raise ConfigurationError(f"there is no channel {name!r}; it was removed or renamed")
    document = _read(home)
    del document["channels"][name]
    _write(home, document)


def _read(home: Path) -> CommentedMap:
    path = home / FILE_NAME
    try:
        document = YAML().load(path.read_text(encoding="utf-8")) if path.exists() else None
    except (YAMLError, OSError):
        raise ConfigurationError(f"{FILE_NAME} cannot be changed here; change the file itself") from None
    return document if isinstance(document, CommentedMap) else CommentedMap()


def _write(home: Path, document: CommentedMap) -> None:
    path, text = home / FILE_NAME, io.StringIO()
    YAML().dump(document, text)
    with writing(path):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))  # it holds secrets
    write_atomically(path, text.getvalue())
