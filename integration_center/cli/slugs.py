"""The names of integrations as arguments."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from integration_center.installation import Installation
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.integration_files.integrations import Integrations
from integration_center.settings import read_settings
from integration_center.wording.plain_text import make_printable

if TYPE_CHECKING:  # its module imports Dagster, which most commands do without
    from integration_center.pipeline.instance.webserver import Webserver


@dataclass(frozen=True)
class Found:
    """An integration to run.

    Attributes:
        spec: what its file says; None for a broken one, and for one of another project.
        environment: its account; None for a broken one.
        elsewhere: the Dagster that has loaded it, where it is one of another project.
    """

    spec: IntegrationSpec | None
    environment: Environment | None
    elsewhere: "Webserver | None" = None


def find(loaded: Integrations, slug: str, installation: Installation) -> Found:
    """Find an integration: in our folder, else in a project that the running Dagster has loaded.

    Raises:
        typer.BadParameter: there is none.
    """
    if slug in loaded.slugs:
        spec = loaded.specs.get(slug)
        return Found(spec, spec.environment if spec else None)
    from integration_center.pipeline.instance.everywhere import list_everywhere
    from integration_center.pipeline.instance.webserver import find_webserver

    webserver = find_webserver(installation.settings)
    everywhere = list_everywhere(webserver) if webserver else []
    other = next((each for each in everywhere if each.slug == slug), None)
    if other is None:
        require(loaded, slug)
    name = other.environment if other else None
    return Found(None, installation.accounts.names.find(name) if name else None, webserver)


def require(loaded: Integrations, slug: str) -> None:
    """Check that there is such an integration.

    Raises:
        typer.BadParameter: there is none here.
    """
    known = loaded.slugs
    if slug in known:
        return
    said = f"there is no integration {slug!r}; there are {', '.join(known) or 'none'}"
    if location := find_location(slug):
        said = (
            f"the integration {slug!r} is in the code location {location!r}, and its file is not in the folder of"
            " INTEGRATION_CENTER_DEFS. Set that to the folder of its project"
        )
    raise typer.BadParameter(make_printable(said))


def find_location(slug: str) -> str | None:
    """Find the code location of an integration whose file is not here; None where Dagster knows none, or is down."""
    from integration_center.pipeline.instance.webserver import (
        find_webserver,  # imports Dagster, which most commands do without
    )

    webserver = find_webserver(read_settings())
    locations = webserver.list_locations() if webserver else []
    return next((each.name for each in locations if slug in each.jobs), None)
