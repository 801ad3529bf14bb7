"""What a `defs.yaml` may say, judged before Dagster reads it, and what may come of it.

Around the attributes, Dagster would import the modules that a file names, run the templates of `post_processing`, and
change the assets by it. All of that happens while the code location loads, where it would reach the other integrations.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import dagster as dg
from dagster._core.remote_representation.external_data import asset_node_snaps_from_repo  # not public
from dagster_shared.serdes import serialize_value
from pydantic import BaseModel

from integration_center.errors import ConfigurationError
from integration_center.files.regular_files import read_regular
from integration_center.files.yaml_bounds import YamlFault
from integration_center.files.yaml_faults import check_yaml, construct_yaml
from integration_center.insights.catalogue import report_slug
from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.names import DAYS, report_key
from integration_center.pipeline.push import build_push
from integration_center.pipeline.resources import build_resources
from integration_center.pipeline.update_set import build_update_set

TYPE = "integration_center.Integration"
POST_PROCESSING = "post_processing"
TEMPLATE = re.compile(r"\{[{%#]")
CONDITION = re.compile(r"\{\{ ?automation_condition\.[a-z]\w*(\([^(){}*%]*\))? ?\}\}")
"""The template that `post_processing` may hold, since a condition cannot be written otherwise: one call, no sums."""
SHOWN_CHARACTERS = 80


class IntegrationFile(BaseModel):
    """What a `defs.yaml` holds."""

    type: str
    attributes: IntegrationSpec


def check_text(path: Path) -> bool:
    """Check that an integration's file means what it looks like, before Dagster reads it.

    Returns:
        Whether it has `post_processing`.

    Raises:
        ConfigurationError: a name is written twice, YAML reads text as something else, or the file names code to run.
    """
    try:
        documents = check_yaml(read_regular(path).decode(), IntegrationFile, root="attributes")
        contents = [construct_yaml(document) for document in documents]
    except OSError as error:
        raise ConfigurationError(f"the file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError("the file is not UTF-8 text") from None
    except YamlFault as error:
        raise ConfigurationError(str(error)) from None
    if len(contents) > 1:
        raise ConfigurationError(f"it has {len(contents)} documents (---); keep one, and give each other one a folder")
    content = contents[0] if contents else None
    if not isinstance(content, Mapping):
        return False
    if faults := list(find_code(content)):
        raise ConfigurationError("; ".join(faults))
    return POST_PROCESSING in content


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


def check_post_processing(slug: str, spec: IntegrationSpec, definitions: dg.Definitions) -> None:
    """Check what `post_processing` made of the assets, which may be anything.

    Raises:
        ConfigurationError: an asset has other days or depends on others than it must; runs would miss their frames, or
            write what other integrations write.
        Exception: Dagster does not take what came of it, or cannot send it to its web server.
    """
    ours = {asset.key: asset for asset in (build_update_set(slug, spec), build_push(slug, spec))}
    for asset in definitions.assets or ():
        if not isinstance(asset, dg.AssetsDefinition):
            continue
        name = asset.key.to_user_string()
        if asset.partitions_def != ours[asset.key].partitions_def:
            raise ConfigurationError(f"{POST_PROCESSING} changes partitions_def of {name}; take that out")
        if asset.asset_deps != ours[asset.key].asset_deps:
            raise ConfigurationError(f"{POST_PROCESSING} changes deps of {name}; take that out")
    report = dg.AssetSpec(report_key(report_slug(spec.report)), partitions_def=DAYS)
    shared = dg.Definitions(assets=[report], resources=build_resources())
    repository = dg.Definitions.merge(definitions, shared).get_repository_def()
    repository.get_all_jobs()
    serialize_value(asset_node_snaps_from_repo(repository))  # as a code server sends them
