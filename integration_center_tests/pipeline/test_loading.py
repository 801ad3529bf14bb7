"""What is built when Dagster loads the location: once for the code server, and for a run only what it runs."""

import base64
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext, DefinitionsLoadType  # not public
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._grpc.types import ExecuteRunArgs
from dagster_shared.serdes import pack_value, serialize_value

from integration_center import build_integration_defs
from integration_center.pipeline.location import beside_assets
from integration_center.pipeline.location.assembly import build_definitions, build_job, build_location
from integration_center.pipeline.location.component import build_own
from integration_center.pipeline.location.selected_assets import KNOWN
from integration_center_tests.conftest import YESTERDAY
from integration_center_tests.pipeline.center import EXAMPLE, PLAIN, Center, logins

TEAM = [{"column": "# Logins Last 30 Days", "field": "WalkMe_NPS_Score__c"}]


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The slugs of the integrations that are built, each time that one is."""
    slugs: list[str] = []

    def note(slug: str, *arguments: Any) -> dg.Definitions:
        slugs.append(slug)
        return build_own(slug, *arguments)

    monkeypatch.setattr("integration_center.pipeline.location.loader.build_own", note)
    return slugs


@pytest.fixture
def three(center: Center) -> Center:
    """Three integrations, two of which read one report by different key columns."""
    center.integrate()
    center.integrate("by_number", object="Contact", fields=TEAM, keys=[{"column": "# Logins", "field": "Email"}])
    center.integrate("from_nps", report="NPS", object="Account", fields=TEAM)
    return center


@pytest.fixture(autouse=True)
def _no_run_known() -> Iterator[None]:
    KNOWN.clear()
    yield
    KNOWN.clear()


def load(center: Center, kind: DefinitionsLoadType) -> dg.Definitions:
    """Load the location as a code server does at first, or as the process of a run does."""
    with DefinitionsLoadContext.scoped(DefinitionsLoadContext(kind)):
        return build_definitions(center.defs)


def create_run(center: Center, name: str, *assets: str) -> ExecuteRunArgs:
    """Create a run, and return what Dagster's launchers say of it to its process."""
    job = build_location(center.defs).resolve_job_def(name)
    keys = {dg.AssetKey(asset.split("/")) for asset in assets}
    chosen = job.get_subset(asset_selection=keys) if keys else job
    run = center.instance.create_run_for_job(chosen, asset_selection=keys or None)
    pointer = ModuleCodePointer("integration_center.definitions", "defs")
    origin = JobPythonOrigin(name, RepositoryPythonOrigin(sys.executable, pointer, entry_point=["dagster"]))
    return ExecuteRunArgs(job_origin=origin, run_id=run.run_id, instance_ref=None)


def start_run(center: Center, monkeypatch: pytest.MonkeyPatch, name: str, *assets: str) -> None:
    """Let this process be that of a run: its command line says which."""
    request = create_run(center, name, *assets)
    monkeypatch.setattr(sys, "argv", ["dagster", "api", "execute_run", serialize_value(request)])
    monkeypatch.setattr(dg.DagsterInstance, "get", lambda: nullcontext(center.instance))


def test_a_code_server_that_asks_twice_gets_what_was_built_once(three: Center, built: list[str]) -> None:
    first = load(three, DefinitionsLoadType.INITIALIZATION)
    assert load(three, DefinitionsLoadType.RECONSTRUCTION) is first
    assert sorted(built) == ["by_number", "from_nps", "logins_to_leads"]
    load(three, DefinitionsLoadType.INITIALIZATION)
    three.integrate("fourth", object="Opportunity")
    assert load(three, DefinitionsLoadType.RECONSTRUCTION) is not first
    assert "fourth" in built


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("job", "assets", "expected"),
    [
        ("logins_to_leads", (), {"logins_to_leads"}),
        ("sync", ("insights/nps", "from_nps/update_set", "from_nps/push"), {"from_nps"}),
        ("__ASSET_JOB", ("insights/logins",), set()),
        ("retention", (), set()),
        ("sync", (), {"logins_to_leads", "by_number", "from_nps"}),
    ],
)
def test_the_process_of_a_run_builds_what_it_runs(
    three: Center,
    monkeypatch: pytest.MonkeyPatch,
    built: list[str],
    job: str,
    assets: tuple[str, ...],
    expected: set[str],
) -> None:
    start_run(three, monkeypatch, job, *assets)
    load(three, DefinitionsLoadType.INITIALIZATION)
    load(three, DefinitionsLoadType.RECONSTRUCTION)  # takes what the first call built
    built.clear()
    location = load(three, DefinitionsLoadType.RECONSTRUCTION)
    found = location.resolve_job_def(job)
    assert set(built) == expected
    assert bool(location.sensors) is (job == "retention")  # what starts runs is left out of a run of assets
    for asset in assets:
        assert dg.AssetKey(asset.split("/")) in found.asset_layer.executable_asset_keys


def compress(request: ExecuteRunArgs) -> str:
    """Compress what is said to a process, as Dagster's launchers do."""
    return base64.b64encode(zlib.compress(serialize_value(request).encode())).decode()


@pytest.mark.parametrize("way", ["variable", "compressed variable", "compressed option"])
def test_a_run_that_is_given_in_another_way_builds_what_it_runs(
    three: Center, monkeypatch: pytest.MonkeyPatch, built: list[str], way: str
) -> None:
    request = create_run(three, "from_nps")
    monkeypatch.setattr(dg.DagsterInstance, "get", lambda: nullcontext(three.instance))
    match way:
        case "variable":
            monkeypatch.setenv("DAGSTER_EXECUTE_RUN_ARGS", serialize_value(request))
        case "compressed variable":
            monkeypatch.setenv("DAGSTER_COMPRESSED_EXECUTE_RUN_ARGS", compress(request))
        case _:
            monkeypatch.setattr(sys, "argv", ["execute_run", "--compressed-input-json", compress(request)])
    built.clear()
    load(three, DefinitionsLoadType.RECONSTRUCTION)
    assert built == ["from_nps"]


def test_a_worker_of_celery_builds_for_each_task_what_it_runs(
    three: Center, monkeypatch: pytest.MonkeyPatch, built: list[str]
) -> None:
    celery = pytest.importorskip("celery")
    app = celery.Celery("worker", broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.task_always_eager = True
    monkeypatch.setattr(dg.DagsterInstance, "get", lambda: nullcontext(three.instance))

    @app.task  # type: ignore[untyped-decorator]
    def execute_job(execute_job_args_packed: Any) -> None:
        load(three, DefinitionsLoadType.RECONSTRUCTION)

    for slug in ("from_nps", "by_number"):
        request = create_run(three, slug)
        built.clear()
        execute_job.si(execute_job_args_packed=pack_value(request)).apply_async().get()
        assert built == [slug]


def count_calls(build: Callable[[], object]) -> int:
    """Count the calls of Python functions that something takes: unlike seconds it is the same on each machine."""
    calls = 0

    def count(*event: object) -> None:
        nonlocal calls
        calls += event[1] == "call"

    sys.setprofile(count)
    try:
        build()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("source", [{}, {"source": {"asset": "usage"}, "report": None}])
def test_what_a_job_takes_does_not_grow_with_the_integrations_beside_it(home: Path, source: dict[str, Any]) -> None:
    @dg.asset
    def usage() -> None:
        pass

    def count_job(number: int) -> int:
        given = {**EXAMPLE, **source}
        specs = {
            f"to_{place}": {key: value for key, value in {**given, "object": f"Thing_{place}__c"}.items() if value}
            for place in range(number)
        }
        team = dg.Definitions(assets=[usage], resources={"io_manager": dg.mem_io_manager})
        repository = dg.Definitions.merge(team, build_integration_defs(specs)).get_repository_def()
        repository.get_job("to_0")  # what is done once
        return count_calls(lambda: repository.get_job("to_1"))

    assert count_job(30) < 1.05 * count_job(5)


def test_a_job_that_is_built_alone_comes_without_what_starts_runs(
    three: Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    for name in ("build_own_schedules", "build_sensors", "build_arrival_sensors", "build_alert_sensor"):
        build = getattr(beside_assets, name)

        def note(*arguments: Any, name: str = name, build: Callable[..., dg.Definitions] = build) -> dg.Definitions:
            names.append(name)
            return build(*arguments)

        monkeypatch.setattr(beside_assets, name, note)
    assert build_job(three.defs, "logins_to_leads").name == "logins_to_leads"
    assert not names
    assert build_job(three.defs, "retention").name == "retention"
    assert len(names) == 4


def test_a_report_that_is_built_for_one_reader_keeps_the_key_columns_of_all_as_text(three: Center) -> None:
    header = ("User ID", "First Login", "Last Login", "# Logins Last 30 Days", "# Logins")
    three.drop([(*row, f"00{place}") for place, row in enumerate(logins(PLAIN[:2]))], header=header)
    job = build_job(three.defs, "logins_to_leads")
    assert not any(key.path[0] == "from_nps" for key in job.asset_layer.executable_asset_keys)
    job.execute_in_process(instance=three.instance, partition_key=YESTERDAY.isoformat(), raise_on_error=False)
    (stored,) = (three.home / "storage" / "insights" / "logins").glob(f"{YESTERDAY}.*.parquet")
    assert pl.read_parquet(stored)["# Logins"].to_list() == ["000", "001"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Dagster, where it reads its own schedules
def test_the_page_of_components_lists_the_integrations_and_documents_their_attributes(three: Center) -> None:
    found = RepositorySnap.from_def(three.definitions().get_repository_def(), defer_snapshots=True)
    assert found.component_tree is not None
    listed = {each.key: each.full_type_name for each in found.component_tree.leaf_instances}
    assert listed == dict.fromkeys(("by_number", "from_nps", "logins_to_leads"), "integration_center.Integration")
    assert "min_match_rate" in str(found.metadata)
