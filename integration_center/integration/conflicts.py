"""The rule across integrations that no two write one field."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from integration_center.integration.spec import Environment, IntegrationSpec


def find_conflicts(integrations: Mapping[str, IntegrationSpec]) -> dict[str, str]:
    """The slugs of enabled integrations that write a field another enabled one writes, with the reason.

    The first keeps the field. Given the oldest first, adding an integration never breaks one that runs.
    """
    owners: dict[tuple[Environment, str, str], str] = {}
    clashes: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for slug, spec in integrations.items():
        if not spec.enabled:
            continue
        for mapping in spec.fields:
            owner = owners.setdefault((spec.environment, spec.object.lower(), mapping.field.lower()), slug)
            if owner != slug:
                clashes[slug][owner].append(f"{spec.object}.{mapping.field}")
    return {slug: "; ".join(_say_clash(*each) for each in found.items()) for slug, found in clashes.items()}


def _say_clash(owner: str, fields: Sequence[str]) -> str:
    are = "is" if len(fields) == 1 else "are"
    return f"{', '.join(fields)} {are} already written by integration {owner!r}; disable one of the two"
