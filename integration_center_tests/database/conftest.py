"""An installation with the local orgs."""

from integration_center_tests.pipeline.conftest import center, connect, history_in_memory, home

__all__ = ["center", "connect", "history_in_memory", "home"]
