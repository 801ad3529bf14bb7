"""An empty installation."""

from integration_center_tests.pipeline.conftest import home, one_certificate

__all__ = ["home", "one_certificate"]
