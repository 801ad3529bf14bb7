"""The steps of an installation without integrations: an account, a report, the first integration."""

from dataclasses import dataclass
from datetime import date

from integration_center.console.lookups import wait_for
from integration_center.console.pages.reports import ask_for_reports
from integration_center.console.shell.context import Console
from integration_center.errors import IntegrationCenterError

PATIENCE = 0.4
"""Seconds for which the page waits for the reports."""


@dataclass(frozen=True)
class FirstSteps:
    """What is done already.

    Attributes:
        accounts: the connected environments.
        report: a report with data, and its newest day; None where none has any, or where that is not known yet.
    """

    accounts: tuple[str, ...] = ()
    report: tuple[str, date] | None = None


def find_first_steps(console: Console) -> FirstSteps:
    """Find out which steps are done; asks for the reports in the background, and waits a moment."""
    accounts = tuple(account.environment.title for account in console.installation.accounts.list())
    asked = ask_for_reports(console)
    if not wait_for([asked], PATIENCE):
        return FirstSteps(accounts)
    try:
        reports, _ = asked.get()
    except IntegrationCenterError:  # the page of the reports says why
        return FirstSteps(accounts)
    found = [(each.newest, each.info.name) for each in reports if each.newest and not each.problem]
    newest = max(found, default=None)
    return FirstSteps(accounts, (newest[1], newest[0]) if newest else None)
