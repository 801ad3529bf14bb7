"""Read single values of a YAML file, and find those that YAML cannot read.

A tag such as `!!bool` before any text is valid YAML. PyYAML raises many types of errors when it builds such a value.
"""

import re
from collections.abc import Hashable, Iterator

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from integration_center.files.yaml_bounds import line_of

TAG = "tag:yaml.org,2002:"
MERGE = f"{TAG}merge"
SHOWN_CHARACTERS = 80
LONGEST_NUMBER = 1_000
"""The most characters of a number. Python writes out at most about 4,300 digits."""
SINGLE = frozenset(f"{TAG}{name}" for name in ("str", "null", "bool", "int", "float", "timestamp"))
"""The allowed tags of a single value."""
HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def read_scalar(node: ScalarNode) -> Hashable:
    """Build the value that YAML reads.

    Raises:
        ValueError: YAML cannot read the value.
    """
    if node.tag not in SINGLE:
        raise ValueError(f"{node.tag.replace(TAG, '!!')} is not a tag of a single value")
    if node.tag == f"{TAG}str":
        return str(node.value)  # nearly all values; a loader for each would take half of the time of a file
    if len(node.value) > LONGEST_NUMBER:
        raise ValueError(f"it has {len(node.value):,} characters")
    try:
        value: Hashable = yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, LookupError, AttributeError, OverflowError):
        raise ValueError(f"it is not a valid {node.tag.replace(TAG, '!!')}") from None
    return value


def find_unreadable(node: Node, seen: set[int]) -> Iterator[str]:
    """Find the values at or under a node that YAML cannot read, one sentence each.

    Args:
        node: a node of a document.
        seen: the ids of nodes that were already checked. Aliases reach one node from several places.
    """
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, ScalarNode):
        if half := HALF_CHARACTER.search(node.value):
            yield f"line {line_of(node)}: {cut(half[0])} is half of a character; write the whole character"
            return
        try:
            read_scalar(node)
        except ValueError as error:
            yield (
                f"a value is neither text nor a date or number ({error}), in line {line_of(node)}: write"
                f" {cut(node.value)!r} as text, in quotes"
            )
    elif node.tag not in (f"{TAG}seq", f"{TAG}map") or isinstance(node, SequenceNode) != (node.tag == f"{TAG}seq"):
        yield f"line {line_of(node)}: the tag {cut(node.tag.replace(TAG, '!!'))} is not read here; remove it"
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from find_unreadable(item, seen)
    elif isinstance(node, MappingNode):
        for name, value in node.value:
            if name.tag != MERGE:
                yield from find_unreadable(name, seen)
            elif not all(isinstance(each, MappingNode) for each in _merged(value)):
                yield f"line {line_of(name)}: << copies the names of another mapping, but no mapping follows"
                continue
            yield from find_unreadable(value, seen)


def _merged(value: Node) -> list[Node]:
    return list(value.value) if isinstance(value, SequenceNode) else [value]


def show_scalar(node: ScalarNode) -> str:
    """Describe what YAML reads from a plain text, in words."""
    tag = node.tag.removeprefix(TAG)
    if tag == "null":
        return "nothing"
    if tag == "timestamp":
        return "a date and time" if ":" in node.value else "a date"
    try:
        value = read_scalar(node)
    except ValueError:
        return "a number" if tag in ("int", "float") else "a special sign"
    if tag == "bool":
        return "true" if value else "false"
    return f"the number {value}"[:SHOWN_CHARACTERS] if tag in ("int", "float") else "a special sign"


def cut(text: str) -> str:
    """Shorten a text of the file, and write its control characters as escapes."""
    text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
