"""`init`: lays out a project of its own, with integrations, Dagster's files, a Makefile and a CI workflow."""

import importlib.util
import keyword
import os
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from integration_center.cli.output import console
from integration_center.errors import ConfigurationError
from integration_center.files.text_files import writing
from integration_center.insights.catalogue import slugify
from integration_center.store.home import prepare_home

TEMPLATES = files("integration_center.cli") / "project"
FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "Makefile": "Makefile",
    "workspace.yaml": "workspace.yaml",
    ".gitignore": "gitignore",
    ".env": "env",
    ".env.example": "env",
    ".github/workflows/ci.yml": "ci.yml",
    "{name}/definitions.py": "definitions.py",
    "{name}/defs/logins_to_leads/defs.yaml": "defs.yaml",
}
"""The files of a project, each with its template."""
PACKAGES = {"{name}": "Integrations into Salesforce.", "{name}/defs": "What Dagster loads."}
KEPT = timedelta(days=90)
"""Days of the past that a new project shows as partitions: as long as frames are kept."""


def init_project(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder, or an empty one.")],
) -> None:
    """Lay out a new project in a folder. It has integrations, Dagster's files, a Makefile and a CI workflow."""
    root = Path(os.path.expanduser(folder)).absolute()
    name = name_package(root)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise ConfigurationError(f"{folder} is there already and not empty; name a new folder")
    first_day = (datetime.now(UTC) - KEPT).date()
    home = root / "dagster_home"
    with writing(root):
        for place, template in FILES.items():
            shown = home if place == ".env" else "/path/to/dagster_home"
            text = Template((TEMPLATES / f"{template}.txt").read_text(encoding="utf-8"))
            write(root / place.format(name=name), text.substitute(name=name, home=shown, first_day=first_day))
        for place, says in PACKAGES.items():
            write(root / place.format(name=name) / "__init__.py", f'"""{says}"""\n')
        prepare_home(home)
    console.print(f"Written: {folder}, with the package {name}", markup=False, soft_wrap=True)
    console.print(f"Go on there: cd {folder} && make setup check", markup=False, soft_wrap=True)


def name_package(root: Path) -> str:
    """Make a package's name of the folder's.

    Raises:
        ConfigurationError: Python would take it for something else.
    """
    name = slugify(root.name)
    taken = keyword.iskeyword(name) or importlib.util.find_spec(name) is not None
    if not name.isidentifier() or taken:
        raise ConfigurationError(
            f"{root.name!r} cannot name a project, because Python has another use for {name!r}; name the folder"
            " otherwise, such as acme_integrations"
        )
    return name


def write(path: Path, text: str) -> None:
    """Write a file, and the folders that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
