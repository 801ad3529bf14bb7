"""`report.yaml`, the optional file beside the drops of a report: what their folder and header cannot say."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integration_center.errors import UnreadableReport
from integration_center.files.yaml_bounds import YamlFault
from integration_center.files.yaml_faults import check_yaml, construct_yaml
from integration_center.insights.catalogue import ColumnType, ReportKind

FILE_NAME = "report.yaml"


class ReportFile(BaseModel):
    """The content of one `report.yaml`; an unknown attribute or a value of another type is an error.

    Attributes:
        name: how people call the report; the folder's name without it.
        kind: None leaves it to the catalogue, which takes a report for a snapshot.
        tags: a custom report is visible only with one of `catalogue.TAGS`.
        columns: types of columns, declared instead of inferred.
        parts: what several files of one day mean: all of them together, or only the last by name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str | None = Field(default=None, min_length=1)
    kind: ReportKind | None = None
    tags: list[str] = []
    key_column: str | None = Field(default=None, min_length=1)
    latest_by: str | None = Field(default=None, min_length=1)
    columns: dict[str, ColumnType] = {}
    parts: Literal["concat", "last"] | None = None

    @property
    def named_columns(self) -> tuple[str, ...]:
        """The columns this file speaks of, each once."""
        return tuple(dict.fromkeys(name for name in (self.key_column, self.latest_by, *self.columns) if name))


def read_report_file(data: bytes, place: str) -> ReportFile:
    """What the bytes of a `report.yaml` say; all defaults when it is empty.

    Args:
        data: the whole file.
        place: how errors name it.

    Raises:
        UnreadableReport: no YAML, an unknown attribute, or a wrong value; names the file and each fault.
    """
    try:
        documents = check_yaml(data.decode(), ReportFile)
        if len(documents) > 1:
            raise UnreadableReport(f"{place}: it has {len(documents)} documents (---); keep one. Mend the file")
        return ReportFile.model_validate((construct_yaml(documents[0]) if documents else None) or {})
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors())
        raise UnreadableReport(f"{place}: {faults}. Mend the file") from None
    except YamlFault as error:
        raise UnreadableReport(f"{place}: {error}. Mend the file") from None
    except UnicodeDecodeError:
        raise UnreadableReport(f"{place}: it is not text in UTF-8; mend the file") from None
