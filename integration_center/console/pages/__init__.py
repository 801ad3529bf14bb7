"""The pages. A new one is a module with a `PAGE`, and its line here; the order is that of the navigation."""

from integration_center.console.pages import (
    accounts,
    alerts,
    audit,
    callback,
    components,
    doctor,
    integration,
    integrations,
    log,
    runs,
    search,
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
    undo.PAGE,
    log.PAGE,
    search.PAGE,
    accounts.PAGE,
    alerts.PAGE,
    doctor.PAGE,
    audit.PAGE,
    callback.PAGE,
    sign_in.PAGE,
    components.PAGE,
)
