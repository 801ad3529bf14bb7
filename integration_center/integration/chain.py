"""Integrations that start after others: whether what they name is there, and leads to a beginning."""

from collections.abc import Mapping

from integration_center.integration.spec import IntegrationSpec
from integration_center.wording.near_names import say_nearest


def find_chain_faults(integrations: Mapping[str, IntegrationSpec]) -> dict[str, str]:
    """Find the enabled integrations that can never start, because of what `after` names; by slug, with the reason."""
    faults: dict[str, str] = {}
    for slug, spec in integrations.items():
        if not spec.enabled or spec.after is None:
            continue
        chain = [slug]
        while (earlier := find_earlier(integrations, chain[-1])) and earlier not in chain:
            chain.append(earlier)
        if find_earlier(integrations, slug) is None:
            others = [name for name in integrations if name != slug]
            faults[slug] = f"after: there is no integration {spec.after!r}; {say_nearest(spec.after, others)}"
        elif earlier is not None:
            circle = " after ".join([*chain, earlier])
            faults[slug] = f"after: they wait for each other ({circle}), so none would ever start; give one a schedule"
    return faults


def find_earlier(integrations: Mapping[str, IntegrationSpec], slug: str) -> str | None:
    """Find the slug of the integration that one starts after; None where it starts by itself, or names none."""
    spec = integrations.get(slug)
    if spec is None or spec.after is None:
        return None
    return next((name for name in (spec.slug_in(spec.after), spec.after) if name in integrations), None)
