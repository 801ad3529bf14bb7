"""The direction of imports, read from the source: the core knows nothing of Dagster, HTTP or the environment."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import integration_center
import salesforce_emulator

PACKAGE = Path(integration_center.__file__).parent
EMULATOR = Path(salesforce_emulator.__file__).parent
ORDER = (
    *(
        "wording",
        "errors",
        "progress",
        "files",
        "integration",
        "secret_stores",
        "settings",
        "remote",
        "sync",
        "insights",
        "store",
        "salesforce",
    ),
    *("planning", "database", "access", "accounts", "web", "installation", "integration_files", "alerts", "pipeline"),
    *("definitions", "console", "cli", "__main__"),
)
"""The parts of the package. Each imports only parts that come before it."""
LEVEL = {part: level for level, part in enumerate(ORDER)}
DAGSTER_SIDE = {"pipeline", "definitions", "console", "cli", ""}
"""Where Dagster may be imported."""


def part_of(module: str) -> str:
    """`sync` of `integration_center.sync.lines`."""
    return module.removeprefix("integration_center").lstrip(".").partition(".")[0]


@cache
def trees(package: Path = PACKAGE) -> Mapping[Path, ast.Module]:
    """The modules of a package, parsed."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(package.rglob("*.py"))}


@cache
def imports(package: Path = PACKAGE) -> tuple[tuple[str, str], ...]:
    """All imports in a package: (our module, what it imports), wherever in the file they are."""
    return tuple(
        (module, name)
        for path, tree in trees(package).items()
        if "defs" not in path.relative_to(package).parts
        for module in [".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__")]
        for name in imported(tree)
    )


def imported(tree: ast.Module) -> Iterator[str]:
    """The modules that a file imports; `from package import part` counts as `package.part`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers_of(*names: str) -> set[str]:
    """The parts of the package that import one of these libraries."""
    return {part_of(module) for module, name in imports() if name.partition(".")[0] in names}


def test_every_part_has_its_layer() -> None:
    parts = {part_of(module) for module, _ in imports()} - {""}
    assert parts - LEVEL.keys() == set()


def test_imports_run_one_way() -> None:
    wrong = [
        (module, name)
        for module, name in imports()
        if part_of(module) in LEVEL and name.startswith("integration_center.")
        if part_of(name) != part_of(module) and LEVEL.get(part_of(name), -1) >= LEVEL[part_of(module)]
    ]
    assert wrong == []


def test_the_core_needs_neither_dagster_nor_http() -> None:
    assert importers_of("dagster", "dagster_shared") <= DAGSTER_SIDE
    forbidden = {"dagster", "httpx", "obstore", "sqlalchemy", "starlette", "integration_center.insights"}
    core = [(m, n) for m, n in imports() if part_of(m) in {"errors", "integration", "sync"}]
    assert core
    assert [(m, n) for m, n in core if n.startswith(tuple(forbidden))] == []


def test_only_the_command_line_starts_the_emulator() -> None:
    users = {part_of(m) for m, n in imports() if n.startswith("salesforce_emulator")}
    assert users == {"cli"}


def test_the_emulator_shares_no_habit_with_the_client() -> None:
    borrowed = {name for _, name in imports(EMULATOR) if name.startswith("integration_center")}
    assert borrowed == set()


@pytest.mark.parametrize("package", [EMULATOR])
def test_no_module_imports_itself_by_way_of_others(package: Path) -> None:
    modules = {module for module, _ in imports(package)}
    arrows: dict[str, set[str]] = {module: set() for module in modules}
    for module, name in imports(package):
        arrows[module] |= {found for found in (name, name.rpartition(".")[0]) if found in modules} - {module}
    TopologicalSorter(arrows).prepare()  # refuses a circle, and names it


ASKED_WHEN_CALLED = {("pipeline.judging", "pipeline.location.loader")}
"""Judging an integration loads it, as its own jobs ask for: the import is made when the function is called."""


@pytest.mark.parametrize("part", ["pipeline", "insights"])
def test_the_folders_of_a_part_import_one_way(part: str) -> None:
    """A module that lies beside the folders counts as a folder of its own."""
    modules = {module.removeprefix("integration_center.") for module, _ in imports() if part_of(module) == part}

    def room(module: str) -> str:
        return module if module.count(".") == 1 else module.rpartition(".")[0]

    arrows: dict[str, set[str]] = {room(module): set() for module in modules}
    for module, name in imports():
        importer = module.removeprefix("integration_center.")
        for imported_module in {name, name.rpartition(".")[0]}:
            found = imported_module.removeprefix("integration_center.")
            if {importer, found} <= modules and (importer, found) not in ASKED_WHEN_CALLED:
                arrows[room(importer)] |= {room(found)} - {room(importer)}
    assert len(arrows) > 5
    TopologicalSorter(arrows).prepare()  # refuses a circle, and names it


READERS = {"settings/paths.py", "pipeline/location/selected_assets.py", "integration/variables.py"}


def test_only_settings_and_what_reads_dagsters_arguments_name_environment_variables() -> None:
    readers = {
        path.relative_to(PACKAGE).as_posix()
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"})
        or (isinstance(node, ast.Name) and node.id == "EnvVar")
    }
    # The command line hands the environment on to the processes it starts, and sets it for the demo.
    assert {reader for reader in readers if not reader.startswith("cli/")} <= READERS
