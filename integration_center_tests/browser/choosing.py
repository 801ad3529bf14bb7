"""Chooses in a long list as a person does: by typing."""

from playwright.sync_api import Locator, Page, expect


def choose(field: Locator, typed: str, value: str | None = None) -> None:
    """Type into the field of a long list and take the first choice.

    Args:
        field: where it is typed.
        typed: what is looked for.
        value: what is chosen then, where it is not what was typed.
    """
    await_script(field)
    field.fill(typed)
    expect(field).to_have_attribute("aria-expanded", "true")
    field.press("Enter")
    expect_chosen(field, value or typed)


def await_script(field: Locator) -> None:
    """Wait until the script has put a field to type in before the list."""
    expect(field).to_have_attribute("role", "combobox")


def await_answer(page: Page) -> None:
    """Wait until the server has all that was chosen in the wizard."""
    expect(page.locator("#wizard-form")).not_to_have_attribute("aria-busy", "true")


def expect_chosen(field: Locator, value: str) -> None:
    """Wait until the list of a field sends this value."""
    await_script(field)
    holder = field.page.locator(f"#{field.get_attribute('data-chooses')}")
    expect(holder).to_have_value(value)
