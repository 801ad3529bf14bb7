"""What a YAML file says otherwise than its writer meant: names given twice, and text that YAML reads as something else.

YAML keeps the last of two equal names and drops the first without a word. To YAML 1.1, `no` is a boolean, `12:30` and
`1.10` are numbers, and all that stands behind ` #` is a comment.
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

TAG = "tag:yaml.org,2002:"
SHOWN_CHARACTERS = 80
PLAIN_NUMBER = re.compile(r"^[-+]?(0|[1-9]\d*)?(\.\d*)?([eE][-+]?\d+)?$")
COMMENT = re.compile(r"^\s+(#.*)$")
COMMENT_INSIDE_BRACKETS = re.compile(r"[{\[](?:[^}\]#]*[,:])?\s+#")
COLUMN_NAMES = frozenset({"key_column", "latest_by"})
"""Options that may be left empty. A comment right behind one of them is a column whose name begins with #."""


LONGEST = 200_000
"""Characters of a file. Forty mappings have some 4,000."""
DEEPEST = 40
"""Levels of lists and mappings; an integration has four."""
MOST_VALUES = 20_000
"""Values of a document, those that aliases repeat counted each time."""


class YamlFault(Exception):
    """A text is no YAML, or says something else than its writer meant; the message names each place and line."""


def check_yaml(text: str, model: type[BaseModel], *, root: str = "") -> Sequence[Node]:
    """Compose the documents of `text`, if they mean what they look like.

    Args:
        text: the whole file.
        model: of a document; where it expects text, only text may stand.
        root: a name at the top of the document that places leave out.

    Raises:
        YamlFault: they do not, or the text is no YAML.
    """
    if len(text) > LONGEST:
        raise YamlFault(f"it has {len(text):,} characters; at most {LONGEST:,} are read")
    try:
        _check_depth(text)
        documents = [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if node is not None]
        for document in documents:
            _count_values(document, {})
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
    if reading.faults:
        raise YamlFault("; ".join(dict.fromkeys(reading.faults)))
    return documents


def construct_yaml(node: Node) -> object:
    """Make the values of a checked document.

    Raises:
        YamlFault: a value has the form of a date or a tag, and is none.
    """
    try:
        return yaml.SafeLoader("").construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise YamlFault(_explain(error, [])) from None
    except ValueError as error:
        raise YamlFault(f"a value is neither text nor a date or number ({error})") from None


def check_bounds(text: str) -> None:
    """Refuse a YAML text that is too deep, too long, or too large once its aliases are written out.

    Raises:
        YamlFault: it is.
        yaml.YAMLError: it is no YAML.
    """
    if len(text) > LONGEST:
        raise YamlFault(f"it has {len(text):,} characters; at most {LONGEST:,} are read")
    _check_depth(text)
    for document in yaml.compose_all(text, Loader=yaml.SafeLoader):
        if document is not None:
            _count_values(document, {})


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
            raise YamlFault(f"line {_line(node)}: an anchor (&) holds itself by an alias (*); write out what is meant")
        return counted[id(node)]
    counted[id(node)] = 0
    inner = [node.value] if isinstance(node, SequenceNode) else node.value if isinstance(node, MappingNode) else []
    count = 1 + sum(_count_values(each, counted) for group in inner for each in group)
    if count > MOST_VALUES:
        raise YamlFault(f"line {_line(node)}: aliases (*) make more than {MOST_VALUES:,} values of it; write it out")
    counted[id(node)] = count
    return count


@dataclass
class _Reading:
    """One text as it is checked.

    Attributes:
        lines: of the text.
        root: see `check_yaml`.
        faults: found so far, each a sentence.
        seen: the nodes that are settled; an anchor leads to one node from several places.
    """

    lines: Sequence[str]
    root: str
    faults: list[str] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    typed: set[tuple[int, str]] = field(default_factory=set)

    def check_type(self, node: Node, expected: Any, place: str) -> None:
        """Find the values under `node` that are not of the type that they should have, as far as YAML is to blame."""
        if (id(node), place) in self.typed:  # an anchor inside of itself
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
                if name.tag == f"{TAG}merge":
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
                    self.faults.append(f"line {_line(name)}: a name is a list or a mapping; write it in quotes")
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
        if optional and node.tag == f"{TAG}null" and not (place in COLUMN_NAMES and self._find_comment(node)):
            return
        self.seen.add(id(node))  # its own names do not matter
        self.faults.append(f"{place} in line {_line(node)}: {self._say_misread(node)}")

    def _check_number(self, node: Node, place: str) -> None:
        if node.tag == f"{TAG}bool":
            self.faults.append(
                f"{place} in line {_line(node)}: YAML reads {node.value} as {_show(node)}; write a number"
            )
        elif node.tag in (f"{TAG}int", f"{TAG}float") and not PLAIN_NUMBER.match(node.value):
            self.faults.append(
                f"{place} in line {_line(node)}: YAML reads {_cut(node.value)} as {_show(node)}; write the number in"
                " plain digits"
            )

    def _say_misread(self, node: Node) -> str:
        if not isinstance(node, ScalarNode):
            what = "a mapping" if isinstance(node, MappingNode) else "a list"
            return f"YAML reads {what} here; write text, in quotes"
        written, tag = node.value, node.tag.removeprefix(TAG)
        if not written and tag == "null":
            if comment := self._find_comment(node):
                return f"YAML reads {_cut(comment)} as a comment; write it in quotes: {_quote(comment)}"
            return "it is empty; write a text, or take the line out"
        if node.tag == tag or node.style:  # a tag that stands before the value
            written = f"{node.tag.replace(TAG, '!!')} {written}".strip()
            return f"YAML reads {_cut(written)} as a tag; write it in quotes: {_quote(written)}"
        return f"YAML reads {_cut(written)} as {_show(node)}; write it in quotes: {_quote(written)}"

    def _find_comment(self, node: Node) -> str | None:
        """Find the comment that stands in the place of an empty value."""
        mark = node.start_mark
        if node.value or mark.line >= len(self.lines):
            return None
        found = COMMENT.match(self.lines[mark.line][mark.column :])
        return found[1].rstrip() if found else None

    def _say_repeated(self, names: Sequence[ScalarNode], place: str) -> str:
        spelled = list(dict.fromkeys(self._join(place, name.value) or name.value for name in names))
        lines = list(dict.fromkeys(str(_line(name)) for name in names))
        where = f"in line {lines[0]}" if len(lines) == 1 else f"in lines {', '.join(lines[:-1])} and {lines[-1]}"
        if len(spelled) > 1:
            return f"{' and '.join(spelled)} are one name to YAML, {where}; keep one"
        times = "twice" if len(names) == 2 else f"{len(names)} times"
        return f"{spelled[0]} is written {times}, {where}; keep one"

    def _join(self, place: str, name: str) -> str:
        if not place:
            return "" if name == self.root else _cut(name)
        return f"{place}.{_cut(name)}"


def _unwrap(expected: Any) -> tuple[Any, bool]:
    """Take annotations and None away: the type that is left, and whether None is allowed."""
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
    """The name as YAML compares it: `yes` is `true`, and quotes make no difference."""
    try:
        key: Hashable = yaml.SafeLoader("").construct_object(name)
    except (yaml.YAMLError, ValueError):
        return name.tag, name.value
    return key


def _show(node: Node) -> str:
    """What YAML makes of a plain text, in words."""
    tag = node.tag.removeprefix(TAG)
    if tag == "null":
        return "nothing"
    if tag == "timestamp":
        return "a date and time" if ":" in node.value else "a date"
    try:
        value = yaml.SafeLoader("").construct_object(node)
        if tag == "bool":
            return "true" if value else "false"
        return f"the number {value}"[:SHOWN_CHARACTERS] if tag in ("int", "float") else "a sign of its own"
    except (yaml.YAMLError, ValueError):
        return "a number" if tag in ("int", "float") else "a sign of its own"


def _explain(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> str:
    """Say where a text is no YAML, and of a # inside of brackets that it begins a comment."""
    marks = [mark for mark in (error.context_mark, error.problem_mark) if mark is not None]
    if not marks:
        return f"not YAML ({error.problem})"
    place = f"line {marks[-1].line + 1}, column {marks[-1].column + 1}"
    for number, line in reversed(list(enumerate(lines[: marks[-1].line + 1], start=1))):
        if COMMENT_INSIDE_BRACKETS.search(line):
            return (
                f"line {number}: YAML reads all that stands behind # as a comment, so that a bracket is missing; write"
                " a name that begins with # in quotes"
            )
    return f"{place}: not YAML ({error.problem})"


def _line(node: Node) -> int:
    return int(node.start_mark.line) + 1


def _quote(text: str) -> str:
    return _cut(json.dumps(text, ensure_ascii=False))


def _cut(text: str) -> str:
    """Shorten a text of the file, and spell out its control characters."""
    text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
