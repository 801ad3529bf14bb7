"""Carries WalkMe Insights reports into Salesforce objects, every day, through Dagster."""

TYPE_CHECKING = False
"""What type checkers take for true. Importing `typing` takes longer than all else before Ctrl-C is caught."""

if TYPE_CHECKING:
    from integration_center.integration.spec import IntegrationSpec as IntegrationSpec
    from integration_center.pipeline.location.component import Integration as Integration
    from integration_center.pipeline.location.embedding import build_integration_defs as build_integration_defs
    from integration_center.pipeline.location.embedding import load_integration_defs as load_integration_defs
    from integration_center.pipeline.location.translator import IntegrationTranslator as IntegrationTranslator
    from integration_center.pipeline.location.translator import TranslatorData as TranslatorData

PLACES = {
    "Integration": "pipeline.location.component",
    "IntegrationSpec": "integration.spec",
    "IntegrationTranslator": "pipeline.location.translator",
    "TranslatorData": "pipeline.location.translator",
    "build_integration_defs": "pipeline.location.embedding",
    "load_integration_defs": "pipeline.location.embedding",
}
"""Where the public names are. Dagster is imported only when one of them is asked for."""

__all__ = [
    "Integration",
    "IntegrationSpec",
    "IntegrationTranslator",
    "TranslatorData",
    "build_integration_defs",
    "load_integration_defs",
]


def __getattr__(name: str) -> object:
    """Import a public name; YAML files name `integration_center.Integration`."""
    if name in PLACES:
        import importlib

        return getattr(importlib.import_module(f"integration_center.{PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What Dagster's tools look through for components."""
    return sorted({*globals(), *__all__})
