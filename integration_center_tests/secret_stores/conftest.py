"""An empty installation."""

from integration_center_tests.pipeline.conftest import home

__all__ = ["home"]
