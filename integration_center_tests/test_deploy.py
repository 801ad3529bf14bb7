"""What `deploy/` holds is sound: the Dockerfile, the containers, the manifests, and Dagster's settings in them."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import validate

from integration_center.settings import PROJECT, Settings
from integration_center.store.home import ON_SERVER, SHIPPED

DEPLOY = PROJECT / "deploy"
MANIFESTS = sorted(path for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.name != "values.yaml")
KUBERNETES = "1.31"


def read(path: str) -> Any:
    return yaml.safe_load((DEPLOY / path).read_text(encoding="utf-8"))


def list_objects() -> Iterator[Mapping[str, Any]]:
    for path in MANIFESTS:
        yield from yaml.safe_load_all(path.read_text(encoding="utf-8"))


def list_pods() -> list[Mapping[str, Any]]:
    return [each["spec"]["template"]["spec"] for each in list_objects() if "template" in each["spec"]]


def test_the_dockerfile_is_sound() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "-f", "json", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
    assert json.loads(done.stdout) == []
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"^USER (.*)$", text, re.MULTILINE) == ["10001:10001"]
    assert len(re.findall(r"^FROM ", text, re.MULTILINE)) == 2


@pytest.mark.parametrize(
    "manifest", list(list_objects()), ids=lambda each: f"{each['kind']}-{each['metadata']['name']}"
)
def test_a_manifest_is_one_of_kubernetes(manifest: dict[str, Any]) -> None:
    validate(manifest, KUBERNETES, strict=True)


def test_there_is_what_a_cluster_needs() -> None:
    kinds = {each["kind"] for each in list_objects()}
    assert kinds >= {"Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "Job"}
    for pod in list_pods():
        assert pod["securityContext"]["runAsNonRoot"] is True
        (container,) = pod["containers"]
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert "memory" in container["resources"]["limits"]
    (console,) = [pod for pod in list_pods() if "livenessProbe" in pod["containers"][0]]
    probed = {console["containers"][0][f"{kind}Probe"]["httpGet"]["path"] for kind in ("liveness", "readiness")}
    assert probed == {"/health/live", "/health/ready"}


def test_no_run_is_repeated_behind_anybodys_back() -> None:
    values = read("kubernetes/values.yaml")
    daemon, launcher = values["dagsterDaemon"], values["runLauncher"]["config"]["k8sRunLauncher"]
    assert daemon["runMonitoring"]["maxResumeRunAttempts"] == daemon["runRetries"]["maxRetries"] == 0
    assert launcher["runK8sConfig"]["jobSpecConfig"]["backoffLimit"] == 0
    assert launcher["runK8sConfig"]["podSpecConfig"]["terminationGracePeriodSeconds"] == 60
    (job,) = [each for each in list_objects() if each["kind"] == "Job"]
    assert job["spec"]["backoffLimit"] == 0


def test_each_pod_of_dagsters_chart_may_write_its_home_and_listen() -> None:
    values, text = read("kubernetes/values.yaml"), (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    home = values["global"]["dagsterHome"]  # otherwise the chart's own, which the image does not have
    assert f"DAGSTER_HOME={home}" in text
    (code_server,) = values["dagster-user-deployments"]["deployments"]
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    for pod in (values["dagsterWebserver"], values["dagsterDaemon"], launcher, code_server):
        assert pod["securityContext"]["readOnlyRootFilesystem"] is True
        assert {mount["mountPath"] for mount in pod["volumeMounts"]} == {home, "/tmp"}
        assert {mount["name"] for mount in pod["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    web = values["dagsterWebserver"]
    assert web["service"]["port"] == web["readinessProbe"]["httpGet"]["port"] >= 1024, "its user is not root"


def test_a_web_server_keeps_few_connections() -> None:
    """Each of its three storages has a pool: a connection that stays, and so many more. The chart passes over 0."""
    web = read("kubernetes/values.yaml")["dagsterWebserver"]
    most = web["replicaCount"] * 3 * (1 + web["dbPoolMaxOverflow"])
    assert web["dbPoolMaxOverflow"] > 0
    assert most <= 30, "the how-to of several hosts counts with them"


def test_what_has_no_sign_in_is_reached_by_its_own_parts_alone() -> None:
    values = read("kubernetes/values.yaml")
    (code_server,) = values["dagster-user-deployments"]["deployments"]
    listening = {
        "dagster-webserver": values["dagsterWebserver"]["service"]["port"],
        "user-deployments": code_server["port"],
    }
    for component, port in listening.items():
        (policy,) = [
            each["spec"]
            for each in list_objects()
            if each["kind"] == "NetworkPolicy"
            and each["spec"]["podSelector"]["matchLabels"].get("component") == component
        ]
        (rule,) = policy["ingress"]
        assert [each["port"] for each in rule["ports"]] == [port]
        assert all("podSelector" in source for source in rule["from"])


def test_pods_of_jobs_are_kept_by_the_one_rule_that_holds_for_them() -> None:
    (budget,) = [
        each["spec"]
        for each in list_objects()
        if each["kind"] == "PodDisruptionBudget" and "run_worker" in str(each["spec"]["selector"])
    ]
    assert set(budget) == {"selector", "minAvailable"}, "maxUnavailable needs a controller that can be scaled"
    assert isinstance(budget["minAvailable"], int)


def test_dagsters_settings_are_those_of_one_machine_besides_the_launcher() -> None:
    there = read("compose/dagster.yaml")
    assert there.pop("run_launcher")["class"] == "CeleryRunLauncher"
    assert there == yaml.safe_load(SHIPPED.read_text(encoding="utf-8")) | yaml.safe_load(
        ON_SERVER.read_text(encoding="utf-8")
    )


def test_containers_have_every_part() -> None:
    services = read("compose.yaml")["services"]
    assert set(services) >= {"postgres", "redis", "objects", "migration", "code-server", "webserver", "daemon"}
    ours = {name: each for name, each in services.items() if each["image"] == "integration-center"}
    assert sorted(name for name in ours if name.startswith("worker")) == ["worker-1", "worker-2"]
    for each in ours.values():
        assert each["read_only"] is True
        assert each["cap_drop"] == ["ALL"]
    assert services["webserver"]["ports"] == ["127.0.0.1:3000:3000"]


def test_volumes_belong_to_the_user_of_the_image() -> None:
    compose, text = read("compose.yaml"), (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    (made,) = re.findall(r"install -d -o 10001 -g 10001 -m 0700 (.*)$", text, re.MULTILINE)
    mounts = [mount.split(":") for mount in compose["services"]["console"]["volumes"]]
    named = [target for source, target, *_ in mounts if source in compose["volumes"]]
    assert named == [compose["services"]["console"]["environment"]["INTEGRATION_CENTER_DEFS"]]
    assert set(named) <= set(made.split()), "a new volume of a folder that the image lacks belongs to root"


def test_each_setting_that_is_named_exists() -> None:
    known = {field.alias for field in Settings.model_fields.values()}
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            named = set(re.findall(r"\b(?:INTEGRATION_CENTER|SALESFORCE|WALKME)_[A-Z_]+", path.read_text("utf-8")))
            assert named - known <= {"INTEGRATION_CENTER_STORAGE"}, path
