"""Edit the nodes of a YAML document, so that comments and order stay.

What is written is read with PyYAML, which knows YAML 1.1: there `yes` is a boolean and `12:30` a number, so every text
that PyYAML would take for something else is quoted.
"""

import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark
from ruamel.yaml.scalarstring import DoubleQuotedScalarString
from ruamel.yaml.tokens import CommentToken

LINE_WIDTH = 100_000
"""Wide enough that no line is ever broken."""


def build_yaml() -> YAML:
    """Build the reader and writer, which keep quotes and comments."""
    parser = YAML(typ="rt")
    parser.preserve_quotes = True
    parser.width = LINE_WIDTH
    parser.allow_unicode = True
    parser.allow_duplicate_keys = True
    return parser


def write_document(document: CommentedMap, *, indented: bool) -> str:
    """Write a document as text. `indented`: whether lists are indented below their names."""
    writer = build_yaml()
    if indented:
        writer.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    writer.dump(document, stream)
    return stream.getvalue()


def is_indented(text: str) -> bool:
    """Whether the file's lists are indented below their names; yes when it has no such list."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line, following in pairwise(lines):
        if line.rstrip().endswith(":") and following.lstrip().startswith("- "):
            return len(following) - len(following.lstrip()) > len(line) - len(line.lstrip())
    return True


def build_node(value: Any) -> Any:
    """A value as it is written: lists of mappings a line an item, everything else on one line."""
    match value:
        case str():
            return _text(value)
        case Mapping():
            node = CommentedMap((name, build_node(item)) for name, item in value.items())
            node.fa.set_flow_style()
            return node
        case list():
            items = CommentedSeq(build_node(item) for item in value)
            if not any(isinstance(item, Mapping) for item in value):
                items.fa.set_flow_style()
            return items
    return value


def _text(value: str) -> str:
    """Quoted where PyYAML would read the plain text as something else, inside `{}` and `[]` too."""
    plain: str = yaml.safe_dump([value], allow_unicode=True, width=LINE_WIDTH, default_flow_style=True)
    if plain.startswith(("['", '["')) or "\n" in value:
        quoted: str = DoubleQuotedScalarString(value)
        return quoted
    return value


def merge_node(node: Any, value: Any) -> Any:
    """`value`, in the node that is there as far as that can be kept; a node with an anchor serves others, too."""
    if isinstance(value, Mapping) and isinstance(node, CommentedMap) and not node.anchor.value:
        return _merge_mapping(node, value)
    if isinstance(value, list) and isinstance(node, CommentedSeq) and not node.anchor.value:
        return _merge_list(node, value)
    return build_node(value)


def _merge_mapping(node: CommentedMap, value: Mapping[str, Any]) -> CommentedMap:
    for name in [name for name in node if name not in value]:
        del node[name]
    for name, item in value.items():
        if name not in node or node[name] != item:
            node[name] = merge_node(node.get(name), item)
    return node


def _merge_list(node: CommentedSeq, value: Sequence[Any]) -> CommentedSeq:
    """The items in their new order; those that stay are moved with their comments, new ones look like the others."""
    if not all(isinstance(item, CommentedMap) for item in node) or not all(isinstance(v, Mapping) for v in value):
        return build_node(list(value))  # type: ignore[no-any-return]
    block = bool(node) and not node[0].fa.flow_style()
    wanted = {_field_of(item) for item in value}
    for place in reversed(range(len(node))):
        if _field_of(node[place]) not in wanted:
            _hand_on_comments(node, place, place - 1)
            del node[place]
    for place, item in enumerate(value):
        found = _find_item(node, place, item)
        if found is None:
            new = build_node(item)
            if block:
                new.fa.set_block_style()
            node.insert(place, new)
            if place == len(node) - 1 and place > 0:
                _hand_on_comments(node, place - 1, place)
        else:
            if found != place:
                node.insert(place, node.pop(found))
            if not node[place].anchor.value:
                _merge_mapping(node[place], item)
            elif dict(node[place]) != item:
                node[place] = build_node(item)
    for place in reversed(range(len(value), len(node))):
        _hand_on_comments(node, place, place - 1)
        del node[place]
    return node


def _hand_on_comments(node: CommentedSeq, giver: int, taker: int) -> None:
    """Give the comment lines below one item, which are about what follows, to another; `taker` -1 is the list's head.

    ruamel keeps them with the item above: at its place in the list, or, for one written over several lines, at its
    last name.
    """
    token = _find_comment(node, giver)
    if token is None:
        return
    own, line_end, below = token.value.partition("\n")
    if not below:
        return
    token.value = own + line_end
    if taker < 0:
        head = node.ca.comment[0] if node.ca.comment and node.ca.comment[0] else None
        if head is not None:
            head.value += below
        else:
            node.ca.comment = [CommentToken(f"\n{below}", CommentMark(0)), None]
        return
    there = _find_comment(node, taker)
    if there is not None:
        there.value += below
    elif isinstance(node[taker], CommentedMap) and not node[taker].fa.flow_style():
        node[taker].ca.items[list(node[taker])[-1]] = [None, None, CommentToken(f"\n{below}", CommentMark(0)), None]
    else:
        node.ca.items[taker] = [CommentToken(f"\n{below}", CommentMark(0)), None, None, None]


def _find_comment(node: CommentedSeq, place: int) -> CommentToken | None:
    """The comment behind and below an item."""
    item = node[place]
    if isinstance(item, CommentedMap) and not item.fa.flow_style():
        found = item.ca.items.get(list(item)[-1]) if item else None
        return found[2] if found else None
    found = node.ca.items.get(place)
    return found[0] if found else None


def _find_item(node: CommentedSeq, start: int, item: Mapping[str, Any]) -> int | None:
    """Find the key pair or mapping of the same field, at `start` or behind it."""
    wanted = _field_of(item)
    return next((number for number in range(start, len(node)) if _field_of(node[number]) == wanted), None)


def _field_of(item: Mapping[str, Any]) -> str:
    return str(item.get("field", "")).lower()
