"""A project of somebody else, laid out as `create-dagster` does."""

from pathlib import Path

PYPROJECT = """
[project]
name = "{name}"
version = "0.1.0"
requires-python = ">=3.11"
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[tool.hatch.build.targets.wheel]
packages = ["src/{module}"]
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "{module}"
"""
DEFINITIONS = """
from pathlib import Path

import dagster as dg

@dg.definitions
def defs():
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""


def lay_out(root: Path, module: str, team: str) -> Path:
    """Write a project into the folder `root`, and return its folder of definitions, with those of the team."""
    defs = root / "src" / module / "defs"
    defs.mkdir(parents=True)
    (root / "pyproject.toml").write_text(PYPROJECT.format(name=root.name, module=module), encoding="utf-8")
    for folder in (defs.parent, defs):
        (folder / "__init__.py").touch()
    (defs.parent / "definitions.py").write_text(DEFINITIONS, encoding="utf-8")
    (defs / "team.py").write_text(team, encoding="utf-8")
    return defs
