"""`security`: one page for a security review."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from integration_center.cli.output import console, write_private
from integration_center.installation import open_installation
from integration_center.pipeline.administration.security_overview import write_overview


def print_overview(
    output: Annotated[Path | None, typer.Option(help="Write it to this file instead of the terminal.")] = None,
) -> None:
    """One page for a security review: addresses, scopes, tokens, people, and what is kept. It holds no secret."""
    with open_installation() as installation:
        text = write_overview(installation, datetime.now(UTC))
    if output is None:
        console.print_lines(text)
        return
    write_private(output, text, "--output")
    console.print(f"Written to {output}", markup=False)
