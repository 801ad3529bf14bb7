"""Add and remove channels in the alert settings; the rest of the text, and its comments, stay."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from integration_center.alerts.places import AlertPlace
from integration_center.alerts.settings import AlertSettings, Channel, parse_alert_settings
from integration_center.errors import ConfigurationError
from integration_center.files.yaml_nodes import build_node, build_yaml, is_indented, write_document
from integration_center.wording.model_refusals import say_refusal


def add_channel(place: AlertPlace, name: str, channel: Mapping[str, Any]) -> None:
    """Add a channel.

    Args:
        place: where the settings are kept.
        name: of the channel.
        channel: its options, as `alerts.yaml` has them.

    Raises:
        ConfigurationError: there is a channel of this name, an option is wrong, or the settings cannot be used.
    """
    try:
        wanted = AlertSettings.model_validate({"channels": {name: channel}}).channels[name]
    except ValidationError as error:  # its text would repeat what was typed, secrets included
        fault = error.errors(include_input=False, include_url=False)[0]
        where = str(fault["loc"][-1]).removesuffix("[key]") if len(fault["loc"]) > 3 else "name"
        raise ConfigurationError(f"{where}: {say_refusal(fault)}") from None

    def add(text: str | None) -> str:
        channels = _parse(text, place)
        if name in channels:
            raise ConfigurationError(f"there is a channel {name!r} already; choose another name")
        document = _load(text, place)
        if not isinstance(document.get("channels"), CommentedMap):
            document["channels"] = CommentedMap()
        options = {key: build_node(value) for key, value in channel.items()}
        document["channels"][build_node(name)] = CommentedMap(options)
        return _write(place, document, text, {**channels, name: wanted})

    place.change(add)


def remove_channel(place: AlertPlace, name: str) -> None:
    """Remove a channel.

    Raises:
        ConfigurationError: there is none of this name, or the settings cannot be used.
    """

    def remove(text: str | None) -> str:
        channels = _parse(text, place)
        if name not in channels:
            raise ConfigurationError(f"there is no channel {name!r}; it was removed or renamed")
        document = _load(text, place)
        del document["channels"][name]
        return _write(place, document, text, {key: kept for key, kept in channels.items() if key != name})

    place.change(remove)


def _parse(text: str | None, place: AlertPlace) -> Mapping[str, Channel]:
    return parse_alert_settings(text or "", place.name).channels


def _load(text: str | None, place: AlertPlace) -> CommentedMap:
    try:
        document = build_yaml().load(text or "")
    except YAMLError:
        raise ConfigurationError("the channels cannot be changed here", setting=f"change {place.name} itself") from None
    return document if isinstance(document, CommentedMap) else CommentedMap()


def _write(place: AlertPlace, document: CommentedMap, was: str | None, wanted: Mapping[str, Channel]) -> str:
    """Write the text, if it will be read as the channels that are wanted."""
    text = write_document(document, indented=is_indented(was or ""))
    try:
        same = parse_alert_settings(text, place.name).channels == wanted
    except ConfigurationError:
        same = False
    if not same:
        raise ConfigurationError(
            "nothing was changed, because the channels would be read as something else",
            setting=f"change {place.name} itself",
        )
    return text
