"""Write an option of `report.yaml` as the one line that a message names."""

from typing import Any

import yaml


def write_column_line(options: dict[str, dict[str, Any]]) -> str:
    """Write options of columns as one line, such as `columns: {Last Login: {dates: epoch}}`.

    Names are quoted where YAML needs it: `# Logins` would be a comment.
    """
    return yaml.safe_dump({"columns": options}, default_flow_style=True, allow_unicode=True, width=10**9).strip()[1:-1]


def write_value(value: Any) -> str:
    """Write the value of an option as its line has it, quoted where YAML needs it."""
    return yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=10**9).strip()[1:-1]
