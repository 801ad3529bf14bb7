"""How long a module may be: one idea, which a reader takes in at once."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONGEST = {"integration_center": 350, "salesforce_emulator": 350, "tools": 350, "integration_center_tests": 400}
"""Lines that a module may have, by its package."""


@pytest.mark.parametrize("package", LONGEST)
def test_no_module_is_too_long(package: str) -> None:
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / package).rglob("*.py")
    }
    assert lengths
    assert {path: length for path, length in lengths.items() if length > LONGEST[package]} == {}
