"""The names of integrations: slugs, which Dagster and the product must be able to use as names of jobs and steps."""

import keyword
import re
from collections.abc import Collection

from integration_center.errors import ConfigurationError
from integration_center.integration.environment import FIRST

SLUG = re.compile(r"^[a-z0-9_]+$")
VERBS = ("undo", "write_back", "release", "send_released", "retry", "send_failed")
"""What the jobs and ops of an account begin with."""
OUR_NAMES = frozenset(
    {"insights", "salesforce", "gainsight", "sync", "retention", "delete_old_files"}
    | {f"{verb}_{environment}" for verb in VERBS for environment in FIRST}
)
"""Jobs, ops and groups of the product itself."""
DAGSTER_NAMES = frozenset(
    {"context", "conf", "config", "meta", "arg_dict", "dict", "input_arg_dict", "output_arg_dict", "int", "str"}
    | {"float", "bool", "input", "output", "type", *keyword.kwlist}
)
"""Names that Dagster 1.13 gives to no job, op or group. Source: `dagster._core.definitions.utils.DISALLOWED_NAMES`."""
STEP_NAME = re.compile(rf"^({'|'.join(('insights', *VERBS))})__|__(update_set|push|send)$")
"""How the steps of reports and of integrations are called, and the jobs of further accounts: no job of an integration
must have such a name."""


def is_reserved(slug: str) -> bool:
    """Return whether Dagster or the product needs this slug for something else."""
    return slug in OUR_NAMES or slug in DAGSTER_NAMES or STEP_NAME.search(slug) is not None


def check_slug(slug: str) -> str:
    """Check a slug, and return it.

    Raises:
        ConfigurationError: it is no lower-case name of letters, digits and underscores, or a reserved one.
    """
    if is_reserved(slug):
        raise ConfigurationError(
            f"folder {slug!r}: Dagster or the Integration Center itself uses this name; rename the folder, for example"
            f" to {free_slug(slug)!r}"
        )
    if not SLUG.fullmatch(slug):
        raise ConfigurationError(
            f"folder {slug!r}: rename it; an integration's folder may hold only lower-case letters, digits and _"
        )
    return slug


def free_slug(slug: str, taken: Collection[str] = ()) -> str:
    """Return `slug`, or a similar one that is neither reserved nor taken."""
    base = STEP_NAME.sub("", slug).strip("_") or "integration"
    found, number = slug, 1
    while found in taken or is_reserved(found):
        number += 1
        found = f"{base}_{number}"
    return found


def name_broken(folder: str, taken: Collection[str]) -> str:
    """Choose the slug of a broken integration: the name of its folder, or a similar one if that is taken or no slug.

    The name of the folder keeps the integration's history.
    """
    if SLUG.fullmatch(folder) and not is_reserved(folder) and folder not in taken:
        return folder
    name = "broken_" + "".join(char if char.isascii() and char.isalnum() else "_" for char in folder).lower()
    while name in taken or is_reserved(name):
        name += "_"
    return name
