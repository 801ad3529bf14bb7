"""Edits the text of a `defs.yaml`: only what changed, so that a hand-written file keeps its comments and order.

Text in, text out.
"""

from collections.abc import Mapping
from typing import Any

from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from integration_center.errors import ConfigurationError
from integration_center.files.yaml_nodes import build_node, build_yaml, is_indented, merge_node, write_document
from integration_center.integration.spec import IntegrationSpec

COMPONENT = "integration_center.Integration"
ORDER = (
    *("name", "environment", "account", "enabled", "schedule", "report", "source", "object", "keys", "fields"),
    *(name for name in IntegrationSpec.model_fields if name not in {"name", "environment", "enabled", "schedule"}),
)
"""The order in which a new file gives the attributes; those not named first follow as the model has them."""


def write_new(spec: IntegrationSpec) -> str:
    """A new file: what is required, and the options that differ from their defaults."""
    attributes = CommentedMap()
    given = dump(spec)
    for name in dict.fromkeys(ORDER):
        if name in given:
            attributes[name] = build_node(given[name])
    document = CommentedMap()
    document["type"] = COMPONENT
    document["attributes"] = attributes
    return write_document(document, indented=True)


def edit(text: str, before: IntegrationSpec, after: IntegrationSpec) -> str:
    """The file's text with the attributes changed in which `after` differs from `before`.

    Args:
        text: the file, which the loader reads as `before`.
        before: what it says now.
        after: what it says then.

    Raises:
        ConfigurationError: the text cannot be edited; it says what to do.
    """
    try:
        document = build_yaml().load(text.replace("\r\n", "\n"))
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"defs.yaml{line}: the YAML cannot be edited here; correct it by hand") from None
    attributes = document.get("attributes") if isinstance(document, CommentedMap) else None
    if not isinstance(attributes, CommentedMap):
        raise ConfigurationError("defs.yaml: expected `attributes:` with the integration below it; correct it by hand")
    was, is_now = dump(before), dump(after)
    for name in dict.fromkeys(ORDER):
        if was.get(name) == is_now.get(name):
            continue
        if name in is_now:
            _set(attributes, name, merge_node(attributes.get(name), is_now[name]))
        elif name in attributes:
            _unset(attributes, name, after)
    edited = write_document(document, indented=is_indented(text))
    return edited.replace("\n", "\r\n") if "\r\n" in text else edited


def dump(spec: IntegrationSpec) -> dict[str, Any]:
    """The attributes as a file gives them: required ones, and options that differ from their defaults."""
    required = {name for name, field in IntegrationSpec.model_fields.items() if field.is_required()}
    given = spec.model_dump(mode="json", exclude_defaults=True)
    if spec.source:  # which takes the place of the report
        del given["report"]
        required -= {"report"}
    if "account" in given:  # which takes the place of the environment
        required -= {"environment"}
    return {name: _plain(given[name]) for name in IntegrationSpec.model_fields if name in given or name in required}


def _plain(value: Any) -> Any:
    """Numbers without a needless `.0`: a limit of ten percent is written `10`."""
    match value:
        case float() if value.is_integer() and abs(value) < 1e15:
            return int(value)
        case Mapping():
            return {name: _plain(item) for name, item in value.items()}
        case list():
            return [_plain(item) for item in value]
    return value


def _set(attributes: CommentedMap, name: str, node: Any) -> None:
    """Set an attribute. A new one goes behind the nearest one that comes before it in `ORDER`."""
    if name in attributes:
        attributes[name] = node
        return
    order = list(dict.fromkeys(ORDER))
    earlier = set(order[: order.index(name)])
    present = list(attributes)
    last = max((place for place, key in enumerate(present) if key in earlier), default=-1)
    attributes.insert(last + 1, name, node)


def _unset(attributes: CommentedMap, name: str, after: IntegrationSpec) -> None:
    """Back to the default: the line stays where the file has it, so that its comment does; null is taken out."""
    default = after.model_dump(mode="json").get(name)
    if default in (None, [], {}) or isinstance(default, dict):
        del attributes[name]
    else:
        attributes[name] = build_node(default)
