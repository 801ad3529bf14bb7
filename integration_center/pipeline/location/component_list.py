"""What Dagster's page of components shows of a folder: its integrations, and the documentation of their attributes.

A project that loads its components by Dagster's own tree has both already; here integrations are loaded without one.
"""

import types
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import dagster as dg
from dagster.components.core.context import ComponentDeclLoadContext
from dagster.components.core.decl import ComponentDecl, ComponentLoaderDecl  # not public
from dagster.components.core.defs_module import ComponentLoc, ComponentPath
from dagster.components.core.load_defs import PLUGIN_COMPONENT_TYPES_JSON_METADATA_KEY
from dagster.components.core.snapshot import get_package_entry_snap
from dagster_shared.serdes.objects.package_entry import EnvRegistryKey, json_for_all_components

from integration_center.integration.spec import IntegrationSpec
from integration_center.pipeline.location.component import Integration


def describe_components(folder: Path, specs: Mapping[str, IntegrationSpec]) -> dg.Definitions:
    """Describe integrations as the components that their files declare, with the documentation of the component."""
    documented = get_package_entry_snap(EnvRegistryKey("integration_center", "Integration"), Integration)
    return dg.Definitions(
        metadata={PLUGIN_COMPONENT_TYPES_JSON_METADATA_KEY: json_for_all_components([documented])},
        component_tree=list_components(folder, specs),
    )


def list_components(folder: Path, specs: Mapping[str, IntegrationSpec]) -> dg.ComponentTree:
    """List integrations as the components that their files declare."""
    declared: dict[ComponentLoc, ComponentDecl[dg.Component]] = {}

    class Listed(dg.ComponentTree):
        """A tree that is only looked at: nothing is built from it."""

        def _component_decl_tree(self) -> dict[ComponentLoc, ComponentDecl[dg.Component]]:
            """Dagster's own name for the declarations of all components."""
            return declared

    module = types.ModuleType("integration_center.defs")
    module.__file__ = None
    module.__path__ = [str(folder)]
    tree = Listed(defs_module=module, project_root=folder.parent)
    for slug, spec in specs.items():
        name = slug.removeprefix(f"{spec.prefix}_") if spec.prefix else slug
        place = ComponentPath(file_path_posix=(folder / name).as_posix(), instance_key=None)
        component = Integration(spec, slug)
        declared[place] = ComponentLoaderDecl(
            context=tree.decl_load_context, loc=place, component_node_fn=partial(return_component, component)
        )
    return tree


def return_component(component: Integration, context: ComponentDeclLoadContext) -> dg.Component:
    """Return a component that is loaded already, as Dagster calls functions that load one."""
    return component
