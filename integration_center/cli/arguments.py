"""The arguments that several verbs take: an account, an integration, a run."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from integration_center.installation import Installation
from integration_center.integration.spec import Environment, IntegrationSpec
from integration_center.integration_files.integrations import Integrations
from integration_center.settings import read_paths, read_settings
from integration_center.wording.near_names import say_nearest
from integration_center.wording.plain_text import make_printable

if TYPE_CHECKING:  # its module imports Dagster, which most commands do without
    from integration_center.pipeline.instance.webserver import Webserver

MAKE_ONE = "Run: integration-center new"
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run id of `log`, or its first characters.")]
Slug = Annotated[str | None, typer.Option(help="Needed when the run carried several integrations.")]


def read_environment(value: str) -> Environment:
    """The name of an account, as somebody wrote it. Whether there is one is asked where it is used."""
    try:
        return Environment(value)
    except ValueError as error:
        raise typer.BadParameter(f"{value!r}: {error}") from None


EnvironmentArgument = Annotated[
    Environment,
    typer.Argument(metavar="ENV", help="sandbox, production, or the name of another account", parser=read_environment),
]


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
        refuse(loaded, slug)
    account = installation.accounts.names.find(other.environment) if other.environment else None
    return Found(None, account, webserver)


def require(loaded: Integrations, slug: str) -> None:
    """Check that there is such an integration in our folder.

    Raises:
        typer.BadParameter: there is none here.
    """
    if slug not in loaded.slugs:
        refuse(loaded, slug)


def refuse(loaded: Integrations, slug: str) -> NoReturn:
    """Refuse the name of an integration that is not in our folder, and say where it is.

    Raises:
        typer.BadParameter: always.
    """
    there = say_nearest(slug, loaded.slugs) if loaded.slugs else f"there is none yet. {MAKE_ONE}"
    said = f"there is no integration {slug!r}; {there}"
    if location := find_location(slug):
        said = (
            f"the integration {slug!r} is in the code location {location!r}, and its file is not in the folder of"
            " INTEGRATION_CENTER_DEFS. Set that to the folder of its project"
        )
    raise typer.BadParameter(make_printable(said))


def say_none() -> str:
    """Return the sentence for a place without an integration, and what to do."""
    paths = read_paths()
    return f"No integration in {'the database' if paths.defs_in_database else paths.defs}. {MAKE_ONE}"


def find_location(slug: str) -> str | None:
    """Find the code location of an integration whose file is not here; None where Dagster knows none, or is down."""
    # This module imports Dagster, which most commands do without.
    from integration_center.pipeline.instance.webserver import find_webserver

    webserver = find_webserver(read_settings())
    locations = webserver.list_locations() if webserver else []
    return next((each.name for each in locations if slug in each.jobs), None)
