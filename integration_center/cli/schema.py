"""`schema`: the JSON schema of `report.yaml`."""

from importlib.resources import files

import typer

import integration_center.insights
from integration_center.insights.drop_folders.drop_names import SCHEMA_NAME


def print_schema() -> None:
    """The JSON schema of report.yaml, for editors. Save it above the reports' folders, as report.schema.json."""
    typer.echo((files(integration_center.insights) / SCHEMA_NAME).read_text(encoding="utf-8"), nl=False)
