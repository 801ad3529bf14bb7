"""What the pages ask of Dagster, over GraphQL."""

from dataclasses import dataclass

from integration_center.console.context import Console
from integration_center.errors import ConfigurationError, ServiceUnavailable


@dataclass(frozen=True)
class Reloaded:
    """Whether Dagster has read the integrations anew, and the sentence that says so."""

    done: bool
    text: str


def reload_code(console: Console) -> Reloaded:
    """Let Dagster read the integrations anew, after one was changed. The change itself stands in any case."""
    webserver = console.find_dagster()
    if webserver is None:
        return Reloaded(False, "Dagster does not run just now; it will know when it starts (make up).")
    try:
        webserver.reload()
    except (ConfigurationError, ServiceUnavailable) as error:
        return Reloaded(False, f"But Dagster did not take it over: {error}. Reload it under Deployment in its own UI.")
    return Reloaded(True, "Dagster knows.")
