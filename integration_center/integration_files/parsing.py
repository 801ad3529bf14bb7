"""Parses the text of a `defs.yaml` with YAML and the model alone, without Dagster.

What a file could make Dagster import or run is refused here: it would happen while the code location loads, and reach
the other integrations.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from integration_center.errors import ConfigurationError
from integration_center.files.yaml_bounds import YamlFault, line_of
from integration_center.files.yaml_faults import check_yaml, construct_yaml
from integration_center.integration.spec import IntegrationSpec
from integration_center.wording.near_names import say_nearest

TYPE = "integration_center.Integration"
POST_PROCESSING = "post_processing"
TEMPLATE = re.compile(r"\{[{%#]")
CONDITION = re.compile(r"\{\{ ?automation_condition\.[a-z]\w*(\([^(){}*%]*\))? ?\}\}")
"""The template that `post_processing` may hold, since a condition cannot be written otherwise: one call, no sums."""
SHOWN_CHARACTERS = 80
SENTENCES = {
    "missing": "it is missing",
    "too_short": "it is empty; write at least one",
    "dict_type": "names and values must follow it",
    "model_type": "names and values must follow it",
    "string_pattern_mismatch": "it must be an API name, such as WalkMe_Logins__c",
}
"""What to say instead of the words of Pydantic, by its type of error."""


class Requirements(BaseModel):
    """What Dagster's own tools are told about a file; nothing here reads it."""

    model_config = ConfigDict(extra="ignore")
    env: list[str] | None = None


class IntegrationFile(BaseModel):
    """What a `defs.yaml` holds. Source: `ComponentFileModel` of Dagster 1.13."""

    model_config = ConfigDict(extra="forbid")
    type: str
    attributes: IntegrationSpec
    requirements: Requirements | None = None
    post_processing: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class ParsedFile:
    """What a text says.

    Attributes:
        spec: the integration.
        post_processed: whether the file changes its assets by `post_processing`, which only Dagster can judge.
    """

    spec: IntegrationSpec
    post_processed: bool


def parse_integration(text: str) -> ParsedFile:
    """Parse the text of a `defs.yaml`.

    Raises:
        ConfigurationError: it is no integration. The message names each place and its line.
    """
    try:
        documents = check_yaml(text, IntegrationFile, root="attributes")
        contents = [construct_yaml(document) for document in documents]
    except YamlFault as error:
        raise ConfigurationError(str(error)) from None
    if not contents:
        raise ConfigurationError(f"the file is empty; it must say type: {TYPE} and attributes")
    if len(contents) > 1:
        raise ConfigurationError(f"it has {len(contents)} documents (---); keep one, and give each other one a folder")
    content, document = contents[0], documents[0]
    if not isinstance(content, Mapping):
        raise ConfigurationError(
            f"line {line_of(document)}: the file must be a mapping with the names type and attributes"
        )
    if faults := list(find_code(content)):
        raise ConfigurationError("; ".join(faults))
    try:
        # A file that says `attributes:` and nothing below it lacks each of them.
        file = IntegrationFile.model_validate({**content, "attributes": content.get("attributes") or {}})
    except ValidationError as error:
        raise ConfigurationError("; ".join(say_faults(error, document))) from None
    return ParsedFile(file.attributes, post_processed=file.post_processing is not None)


def find_code(content: Mapping[object, object]) -> Iterator[str]:
    """Find what a file names for Dagster to import or to run, each as a sentence."""
    if isinstance(given := content.get("type"), str) and given != TYPE:
        yield f"type: {given[:SHOWN_CHARACTERS]!r} is no integration; write {TYPE}"
    if "template_vars_module" in content:
        yield "template_vars_module: it would run code while all integrations are loaded; take it out"
    for text in find_texts(content.get(POST_PROCESSING)):
        if TEMPLATE.search(text) and not CONDITION.fullmatch(text.strip()):
            yield f"{POST_PROCESSING}: {text[:SHOWN_CHARACTERS]!r} is a template; write the value itself"


def find_texts(value: object) -> Iterator[str]:
    """Find all texts in a value of YAML, the names of its mappings too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, each in value.items():
            yield from find_texts(name)
            yield from find_texts(each)
    elif isinstance(value, Sequence) and not isinstance(value, bytes):
        for each in value:
            yield from find_texts(each)


def say_faults(error: ValidationError, document: Node) -> Iterator[str]:
    """Say what the model refuses, each with its place and line."""
    faults = error.errors(include_url=False)
    places = [fault["loc"] for fault in faults]
    for fault in faults:
        inner = [place for place in places if place[: len(fault["loc"])] == fault["loc"] != place]
        # A list without its faulty items is too short, which is no fault of it.
        if not (fault["type"] == "too_short" and inner):
            yield say_fault(fault, document)


def say_fault(fault: ErrorDetails, document: Node) -> str:
    """Say what the model refuses at one place."""
    inner = fault["loc"][1:] if fault["loc"][0] == "attributes" else fault["loc"]
    place = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in inner).lstrip(".")
    line = line_of(find_node(document, fault["loc"]))
    said = SENTENCES.get(fault["type"], fault["msg"].removeprefix("Value error, "))
    if fault["type"] == "extra_forbidden":
        said = f"there is no such name; {say_nearest(str(inner[-1]), find_names(fault['loc'][:-1]))}"
    return f"{place or 'attributes'} in line {line}: {said}"


def find_node(document: Node, place: Sequence[int | str]) -> Node:
    """Find the name or the list item at a place; where there is none, the last one on the way to it."""
    node = shown = document
    for step in place:
        if isinstance(node, MappingNode):
            pairs = [pair for pair in node.value if isinstance(pair[0], ScalarNode) and pair[0].value == step]
            if not pairs:
                break
            shown, node = pairs[0]
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
            shown = node = node.value[step]
        else:
            break
    return shown


def find_names(place: Sequence[int | str]) -> list[str]:
    """Find the names that the model knows at a place."""
    model: Any = IntegrationFile
    for step in place:
        if isinstance(step, str):
            model = find_model(model.model_fields[step].annotation)
    return list(model.model_fields)


def find_model(annotation: Any) -> Any:
    """Find the model that a type holds, such as that of a tuple's items."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(find_model, getattr(annotation, "__args__", ()))), None)
