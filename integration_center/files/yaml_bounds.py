"""How large and how deep a YAML text may be, before anything is built of it that takes time or memory."""

from collections.abc import Sequence

import yaml
from yaml.nodes import MappingNode, Node, SequenceNode

LONGEST = 200_000
"""Characters of a file. Forty mappings have some 4,000."""
DEEPEST = 40
"""Levels of lists and mappings; an integration has four."""
MOST_VALUES = 20_000
"""Values of a document, those that aliases repeat counted each time."""


class YamlFault(Exception):
    """A text is no YAML, or says something else than its writer meant; the message names each place and line."""


def compose_bounded(text: str) -> Sequence[Node]:
    """Compose the documents of a text that is not too deep, too long, or too large once its aliases are written out.

    Raises:
        YamlFault: it is.
        yaml.YAMLError: it is no YAML.
    """
    if len(text) > LONGEST:
        raise YamlFault(f"it has {len(text):,} characters; at most {LONGEST:,} are read")
    _check_depth(text)
    documents = [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node is not None]
    for document in documents:
        _count_values(document, {})
    return documents


def line_of(node: Node) -> int:
    """The line in which a node begins."""
    return int(node.start_mark.line) + 1


def _check_depth(text: str) -> None:
    """Refuse a text that is nested too deep, before anything reads it that goes down with it."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                line = event.start_mark.line + 1 if event.start_mark else 1
                raise YamlFault(f"line {line}: lists and mappings are nested too deep to be read")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _count_values(node: Node, counted: dict[int, int]) -> int:
    """Count the values under a node, as many as there are once each alias is written out.

    Args:
        node: of a document.
        counted: the counts of the nodes seen so far, by identity; 0 while one is being counted.

    Raises:
        YamlFault: there are too many, or the node holds itself.
    """
    if id(node) in counted:
        if not counted[id(node)]:
            raise YamlFault(
                f"line {line_of(node)}: an anchor (&) holds itself by an alias (*); write out what is meant"
            )
        return counted[id(node)]
    counted[id(node)] = 0
    inner = [node.value] if isinstance(node, SequenceNode) else node.value if isinstance(node, MappingNode) else []
    count = 1 + sum(_count_values(each, counted) for group in inner for each in group)
    if count > MOST_VALUES:
        written = len(counted) > MOST_VALUES
        raise YamlFault(
            f"line {line_of(node)}: it holds more than {MOST_VALUES:,} values; at most so many are read"
            if written
            else f"line {line_of(node)}: aliases (*) make more than {MOST_VALUES:,} values of it; write it out"
        )
    counted[id(node)] = count
    return count
