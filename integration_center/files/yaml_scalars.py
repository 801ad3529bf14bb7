"""Single values of a YAML file: what YAML makes of them, and those of which it can make nothing.

A tag such as `!!bool` before any text is YAML; what PyYAML raises when it builds the value has many types.
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
"""Characters; a number with more cannot be shown, since Python writes out at most some 4,300 digits."""
SINGLE = frozenset(f"{TAG}{name}" for name in ("str", "null", "bool", "int", "float", "timestamp"))
"""The tags that a single value may have."""
HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def read_scalar(node: ScalarNode) -> Hashable:
    """Build the value that YAML reads.

    Raises:
        ValueError: there is none.
    """
    if node.tag not in SINGLE:
        raise ValueError(f"{node.tag.replace(TAG, '!!')} is no tag of a single value")
    if node.tag != f"{TAG}str" and len(node.value) > LONGEST_NUMBER:
        raise ValueError(f"it has {len(node.value):,} characters")
    try:
        value: Hashable = yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, LookupError, AttributeError, OverflowError):
        raise ValueError(f"it is none that {node.tag.replace(TAG, '!!')} can be") from None
    return value


def find_unreadable(node: Node, seen: set[int]) -> Iterator[str]:
    """Find the values at or under a node of which YAML makes nothing, each as a sentence.

    Args:
        node: of a document.
        seen: the nodes that were looked at, by identity; an anchor leads to one node from several places.
    """
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, ScalarNode):
        if half := HALF_CHARACTER.search(node.value):
            yield f"line {line_of(node)}: {cut(half[0])} is half of a character; write the whole one"
            return
        try:
            read_scalar(node)
        except ValueError as error:
            yield (
                f"a value is neither text nor a date or number ({error}), in line {line_of(node)}: write"
                f" {cut(node.value)!r} as text, in quotes"
            )
    elif node.tag not in (f"{TAG}seq", f"{TAG}map") or isinstance(node, SequenceNode) != (node.tag == f"{TAG}seq"):
        yield f"line {line_of(node)}: the tag {cut(node.tag.replace(TAG, '!!'))} is not read here; take it out"
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from find_unreadable(item, seen)
    elif isinstance(node, MappingNode):
        for name, value in node.value:
            if name.tag != MERGE:
                yield from find_unreadable(name, seen)
            elif not all(isinstance(each, MappingNode) for each in _merged(value)):
                yield f"line {line_of(name)}: << stands for the names of another mapping, and no mapping follows"
                continue
            yield from find_unreadable(value, seen)


def _merged(value: Node) -> list[Node]:
    return list(value.value) if isinstance(value, SequenceNode) else [value]


def show_scalar(node: ScalarNode) -> str:
    """What YAML makes of a plain text, in words."""
    tag = node.tag.removeprefix(TAG)
    if tag == "null":
        return "nothing"
    if tag == "timestamp":
        return "a date and time" if ":" in node.value else "a date"
    try:
        value = read_scalar(node)
    except ValueError:
        return "a number" if tag in ("int", "float") else "a sign of its own"
    if tag == "bool":
        return "true" if value else "false"
    return f"the number {value}"[:SHOWN_CHARACTERS] if tag in ("int", "float") else "a sign of its own"


def cut(text: str) -> str:
    """Shorten a text of the file, and spell out its control characters."""
    text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
