"""What the console serves of others is what their packages have, with its licence beside it."""

import hashlib
import tomllib
from importlib.resources import files

CONSOLE = files("integration_center.console")
LISTED = tomllib.loads(CONSOLE.joinpath("vendored.toml").read_text(encoding="utf-8"))
OURS = {"choose.js", "console.css", "console.js", "icon.svg", "live.js", "times.js", "wizard.css", "wizard.js"}


def test_each_file_is_ours_or_listed() -> None:
    assert {each.name for each in CONSOLE.joinpath("static").iterdir()} == OURS | set(LISTED)


def test_each_listed_file_is_as_it_was_published() -> None:
    for name, about in LISTED.items():
        content = CONSOLE.joinpath("static", name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == about["sha256"], name
        assert about["license_file"] in LISTED, name
        assert about["version"]
