"""The names of integrations as arguments."""

import typer

from integration_center.integration_files.integrations import Integrations
from integration_center.wording.plain_text import make_printable


def require(loaded: Integrations, slug: str) -> None:
    """Check that there is such an integration.

    Raises:
        typer.BadParameter: there is none.
    """
    known = loaded.slugs
    if slug not in known:
        raise typer.BadParameter(
            make_printable(f"there is no integration {slug!r}; there are {', '.join(known) or 'none'}")
        )
