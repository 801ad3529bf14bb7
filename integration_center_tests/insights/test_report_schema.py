"""The JSON schema of `report.yaml`: what the model has, shipped in the package, and named in files that are written."""

import json
from importlib.resources import files
from pathlib import Path

from typer.testing import CliRunner

import integration_center.insights
from integration_center.cli.verbs import app
from integration_center.insights.declared.report_yaml import ColumnFile, ReportFile, read_report_file
from integration_center.insights.drop_folders.drop_names import SCHEMA_NAME
from tools.report_schema import build_schema


def test_the_package_holds_the_schema_of_the_model() -> None:
    text = (files(integration_center.insights) / SCHEMA_NAME).read_text(encoding="utf-8")
    assert text == build_schema(), "run: make schema"
    schema = json.loads(text)
    column = schema["$defs"][ColumnFile.__name__]
    for part, model in ((schema, ReportFile), (column, ColumnFile)):
        assert part["properties"].keys() == model.model_fields.keys()
        assert part["additionalProperties"] is False
        assert all(option["description"] for option in part["properties"].values())
    assert {"enum": ["string", "integer", "number", "boolean", "date", "datetime"]} in (
        schema["properties"]["columns"]["additionalProperties"]["anyOf"]
    )


def test_a_file_that_inspect_writes_names_the_schema_above_it(tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["schema"])
    assert json.loads(shown.stdout)["title"] == "report.yaml"
    (tmp_path / SCHEMA_NAME).write_text(shown.stdout, encoding="utf-8")
    for folder, first in ((tmp_path / "logins", "# yaml-language-server: $schema=../report.schema.json"),
                          (tmp_path / "a" / "nps", "footer: 1")):  # fmt: skip
        folder.mkdir(parents=True)
        (folder / "2026-11-22.csv").write_text("User ID,N\na,1\n1 row\n", encoding="utf-8")
        assert CliRunner().invoke(app, ["inspect", str(folder / "2026-11-22.csv"), "--save"]).exit_code == 0
        written = (folder / "report.yaml").read_text(encoding="utf-8")
        assert written.splitlines()[0] == first
        assert read_report_file(written.encode(), "report.yaml").footer == 1
