"""`emulator`: the local orgs and Insights API, in the foreground."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from integration_center.cli.embedded import find_emulator, refuse_taken, say_taken
from integration_center.errors import ConfigurationError
from integration_center.integration.environment import Environment, OrgKind
from integration_center.settings import read_settings


def serve_emulator(
    records: Annotated[int, typer.Option(min=0, max=2_000_000, help="Invented Leads in each org.")] = 2_000,
    data: Annotated[Path | None, typer.Option(file_okay=False, help="Keep the orgs' rows in this folder.")] = None,
    drops: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Serve these report drops, too, and make Leads for them."),
    ] = None,
    sandbox_port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 0,
    production_port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 0,
    insights_port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = 0,
    org: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:KIND", help="A further org, such as emea-prod:production. May be repeated."),
    ] = None,
) -> None:
    """Two local Salesforce orgs or more, and an Insights API on loopback. Their addresses are one line of JSON."""
    find_emulator()  # or say how to install it
    ports = {"sandbox": sandbox_port, "production": production_port, "insights": insights_port}
    refuse_ports(ports)
    from salesforce_emulator.insights.drop_people import read_drop_people
    from salesforce_emulator.server import EmulatorConfig, PortTaken, serve

    config = EmulatorConfig(
        records=records,
        people=read_drop_people(drops) if drops else (),
        data=data,
        drops=drops,
        sandbox_port=sandbox_port,
        production_port=production_port,
        insights_port=insights_port,
        redirect_uris=[read_settings().callback_url],
        further=dict(map(read_org, org or ())),
    )
    try:
        serve(config)
    except PortTaken as error:  # another program took it while the orgs were filled
        name = next(name for name, port in ports.items() if port == error.port)
        raise ConfigurationError(say_taken(error.port, f"--{name}-port")) from None


def refuse_ports(ports: Mapping[str, int]) -> None:
    """Check that the ports can be listened on. 0 is any free port.

    Raises:
        ConfigurationError: another program has one of them.
        BadParameter: two are the same.
    """
    owners: dict[int, str] = {}
    for name, port in ports.items():
        if port == 0:
            continue
        if first := owners.get(port):
            raise typer.BadParameter(f"--{first}-port and --{name}-port are both {port}; give each its own")
        refuse_taken(port, f"--{name}-port")
        owners[port] = name


def read_org(given: str) -> tuple[str, bool]:
    """The name of a further org, and whether it is a sandbox."""
    name, _, kind = given.partition(":")
    try:
        named = Environment(name)
        if named.is_first:
            raise ValueError("sandbox and production are there already")
        return named.value, OrgKind(kind) is OrgKind.SANDBOX
    except ValueError as error:
        raise typer.BadParameter(f"{given!r}: give NAME:KIND, such as emea-prod:production; {error}") from None
