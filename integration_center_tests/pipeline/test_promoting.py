"""An integration goes to Production compared, planned and seen; never on by itself."""

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integration_center.access.audit import Action
from integration_center.errors import ConfigurationError, EditedMeanwhile, NotConnected, PlanMissing, PlanStale
from integration_center.installation import Installation, open_installation
from integration_center.integration.spec import Environment
from integration_center.integration_files.folder import DefsFolder
from integration_center.pipeline.administration import promoting
from integration_center.pipeline.administration.promoting import (
    compare,
    find_promoted,
    require_seen,
    switch_on,
    write_promoted,
)
from integration_center.pipeline.judging import judge_with_dagster
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, logins
from integration_center_tests.pipeline.commands import Command, as_json

SLUG, COPY = "logins_to_leads", "logins_to_leads_production"


@pytest.fixture
def ready(center: Center, connect: Callable[[Environment], None]) -> Center:
    connect(Environment.PRODUCTION)
    center.integrate()
    center.drop(logins(PLAIN))
    return center


@pytest.fixture
def installation(ready: Center) -> Iterator[Installation]:
    with open_installation() as installation:
        yield installation


@pytest.fixture
def shorter_field(ready: Center) -> Iterator[None]:
    """In Production a field holds fewer digits."""
    schema = ready.emulator.production.org.schema
    sobject = schema.find("Lead")
    assert sobject is not None
    field = schema.find_field(sobject, COUNT)
    assert field is not None
    schema.alter("Lead", replace(field, precision=4))
    yield
    schema.alter("Lead", field)


def folder_of(center: Center) -> DefsFolder:
    return DefsFolder(center.defs, judge_with_dagster)


def test_the_command_compares_plans_and_waits_for_an_answer(
    ready: Center, command: Command, shorter_field: None, installation: Installation
) -> None:
    code, said, _ = command("promote", SLUG)
    assert code == 0, said
    assert "Differs: " in said
    assert "digits before the point in Production" in said
    assert f"{COPY} is switched off" in said
    copy = folder_of(ready).read(COPY)
    assert copy.spec is not None
    assert (copy.spec.enabled, copy.spec.environment) == (False, Environment.PRODUCTION)
    assert ready.writes(Environment.PRODUCTION) == []
    run_id = said.split("--switch-on ")[1].split()[0]
    assert "is switched on" in command("promote", SLUG, "--switch-on", run_id[:8])[1]
    switched = folder_of(ready).read(COPY).spec
    assert switched is not None
    assert switched.enabled
    assert {Action.PROMOTED, Action.ENABLED} <= {each.action for each in installation.audit.list(slug=COPY)}


class Terminal(io.StringIO):
    """What somebody types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.proof
@pytest.mark.sampled
@pytest.mark.parametrize(("answer", "enabled"), [("yes", True), ("no", False)])
def test_at_a_terminal_it_is_switched_on_by_a_yes(
    ready: Center, command: Command, monkeypatch: pytest.MonkeyPatch, answer: str, enabled: bool
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    code, said, errors = command("promote", SLUG)
    assert code == 0, said + errors
    assert "Production has the same fields as Sandbox, as far as this integration uses them." in said
    assert f"{COPY} {'is switched on in Production' if enabled else 'stays switched off'}." in said
    spec = folder_of(ready).read(COPY).spec
    assert spec is not None
    assert spec.enabled is enabled
    assert ready.writes(Environment.PRODUCTION) == []


def test_the_plan_as_json_names_the_copy_and_its_run(ready: Center, command: Command) -> None:
    said = command("promote", SLUG, "--json")
    assert said[0] == 0, said
    found = as_json(said)
    assert (found["differences"], found["slug"]) == ([], COPY)
    assert (found["plan"]["status"], found["plan"]["rows"]) == ("Planned", {"planned": len(PLAIN)})
    assert found["plan"]["sample"]


def test_what_cannot_be_promoted_or_switched_on(ready: Center, command: Command) -> None:
    code, _, errors = command("promote", SLUG, "--switch-on", "0123")
    assert code == 1
    assert f"{SLUG} has no copy in Production yet; run: integration-center promote {SLUG}" in errors
    ready.write("broken", "type: [")
    code, _, errors = command("promote", "broken")
    assert code == 1
    assert "broken is broken: " in errors
    assert "correct it first" in errors
    ready.drop([("nobody@nowhere.example", None, None, 1)])
    ready.integrate(limits={"min_match_rate": 90})
    assert command("promote", SLUG)[0] == 1
    copy = folder_of(ready).read(COPY).spec
    assert copy is not None
    assert not copy.enabled


def test_what_is_missing_in_production_stops_it_before_anything_is_copied(ready: Center, command: Command) -> None:
    ready.emulator.production.org.schema.hide("Lead", COUNT)
    code, _, _ = command("promote", SLUG)
    found = as_json(command("promote", SLUG, "--json"))
    assert code == 1
    assert found["plan"] is None
    assert [each["field"] for each in found["differences"] if each["blocking"]] == [COUNT]
    assert not (ready.defs / COPY).exists()


@pytest.mark.proof
def test_only_the_plan_of_what_is_there_now_counts(
    ready: Center, installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, now = folder_of(ready), datetime.now(UTC)
    copy = write_promoted(folder, folder.read(SLUG))
    ran = ready.run(COPY, assets=["insights/logins", f"{COPY}/update_set"])
    assert ran.success, ran.error
    assert require_seen(installation, copy, ran.run_id, now).run_id == ran.run_id

    def switch(run_id: str, at: datetime = now) -> None:
        switch_on(installation, folder, COPY, run_id, who="ann", where="here", now=at)

    with pytest.raises(PlanMissing):
        switch("another")
    with pytest.raises(PlanStale, match="older than a day"):
        switch(ran.run_id, now + timedelta(days=2))
    ready.integrate(limits={"min_match_rate": 10})
    changed = write_promoted(folder, folder.read(SLUG))
    assert changed.content_hash != copy.content_hash
    other = changed.text
    with pytest.raises(PlanStale, match="have changed"):
        switch(ran.run_id)
    ready.integrate()
    write_promoted(folder, folder.read(SLUG))
    with monkeypatch.context() as patch:
        patch.setattr(promoting, "require_seen", lambda *given: (ready.defs / COPY / "defs.yaml").write_text(other))
        with pytest.raises(EditedMeanwhile):
            switch(ran.run_id)
    write_promoted(folder, folder.read(SLUG))
    switch(ran.run_id)
    promoted = find_promoted(folder, folder.read(SLUG).spec)  # type: ignore[arg-type]
    assert promoted is not None
    assert promoted.spec is not None
    assert promoted.spec.enabled
    assert write_promoted(folder, folder.read(SLUG)).content_hash == promoted.content_hash, "alike already: it stays on"


def test_production_itself_is_not_promoted_and_both_orgs_are_needed(
    center: Center, connect: Callable[[Environment], None]
) -> None:
    center.integrate()
    with open_installation() as installation:
        spec = folder_of(center).read(SLUG).spec
        assert spec is not None
        with pytest.raises(NotConnected):
            compare(installation, spec)
        with pytest.raises(ConfigurationError, match="in Production already"):
            compare(installation, spec.model_copy(update={"environment": Environment.PRODUCTION}))
