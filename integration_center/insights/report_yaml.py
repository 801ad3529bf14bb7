"""`report.yaml`, the optional file beside the drops of a report: what their folder and header cannot say."""

from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from integration_center.errors import UnreadableReport
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
        return ReportFile.model_validate(yaml.safe_load(data.decode()) or {})
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors())
        raise UnreadableReport(f"{place}: {faults}. Mend the file") from None
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UnreadableReport(f"{place}{line}: not YAML ({error.problem}); mend the file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UnreadableReport(
            f"{place}: cannot be read as YAML in UTF-8 ({type(error).__name__}); mend the file"
        ) from None
