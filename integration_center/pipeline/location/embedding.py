"""Definitions for a project without components: of integrations that are given in Python, or in a folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import ValidationError

from integration_center.errors import ConfigurationError
from integration_center.integration.slugs import check_slug
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.integrations import Integrations
from integration_center.pipeline.instance.long_lived import collect_seldom
from integration_center.pipeline.instance.quiet import without_beta_warnings
from integration_center.pipeline.location.assembly import build_definitions
from integration_center.pipeline.location.component import build_own, check_together
from integration_center.pipeline.location.loader import describe
from integration_center.pipeline.location.revisions import build_newest
from integration_center.pipeline.location.shared import build_shared
from integration_center.pipeline.location.translator import IntegrationTranslator
from integration_center.settings import read_paths

NO_FILE = Path("integration given in Python")


@without_beta_warnings
def build_integration_defs(
    integrations: Mapping[str, IntegrationSpec | Mapping[str, Any]],
    *,
    prefix: str | None = None,
    translator: IntegrationTranslator | None = None,
) -> dg.Definitions:
    """Build the definitions of some integrations, to be merged with those of a project.

    They bring resources of their own, and neither an executor nor an `io_manager`.

    Args:
        integrations: the integrations by slug, each as the attributes of a `defs.yaml` or as a spec.
        prefix: what the names begin with, of assets, jobs, schedules and sensors.
        translator: says how the assets look.

    Raises:
        ConfigurationError: one of them is no integration, or two of them do not go together.
    """
    specs = {}
    for name, given in integrations.items():
        spec = read_spec(name, given, prefix)
        specs[spec.slug_in(check_slug(name))] = spec
    check_together(specs)
    collect_seldom(len(specs))
    look = translator or IntegrationTranslator()
    own = [build_own(slug, spec, look, NO_FILE) for slug, spec in specs.items()]
    return dg.Definitions.merge(build_shared(Integrations(specs), prefix, look), *own)


def read_spec(name: str, given: IntegrationSpec | Mapping[str, Any], prefix: str | None) -> IntegrationSpec:
    """Read an integration that is given in Python.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        spec = given if isinstance(given, IntegrationSpec) else IntegrationSpec.model_validate(given)
        return spec if prefix is None else IntegrationSpec.model_validate({**spec.model_dump(), "prefix": prefix})
    except ValidationError as error:
        raise ConfigurationError(f"integration {name!r}: {describe(error)}") from None


def load_integration_defs(folder: Path | str | None = None) -> dg.Definitions:
    """Build the definitions of all integrations in a folder, as `integration_center.definitions` does.

    Merge them with definitions of your own for a location that has both. A broken integration breaks no other.

    Args:
        folder: the folder; that of the settings when it is left out.
    """
    if folder is None:
        return build_newest(read_paths(), beside_others=True)
    return build_definitions(Path(folder).resolve(), beside_others=True)
