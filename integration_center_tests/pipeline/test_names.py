"""Whatever the folders of integrations are called and hold, the code location loads and the sound ones run."""

import json
import keyword
import os
import re
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.utils import DISALLOWED_NAMES
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster_shared.serdes import serialize_value
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from integration_center.errors import ConfigurationError
from integration_center.integration import slugs
from integration_center.integration.slugs import DAGSTER_NAMES, check_slug, free_slug
from integration_center.integration.spec import IntegrationSpec
from integration_center.integration_files.folder import DefsFolder
from integration_center.pipeline.judging import judge_with_dagster
from integration_center.pipeline.location.assembly import build_definitions
from integration_center.pipeline.location.loader import load_integrations
from integration_center_tests.pipeline.center import EXAMPLE, PLAIN, Center, logins
from integration_center_tests.proofs import examples

GOOD = "logins_to_leads"
HOSTILE = (
    *("global", "class", "config", "input", "type", "str", "delete_old_files", "write_back_sandbox", "undo_production"),
    *("retry_sandbox", "send_failed_production", "retry__emea_prod", "release_sandbox"),
    *("insights", "salesforce", "insights__logins", f"{GOOD}__push", f"{GOOD}__update_set", f"{GOOD}__send", "__push"),
    *("daily_sync", "weekly_retention", "log_failure_runs", f"{GOOD}_schedule", "_", "1", "a" * 200, "x__y"),
    *("__asset_job", "Upper", "with blank", "é", "a.b", "-", "...", os.fsdecode(b"Z\xfcrich"), "a\nb", "x__push"),
    *("Upper__push", "broken_x", "broken_upper", "broken_x__send"),
)


COMPONENT = "integration_center.Integration"
POST = "post_processing:\n  assets:\n    - target: '*'\n      attributes: WHAT\n"


def write(root: Path, slug: str, extra: str = "", **changes: object) -> None:
    """Write an integration on an object of its own."""
    attributes = {**EXAMPLE, "name": f"Integration {slug}", "object": f"Object_{abs(hash(slug))}__c", **changes}
    folder = root / slug
    folder.mkdir(parents=True)
    document = yaml.safe_dump({"type": "integration_center.Integration", "attributes": attributes})
    (folder / "defs.yaml").write_text(document + extra, encoding="utf-8")


def names(definitions: dg.Definitions) -> set[str]:
    """The jobs that Dagster resolves."""
    return {job.name for job in definitions.get_repository_def().get_all_jobs()}


def test_the_names_that_dagster_refuses_are_known() -> None:
    assert DAGSTER_NAMES == DISALLOWED_NAMES


def test_hostile_names_stop_no_other_and_are_listed_as_broken(tmp_path: Path) -> None:
    write(tmp_path, GOOD, object="Lead")
    for slug in HOSTILE:
        write(tmp_path, slug, schedule="0 9 * * *")
    loaded = load_integrations(tmp_path)
    jobs = names(build_definitions(tmp_path))
    assert jobs >= {GOOD, *loaded.specs, *loaded.broken}
    assert {"global", "delete_old_files", f"{GOOD}__push", "insights__logins"}.isdisjoint(loaded.specs)
    assert {"x__y", "daily_sync", "_", "1", f"{GOOD}_schedule"} <= loaded.specs.keys()
    problems = {file.slug: file.problem for file in DefsFolder(tmp_path, judge_with_dagster).list() if file.problem}
    no_text = {os.fsdecode(b"Z\xfcrich"): "broken_z_rich"}
    assert problems.keys() == {no_text.get(slug, slug) for slug in HOSTILE} - loaded.specs.keys()
    json.dumps([problems, dict(loaded.broken)], ensure_ascii=False).encode()
    assert "rename the folder, for example to 'global_2'" in problems["global"]


@pytest.mark.proof
@examples(12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    slugs=st.lists(
        st.from_regex(r"[a-z0-9_]{1,12}", fullmatch=True)
        | st.sampled_from(HOSTILE)
        | st.sampled_from(keyword.kwlist).map(str.lower),
        max_size=5,
        unique=True,
    )
)
def test_random_names_stop_no_other(tmp_path_factory: pytest.TempPathFactory, slugs: list[str]) -> None:
    root = tmp_path_factory.mktemp("names")
    for slug in {*slugs, GOOD}:
        write(root, slug)
    loaded = load_integrations(root)
    assert GOOD in loaded.specs
    assert len(loaded.specs) + len(loaded.broken) == len({*slugs, GOOD})
    assert names(build_definitions(root)) >= {*loaded.specs, *loaded.broken}


def test_what_dagster_does_not_take_together_breaks_the_newer_alone(
    center: Center, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kind of clash that the rules for names do not know, among many: the older integration still runs."""
    monkeypatch.setattr(slugs, "STEP_NAME", re.compile("(?!)"))
    center.integrate()
    center.drop(logins(PLAIN[:1]))
    for number, slug in enumerate((GOOD, "a", "b", f"{GOOD}__push", "c")):
        if slug != GOOD:
            write(center.defs, slug)
        os.utime(center.defs / slug / "defs.yaml", (1_000 + number, 1_000 + number))
    jobs = {job.name: job.description or "" for job in center.definitions().get_repository_def().get_all_jobs()}
    assert jobs.keys() >= {GOOD, "a", "b", "c", f"broken_{GOOD}__push"}
    assert f"{GOOD}__push" not in jobs
    assert "Dagster does not take it" in jobs[f"broken_{GOOD}__push"]
    assert center.run().success


def test_two_stand_ins_never_share_the_name_of_a_step(tmp_path: Path) -> None:
    for slug in ("x__push", "X__send", "X", "broken_x"):
        write(tmp_path, slug)
    write(tmp_path, GOOD)
    loaded = load_integrations(tmp_path)
    assert names(build_definitions(tmp_path)) >= {GOOD, "broken_x", *loaded.broken}
    assert loaded.specs.keys() == {GOOD, "broken_x"}


@pytest.mark.sampled
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Dagster, where it describes its own schedules
@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("unittest.__main__.X", "", "type: 'unittest.__main__.X' is no integration"),
        ("integration_center.__main__.X", "", "write integration_center.Integration"),
        (COMPONENT, "template_vars_module: unittest.__main__\n", "template_vars_module: it would run code"),
        (
            COMPONENT,
            POST.replace("WHAT", "{description: \"{{ 'x' * 3000000000 }}\"}"),
            "is a template; write the value",
        ),
        (COMPONENT, POST.replace("WHAT", "{description: '{{ env.HOME }}'}"), "is a template; write the value"),
        (COMPONENT, POST.replace("WHAT", "{metadata: {dagster/column_schema: 3}}"), "TableSchema"),
        (COMPONENT, POST.replace("WHAT", "{metadata: {a: 0x" + "f" * 5_000 + "}}"), "it has 5,002 characters"),
        (COMPONENT, POST.replace("WHAT", '{metadata: {a: "\\ud800"}}'), "half of a character"),
        (COMPONENT, "---\ntype: x\n", "it has 2 documents"),
        (COMPONENT, "other: {" + ", ".join(f"no: {n}" for n in range(2_000)) + "}\n", "other"),
    ],
    ids=lambda value: value[-30:],
)
def test_what_a_file_would_run_or_break_is_refused_before_it_does(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, "other", after)
    file = tmp_path / "other" / "defs.yaml"
    file.write_text(file.read_text().replace(COMPONENT, before))
    loaded = load_integrations(tmp_path)
    assert said in loaded.broken["other"]
    assert len(loaded.broken["other"]) < 2_200
    assert [each.problem for each in DefsFolder(tmp_path, judge_with_dagster).list() if each.slug == "other"] != [None]
    repository = build_definitions(tmp_path).get_repository_def()
    assert {job.name for job in repository.get_all_jobs()} >= {GOOD, "other"}
    serialize_value(RepositorySnap.from_def(repository)).encode()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Dagster, where it reads conditions
@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ("{partitions_def: {type: weekly, start_date: '2026-01-01'}}", "artitions"),
        ("{tags: {team: success}, metadata: {a: 2026-01-01}}", ""),
        ("{automation_condition: '{{ automation_condition.eager() }}'}", ""),
    ],
)
def test_post_processing_may_add_but_not_change_the_days(tmp_path: Path, attributes: str, said: str) -> None:
    write(tmp_path, GOOD)
    write(tmp_path, "other", f"post_processing:\n  assets:\n    - target: '*'\n      attributes: {attributes}\n")
    loaded = load_integrations(tmp_path)
    assert said in loaded.broken.get("other", "")
    assert ("other" in loaded.specs) is not bool(said)
    assert names(build_definitions(tmp_path)) >= {GOOD, "other"}


def test_a_name_that_is_reserved_is_refused_when_it_is_saved_or_gets_another_slug(tmp_path: Path) -> None:
    folder = DefsFolder(tmp_path, judge_with_dagster)
    for name, slug in (("Global", "global_2"), ("insights  logins", "insights_logins"), ("Class", "class_2")):
        assert folder.create(IntegrationSpec.model_validate({**EXAMPLE, "name": name, "enabled": False})).slug == slug
    with pytest.raises(ConfigurationError, match="rename the folder, for example to 'sync_2'"):
        folder.create(IntegrationSpec.model_validate({**EXAMPLE, "name": "Sync"}), slug="sync")


def test_no_job_or_op_of_an_account_leaves_its_name_to_an_integration(center: Center) -> None:
    center.integrate()
    center.integrate("other", environment=None, account="emea-prod")
    jobs = {job.name: job for job in center.definitions().resolve_all_job_defs()}
    ours = jobs.keys() - {GOOD, "other", "__ASSET_JOB"}
    ops = {node.name for name in ours if name not in {"sync"} for node in jobs[name].graph.node_defs}
    assert "retry__emea_prod" in ours
    assert [name for name in sorted(ours | ops) if not slugs.is_reserved(name)] == []


@given(slug=st.from_regex(r"[a-z0-9_]{1,20}", fullmatch=True) | st.sampled_from([*DAGSTER_NAMES, "a__push", "__push"]))
def test_a_free_slug_is_a_slug(slug: str) -> None:
    found = free_slug(slug.lower(), {"a", "b"})
    assert check_slug(found) == found
    assert found not in {"a", "b"}
