"""`forget-report`: delete the stored report of a day."""

import getpass
from typing import Annotated

import typer

from integration_center.access.audit import COMMAND_LINE, Action
from integration_center.cli.output import console
from integration_center.errors import NoDataForDay
from integration_center.insights.catalogue import report_slug
from integration_center.insights.source import parse_day
from integration_center.installation import open_installation


def forget_report(
    report: Annotated[str, typer.Argument(help="The report's name, as in `log`, or its slug.")],
    day: Annotated[str, typer.Argument(metavar="DAY", help="UTC day, YYYY-MM-DD.")],
) -> None:
    """Delete the stored report of a day. Later reports are no longer compared with it; a run of the day fetches it."""
    try:
        wanted = parse_day(day)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="DAY") from None
    with open_installation() as installation:
        # The rows of a team's own asset are stored under a slug that is no report's name.
        slug = report if installation.reports.newest_day(report) else report_slug(report)
        if not installation.reports.forget(slug, wanted):
            raise NoDataForDay(f"no report {report!r} of {wanted} is stored; nothing was deleted", days=(wanted,))
        installation.audit.record(
            Action.FORGOT_REPORT, who=getpass.getuser(), where=COMMAND_LINE, detail=f"{slug} of {wanted}"
        )
    console.print(f"The stored report {slug} of {wanted} is deleted.", markup=False)
