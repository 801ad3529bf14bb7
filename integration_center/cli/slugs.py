"""The names of integrations as arguments."""

import typer

from integration_center.integration_files.integrations import Integrations
from integration_center.settings import read_settings
from integration_center.wording.plain_text import make_printable


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
