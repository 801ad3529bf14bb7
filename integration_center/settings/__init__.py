"""The settings, read from the environment and a `.env` file. Nothing else names an environment variable."""

from integration_center.settings.apps import LOGIN_URLS, ExternalClientApp
from integration_center.settings.options import Endpoint, Settings, held_settings, read_settings
from integration_center.settings.paths import (
    DEMO_SETTINGS,
    ENV_FILE,
    FIRST_DAY_FILE,
    PROJECT,
    Paths,
    find_default_defs,
    find_default_home,
    named_faults,
    read_paths,
    sets_up_openlineage,
)
from integration_center.settings.sign_in import SignInSettings

__all__ = [
    "DEMO_SETTINGS",
    "ENV_FILE",
    "FIRST_DAY_FILE",
    "LOGIN_URLS",
    "PROJECT",
    "Endpoint",
    "ExternalClientApp",
    "Paths",
    "Settings",
    "SignInSettings",
    "find_default_defs",
    "find_default_home",
    "held_settings",
    "named_faults",
    "read_paths",
    "read_settings",
    "sets_up_openlineage",
]
