"""Parses the text of a `defs.yaml` with YAML and the model alone, without Dagster.

What a file could make Dagster import or run is refused here: it would happen while the code location loads, and reach
the other integrations.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from integration_center.errors import ConfigurationError
from integration_center.files.model_faults import say_faults
from integration_center.files.yaml_bounds import YamlFault, line_of
from integration_center.files.yaml_faults import check_yaml, construct_yaml
from integration_center.integration.spec import IntegrationSpec

TYPE = "integration_center.Integration"
POST_PROCESSING = "post_processing"
TEMPLATE = re.compile(r"\{[{%#]")
CONDITION = re.compile(r"\{\{ ?automation_condition\.[a-z]\w*(\([^(){}*%]*\))? ?\}\}")
"""The template that `post_processing` may hold, since a condition cannot be written otherwise: one call, no sums."""
SHOWN_CHARACTERS = 80


class Requirements(BaseModel):
    """What a file declares for Dagster's own tools; nothing here reads it."""

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
        raise ConfigurationError("; ".join(say_faults(error, document, IntegrationFile, root="attributes"))) from None
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
