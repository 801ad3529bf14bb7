"""The pages. A new one is a module with a `PAGE`, and its line here; the order is that of the navigation."""

from integration_center.console.pages import (
    accounts,
    admin,
    audit,
    callback,
    components,
    door,
    integration,
    integrations,
    log,
    people,
    promote,
    provider,
    reports,
    rights,
    runs,
    sign_in,
    undo,
)
from integration_center.console.shell.page import Page
from integration_center.console.wizard import page as wizard

PAGES: tuple[Page, ...] = (
    integrations.PAGE,
    wizard.PAGE,
    integration.PAGE,
    runs.PAGE,
    promote.PAGE,
    undo.PAGE,
    log.PAGE,
    reports.PAGE,
    accounts.PAGE,
    rights.PAGE,
    audit.PAGE,
    admin.PAGE,
    callback.PAGE,
    sign_in.PAGE,
    provider.PAGE,
    people.PAGE,
    door.PAGE,
    components.PAGE,
)
