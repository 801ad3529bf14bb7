"""Limit the size and depth of a YAML text, before anything is built from it that takes time or memory."""

from collections.abc import Iterator, Sequence

import yaml
from yaml.nodes import MappingNode, Node, SequenceNode

LONGEST = 200_000
"""The most characters of a file. Forty mappings have about 4,000."""
DEEPEST = 40
"""The most levels of lists and mappings. An integration has four."""
MOST_VALUES = 20_000
"""The most values of a document. A value that aliases repeat counts each time."""


class YamlFault(Exception):
    """A text is not YAML, or does not mean what its author intended. The message names each place and line."""


def compose_bounded(text: str) -> Sequence[Node]:
    """Compose the documents of a text that is not too deep, too long, or too large when its aliases are expanded.

    Raises:
        YamlFault: the text is too deep, too long or too large.
        yaml.YAMLError: the text is not YAML.
    """
    if len(text) > LONGEST:
        raise YamlFault(f"it has {len(text):,} characters; at most {LONGEST:,} are read")
    _check_depth(text)
    documents = [node for node in _compose(text) if node is not None]
    for document in documents:
        _count_values(document, {})
    return documents


def load_bounded(text: str) -> object:
    """Build the values of a text that holds one document, or none, and is not too deep, too long or too large.

    Raises:
        YamlFault: the text is too deep, too long or too large, or holds several documents.
        yaml.YAMLError: the text is not YAML.
        ValueError: a value has the form of a date, but is none.
    """
    documents = compose_bounded(text)
    if len(documents) > 1:
        raise YamlFault(f"line {line_of(documents[1])}: a second document begins; only one is read")
    return yaml.SafeLoader("").construct_document(documents[0]) if documents else None


def line_of(node: Node) -> int:
    """Return the number of the line in which a node begins."""
    return int(node.start_mark.line) + 1


def _check_depth(text: str) -> None:
    """Refuse a text that is nested too deep, before it is read recursively."""
    depth = 0
    for event in _parse(text):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise YamlFault(f"line {line}: lists and mappings are nested too deep to be read")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _compose(text: str) -> Sequence[Node]:
    """Compose the documents of a text by libyaml; see `_parse`."""
    try:
        return list(yaml.compose_all(text, Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, AttributeError):
        return list(yaml.compose_all(text, Loader=yaml.SafeLoader))


def _parse(text: str) -> Iterator[yaml.Event]:
    """Parse a text by libyaml, which is ten times as fast; what it refuses, by PyYAML, whose messages we explain."""
    try:
        yield from list(yaml.parse(text, Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, AttributeError):  # PyYAML may be built without libyaml
        yield from yaml.parse(text, Loader=yaml.SafeLoader)


def _count_values(node: Node, counted: dict[int, int]) -> int:
    """Count the values under a node, with each alias expanded.

    Args:
        node: a node of a document.
        counted: the counts of the nodes seen so far, by identity; 0 while a node is being counted.

    Raises:
        YamlFault: there are too many values, or the node contains itself.
    """
    if id(node) in counted:
        if not counted[id(node)]:
            raise YamlFault(
                f"line {line_of(node)}: an anchor (&) contains itself by an alias (*); write out what is meant"
            )
        return counted[id(node)]
    counted[id(node)] = 0
    inner = [node.value] if isinstance(node, SequenceNode) else node.value if isinstance(node, MappingNode) else []
    count = 1 + sum(_count_values(each, counted) for group in inner for each in group)
    if count > MOST_VALUES:
        written = len(counted) > MOST_VALUES
        raise YamlFault(
            f"line {line_of(node)}: it has more than {MOST_VALUES:,} values, which is the most that is read"
            if written
            else f"line {line_of(node)}: aliases (*) expand it to more than {MOST_VALUES:,} values; write them out"
        )
    counted[id(node)] = count
    return count
