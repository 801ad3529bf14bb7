"""Builds the JSON schema of `report.yaml`, with which editors complete and check the file.

`make schema` writes it into the package. The texts are those beside the options in the code.
"""

import json
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

import integration_center.insights
from integration_center.insights.catalogue import ColumnType
from integration_center.insights.declared.report_yaml import ColumnFile, ReportFile
from integration_center.insights.drop_folders.drop_names import SCHEMA_NAME
from tools.attribute_docs import read_attribute_docs

PLACE = Path(integration_center.insights.__file__).parent / SCHEMA_NAME


def build_schema() -> str:
    """Build the schema, as JSON text."""
    schema = ReportFile.model_json_schema()
    column = schema["$defs"][ColumnFile.__name__]
    describe(schema, ReportFile, {})
    describe(column, ColumnFile, read_attribute_docs(ReportFile))
    reference = schema["properties"]["columns"]["additionalProperties"]
    schema["properties"]["columns"]["additionalProperties"] = {"anyOf": [{"enum": [*get_args(ColumnType)]}, reference]}
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "report.yaml"}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def describe(schema: dict[str, Any], model: type[BaseModel], others: dict[str, str]) -> None:
    """Give each option the text beside it in the code, or else the text in `others`."""
    docs = others | read_attribute_docs(model)
    schema["description"] = (model.__doc__ or "").partition("\n")[0]
    for name, option in schema["properties"].items():
        option.pop("title", None)
        option["description"] = docs[name]


if __name__ == "__main__":
    PLACE.write_text(build_schema(), encoding="utf-8")
