"""Explain what a model refuses in a YAML file, in sentences with line numbers."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from integration_center.files.yaml_bounds import line_of
from integration_center.wording.model_refusals import say_refusal
from integration_center.wording.near_names import find_nearest, say_nearest


def say_faults(error: ValidationError, document: Node, model: type[BaseModel], *, root: str = "") -> Iterator[str]:
    """Explain each fault that a model found, with its place and line.

    Args:
        error: the error of the model.
        document: the YAML nodes of the document that was given to the model.
        model: the model.
        root: a name at the top of the document that places leave out.
    """
    faults = error.errors(include_url=False)
    places = [fault["loc"] for fault in faults]
    misspelled = {find_meant(fault, model) for fault in faults if fault["type"] == "extra_forbidden"}
    for fault in faults:
        if fault["type"] == "missing" and fault["loc"] in misspelled:  # the misspelled name says it
            continue
        inner = [place for place in places if place[: len(fault["loc"])] == fault["loc"] != place]
        # Pydantic also calls a list too short when it has dropped the faulty items. That is not a fault of its own.
        if not (fault["type"] == "too_short" and inner):
            yield say_fault(fault, document, model, root)


def say_fault(fault: ErrorDetails, document: Node, model: type[BaseModel], root: str) -> str:
    """Explain what the model refuses at one place."""
    inner = fault["loc"][1:] if fault["loc"][:1] == (root,) else fault["loc"]
    place = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in inner).lstrip(".")
    line = line_of(find_node(document, fault["loc"]))
    said = say_refusal(fault)
    if fault["type"] == "extra_forbidden":
        said = f"there is no such name; {say_nearest(str(inner[-1]), find_names(model, fault['loc'][:-1]))}"
    return f"{place or root or 'the file'} in line {line}: {said}"


def find_meant(fault: ErrorDetails, model: type[BaseModel]) -> tuple[int | str, ...]:
    """Find the place that an unknown name probably means; empty when no known name is near."""
    *parents, name = fault["loc"]
    nearest = find_nearest(str(name), find_names(model, parents))
    return (*parents, nearest) if nearest else ()


def find_node(document: Node, place: Sequence[int | str]) -> Node:
    """Find the name or the list item at a place, or the last existing one on the way to it."""
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


def find_names(model: Any, place: Sequence[int | str]) -> list[str]:
    """Find the names that a model knows at a place."""
    for step in place:
        if isinstance(step, str) and step in model.model_fields:
            model = find_model(model.model_fields[step].annotation)
    return list(model.model_fields)


def find_model(annotation: Any) -> Any:
    """Find the model that a type holds, such as that of a tuple's items."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(find_model, getattr(annotation, "__args__", ()))), None)
