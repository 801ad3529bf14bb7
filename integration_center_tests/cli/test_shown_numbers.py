"""Numbers before and after a push, as the command line and the console show them."""

import pytest

from integration_center.cli.output import show
from integration_center.console.shell.values import show_value


@pytest.mark.parametrize(
    ("number", "typed", "grouped"),
    [
        (4_000_002.0, "4000002", "4,000,002"),
        (1_234_567_890.12, "1234567890.12", "1,234,567,890.12"),
        (123_456_789_012_345.0, "123456789012345", "123,456,789,012,345"),
        (0.1 + 0.2, "0.3", "0.3"),
        (-7.5, "-7.5", "-7.5"),
        (0.0, "0", "0"),
    ],
)
def test_a_number_is_shown_with_all_its_digits(number: float, typed: str, grouped: str) -> None:
    assert (show(number), show_value(number)) == (typed, grouped)
