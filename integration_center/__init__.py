"""Carries WalkMe Insights reports into Salesforce objects, every day, through Dagster."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integration_center.pipeline.component import Integration as Integration

__all__ = ["Integration"]


def __getattr__(name: str) -> object:
    """`integration_center.Integration` is what YAML files name; Dagster is imported only when it is asked for."""
    if name == "Integration":
        from integration_center.pipeline.component import Integration

        return Integration
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What Dagster's tools look through for components."""
    return sorted({*globals(), *__all__})
