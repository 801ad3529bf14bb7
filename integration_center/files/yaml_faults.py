"""Find where a YAML file does not mean what its author intended: repeated names, and text that YAML reads differently.

YAML silently drops the first of two equal names. In YAML 1.1, `no` is a boolean, `12:30` and `1.10` are numbers, and
everything after ` #` is a comment.
"""

import json
import re
import types
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from integration_center.files.yaml_bounds import YamlFault, compose_bounded, line_of
from integration_center.files.yaml_scalars import MERGE, TAG, cut, find_unreadable, read_scalar, show_scalar
from integration_center.wording.sentences import join_parts

PLAIN_NUMBER = re.compile(r"^[-+]?(0|[1-9]\d*)?(\.\d*)?([eE][-+]?\d+)?$")
COMMENT = re.compile(r"^\s+(#.*)$")
COMMENT_INSIDE_BRACKETS = re.compile(r"[{\[](?:[^}\]#]*[,:])?\s+#")
MISTAKES = (
    (r"expected ',' or '\]'|flow sequence|expected the node content", "a bracket is not closed, or a comma is missing"),
    (r"expected ',' or '\}'|flow mapping", "a brace is not closed, or a comma is missing"),
    (r"quoted scalar", "a quotation mark is missing"),
    (r"mapping values are not allowed", "there is one colon too many; write a text with a colon in quotes"),
    (r"found character '\\t'", "it is indented with a tab; use blanks"),
    (r"found character|expected alphabetic|undefined alias", "a text begins with a special sign; write it in quotes"),
    (r"block end|could not find expected ':'|block mapping", "the indentation does not fit, or a colon is missing"),
)
"""What messages of the YAML parser mean, the first that fits."""
NEVER_EMPTY = frozenset({"column"})
"""Options that may be left out, but not left empty."""
COLUMN_NAMES = frozenset({"key_column", "latest_by"})
"""Options that may be left empty. A comment right behind one of them is a column whose name begins with #."""


def check_yaml(text: str, model: type[BaseModel], *, root: str = "") -> Sequence[Node]:
    """Compose the documents of `text`, and check that YAML reads them as they look.

    Args:
        text: the whole file.
        model: the model of a document. Where it expects text, YAML must read text.
        root: a name at the top of the document that places leave out.

    Raises:
        YamlFault: YAML reads something else, or the text is not YAML.
    """
    try:
        documents = compose_bounded(text)
        reading = _Reading(text.splitlines(), root)
        for document in documents:
            reading.check_type(document, model, "")
            reading.check_names(document, "")
    except yaml.MarkedYAMLError as error:
        raise YamlFault(_explain(error, text.splitlines())) from None
    except yaml.YAMLError as error:
        raise YamlFault(f"it cannot be read as YAML ({type(error).__name__})") from None
    except RecursionError:
        raise YamlFault("it is nested too deep to be read") from None
    looked_at: set[int] = set()
    faults = reading.faults or [fault for document in documents for fault in find_unreadable(document, looked_at)]
    if faults:
        raise YamlFault("; ".join(dict.fromkeys(faults)))
    return documents


def construct_yaml(node: Node) -> object:
    """Build the values of a checked document.

    Raises:
        YamlFault: a value has the form of a date or a tag, but is not valid.
    """
    try:
        return yaml.SafeLoader("").construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise YamlFault(_explain(error, [])) from None
    except ValueError as error:
        raise YamlFault(f"a value is neither text nor a date or number ({error})") from None


@dataclass
class _Reading:
    """The state of checking one text.

    Attributes:
        lines: the lines of the text.
        root: see `check_yaml`.
        faults: the faults found so far, one sentence each.
        seen: the ids of nodes whose names are checked. Aliases reach one node from several places.
        typed: the ids and places of nodes whose types are checked.
    """

    lines: Sequence[str]
    root: str
    faults: list[str] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    typed: set[tuple[int, str]] = field(default_factory=set)

    def check_type(self, node: Node, expected: Any, place: str) -> None:
        """Find the values under `node` that have the wrong type because of how YAML reads them."""
        if (id(node), place) in self.typed:  # an anchor inside itself
            return
        self.typed.add((id(node), place))
        expected, optional = _unwrap(expected)
        if _is_text(expected):
            self._check_text(node, place, optional=optional)
        elif expected in (int, float):
            self._check_number(node, place)
        elif isinstance(node, SequenceNode) and get_origin(expected) in (list, tuple):
            for number, item in enumerate(node.value):
                self.check_type(item, get_args(expected)[0], f"{place}[{number}]")
        elif isinstance(node, MappingNode):
            for name, value in node.value:
                if name.tag == MERGE:
                    for merged in value.value if isinstance(value, SequenceNode) else [value]:
                        self.check_type(merged, expected, place)
                else:
                    self._check_member(name, value, expected, place)

    def check_names(self, node: Node, place: str) -> None:
        """Find the names that a mapping at or under `node` has twice."""
        if id(node) in self.seen:
            return
        self.seen.add(id(node))
        if isinstance(node, SequenceNode):
            for number, item in enumerate(node.value):
                self.check_names(item, f"{place}[{number}]")
        elif isinstance(node, MappingNode):
            given: dict[Hashable, list[ScalarNode]] = defaultdict(list)
            for name, value in node.value:
                if isinstance(name, ScalarNode):
                    given[_key_of(name)].append(name)
                    self.check_names(value, self._join(place, name.value))
                else:
                    self.faults.append(f"line {line_of(name)}: a name is a list or a mapping; write it in quotes")
            self.faults += [self._say_repeated(names, place) for names in given.values() if len(names) > 1]

    def _check_member(self, name: Node, value: Node, expected: Any, place: str) -> None:
        member = self._join(place, str(name.value))
        is_model = isinstance(expected, type) and issubclass(expected, BaseModel)
        if not is_model and get_origin(expected) not in (dict, Mapping):
            return
        if not isinstance(name, ScalarNode) or name.tag != f"{TAG}str":
            self._check_text(name, f"a name of {place}" if place else "a name", optional=False)
        elif not is_model:
            self.check_type(value, get_args(expected)[1], member)
        elif name.value in expected.model_fields:
            self.check_type(value, expected.model_fields[name.value].annotation, member)

    def _check_text(self, node: Node, place: str, *, optional: bool) -> None:
        if node.tag == f"{TAG}str":
            return
        name = place.rpartition(".")[2]
        is_hidden = name in NEVER_EMPTY or (place in COLUMN_NAMES and self._find_comment(node))
        if optional and node.tag == f"{TAG}null" and not is_hidden:
            return
        self.seen.add(id(node))  # its own names do not matter
        self.faults.append(f"{place} in line {line_of(node)}: {self._say_misread(node)}")

    def _check_number(self, node: Node, place: str) -> None:
        if not isinstance(node, ScalarNode):
            return
        if node.tag == f"{TAG}bool":
            self.faults.append(
                f"{place} in line {line_of(node)}: YAML reads {node.value} as {show_scalar(node)}; write a number"
            )
        elif node.tag in (f"{TAG}int", f"{TAG}float") and not PLAIN_NUMBER.match(node.value):
            read = f"YAML reads {cut(node.value)} as {show_scalar(node)}"
            self.faults.append(f"{place} in line {line_of(node)}: {read}; write the number in plain digits")

    def _say_misread(self, node: Node) -> str:
        if not isinstance(node, ScalarNode):
            what = "a mapping" if isinstance(node, MappingNode) else "a list"
            return f"YAML reads {what} here; write text, in quotes"
        written, tag = node.value, node.tag.removeprefix(TAG)
        if not written and tag == "null":
            if comment := self._find_comment(node):
                return f"YAML reads {cut(comment)} as a comment; write it in quotes: {_quote(comment)}"
            return "it is empty; write a text, or remove the line"
        if node.tag == tag or node.style:  # a tag is written before the value
            written = f"{node.tag.replace(TAG, '!!')} {written}".strip()
            return f"YAML reads {cut(written)} as a tag; write it in quotes: {_quote(written)}"
        return f"YAML reads {cut(written)} as {show_scalar(node)}; write it in quotes: {_quote(written)}"

    def _find_comment(self, node: Node) -> str | None:
        """Find the comment in the place of an empty value."""
        mark = node.start_mark
        if node.value or mark.line >= len(self.lines):
            return None
        found = COMMENT.match(self.lines[mark.line][mark.column :])
        return found[1].rstrip() if found else None

    def _say_repeated(self, names: Sequence[ScalarNode], place: str) -> str:
        spelled = list(dict.fromkeys(self._join(place, name.value) or name.value for name in names))
        lines = list(dict.fromkeys(str(line_of(name)) for name in names))
        where = f"in line{'s' if len(lines) > 1 else ''} {join_parts(lines)}"
        if len(spelled) > 1:
            return f"{' and '.join(spelled)} are the same name in YAML, {where}; keep one"
        times = "twice" if len(names) == 2 else f"{len(names)} times"
        return f"{spelled[0]} is written {times}, {where}; keep one"

    def _join(self, place: str, name: str) -> str:
        if not place:
            return "" if name == self.root else cut(name)
        return f"{place}.{cut(name)}"


def _unwrap(expected: Any) -> tuple[Any, bool]:
    """Remove annotations and None from a type, and return the rest and whether None is allowed."""
    optional = False
    while True:
        origin = get_origin(expected)
        if origin is Annotated:
            expected = get_args(expected)[0]
        elif origin in (Union, types.UnionType):
            members = [member for member in get_args(expected) if member is not type(None)]
            optional = optional or len(members) < len(get_args(expected))
            if len(members) != 1:
                return None, optional
            expected = members[0]
        else:
            return expected, optional


def _is_text(expected: Any) -> bool:
    if get_origin(expected) is Literal:
        return all(isinstance(value, str) for value in get_args(expected))
    return isinstance(expected, type) and issubclass(expected, str)


def _key_of(name: ScalarNode) -> Hashable:
    """Return the name as YAML compares it: `yes` is `true`, and quotes make no difference."""
    try:
        return read_scalar(name)
    except ValueError:
        return name.tag, name.value


def _explain(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> str:
    """Explain where a text is not YAML, or that a # inside brackets begins a comment."""
    marks = [mark for mark in (error.context_mark, error.problem_mark) if mark is not None]
    if not marks:
        return f"not YAML{_say_mistake(error)}"
    place = f"line {marks[-1].line + 1}, column {marks[-1].column + 1}"
    for number, line in reversed(list(enumerate(lines[: marks[-1].line + 1], start=1))):
        if COMMENT_INSIDE_BRACKETS.search(line):
            return (
                f"line {number}: YAML reads everything after # as a comment, so a bracket is missing; write"
                " a name that begins with # in quotes"
            )
    return f"{place}: not YAML{_say_mistake(error)}"


def _say_mistake(error: yaml.MarkedYAMLError) -> str:
    """Say in our own words which mistake the parser's message means; empty where we have none for it."""
    said = f"{error.context or ''} {error.problem or ''}"
    return next((f", because {words}" for pattern, words in MISTAKES if re.search(pattern, said)), "")


def _quote(text: str) -> str:
    return cut(json.dumps(text, ensure_ascii=False))
