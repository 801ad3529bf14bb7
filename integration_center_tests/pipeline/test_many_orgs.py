"""Three accounts, two of them production orgs: each integration writes to its own org and to no other."""

import pytest
import yaml
from sqlalchemy import select

from integration_center.accounts.connecting import connect_client_credentials, disconnect
from integration_center.database.engine import reading
from integration_center.database.sync_records import SyncStatus
from integration_center.database.tables import fences, sent_work
from integration_center.errors import ConfigurationError, UnknownAccount, WrongOrg
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment, OrgKind
from integration_center.integration_files.folder import DefsFolder
from integration_center.pipeline.administration.promoting import compare, find_promoted, may_be_promoted, write_promoted
from integration_center.pipeline.doctor.machine import check_alerts
from integration_center.pipeline.judging import judge_with_dagster, read_folder
from integration_center.pipeline.location.assembly import build_job
from integration_center.pipeline.names import pool
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, email, logins
from integration_center_tests.pipeline.commands import Command, as_json, build_command
from integration_center_tests.pipeline.further_org import EMEA, emea, emea_process
from salesforce_emulator.server import Emulator, OrgHandle

__all__ = ["emea", "emea_process"]

COUNTS = {"sandbox": 100, "production": 200, "emea-prod": 300}
"""What the report of each account says, so that a record tells which sync wrote it."""


@pytest.fixture
def command_on_disk(
    center_on_disk: Center, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    return build_command(monkeypatch, capsys)


def values(org: OrgHandle) -> set[int]:
    """The values that the people of the reports have in an org."""
    people = {email(number) for number in PLAIN}
    leads = [lead for lead in org.store.records("Lead") if (lead["Email"] or "").lower() in people]
    return {int(lead[COUNT]) for lead in leads if lead[COUNT] is not None}


def slug_of(name: str) -> str:
    return f"logins_{name.replace('-', '_')}"


def lay_out(center: Center) -> None:
    """One integration for each account."""
    for name in COUNTS:
        chosen = {"environment": name} if Environment(name).is_first else {"environment": None, "account": name}
        center.integrate(slug_of(name), name=f"To {name}", **chosen)


@pytest.mark.proof
def test_each_account_is_synced_undone_and_disconnected_by_itself(
    center_on_disk: Center, command_on_disk: Command, emea: OrgHandle, emulator: Emulator
) -> None:
    center, command = center_on_disk, command_on_disk
    orgs = {"sandbox": emulator.sandbox, "production": emulator.production, "emea-prod": emea}
    connect = ("--flow", "client-credentials")
    assert command("connect", "production", *connect)[0] == 0
    refused = command("connect", "emea-prod", *connect)
    assert refused[0] == 1
    assert "there is no account 'emea-prod'" in refused[2]
    assert "--kind" in refused[2]
    assert command("connect", "emea-prod", "--kind", "production", *connect)[0] == 0
    listed = as_json(command("accounts", "--json"))
    assert [each["environment"] for each in listed] == [*COUNTS]
    assert [each["org_id"] for each in listed] == [org.org.profile.org_id for org in orgs.values()]

    lay_out(center)
    before = {name: values(org) for name, org in orgs.items()}
    written = {name: {count + number for number in PLAIN} for name, count in COUNTS.items()}
    expected = dict(before)
    syncs = {}
    for name in COUNTS:
        center.drop(logins(PLAIN, COUNTS[name]))
        ran = center.run(slug_of(name))
        assert ran.success, ran.error
        expected[name] = written[name]
        assert {each: values(org) for each, org in orgs.items()} == expected, "each org has what is its own"
        syncs[name] = center.sync(ran, slug_of(name))
        assert (syncs[name].environment, syncs[name].org_id) == (Environment(name), orgs[name].org.profile.org_id)
        assert syncs[name].counts["lines"] == {"updated": len(PLAIN)}

    with open_installation() as installation:
        with reading(installation.engine) as connection:
            sent = dict(connection.execute(select(sent_work.c.slug, sent_work.c.org_id)).tuples().all())
            fenced = set(connection.execute(select(fences.c.org_id)).scalars())
        assert sent == {slug_of(name): org.org.profile.org_id for name, org in orgs.items()}
        assert fenced == {org.org.profile.org_id for org in orgs.values()}, "leases and fences are by org"
        specs = installation.syncs.history(slug_of("emea-prod"), environment=EMEA)
        assert [sync.status for sync in specs] == [SyncStatus.COMPLETED]

    definitions = center.definitions()
    keys = {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}
    assert {"salesforce/sandbox/Lead", "salesforce/production/Lead", "salesforce/emea-prod/Lead"} <= keys

    undone = command("undo", syncs["emea-prod"].run_id, "--yes")
    assert undone[0] == 0, undone
    expected["emea-prod"] = before["emea-prod"]
    assert {each: values(org) for each, org in orgs.items()} == expected, "only its own org is undone"

    still_used = command("disconnect", "emea-prod", "--remove")
    assert still_used[0] == 1
    assert "used by logins_emea_prod" in still_used[2]
    assert command("disconnect", "emea-prod")[0] == 0
    stopped = center.run(slug_of("emea-prod"))
    assert not stopped.success
    assert "no emea-prod account is connected" in stopped.error
    assert center.run(slug_of("production")).success
    (center.defs / slug_of("emea-prod") / "defs.yaml").unlink()
    assert "Account emea-prod is removed." in command("disconnect", "emea-prod", "--remove")[1]
    assert [each["environment"] for each in as_json(command("accounts", "--json"))] == ["sandbox", "production"]


def test_a_named_account_is_refused_where_it_does_not_fit(center: Center, emea: OrgHandle) -> None:
    with open_installation() as installation:
        store, settings = installation.accounts, installation.settings
        store.names.add(EMEA, OrgKind.PRODUCTION, added_by="ann")
        connect_client_credentials(EMEA, settings, store, connected_by="ann")
        twin = Environment("emea-copy")
        with pytest.raises(ConfigurationError, match="is of the kind production and stays so"):
            store.names.add(EMEA, OrgKind.SANDBOX, added_by="ann")
        with pytest.raises(UnknownAccount, match="the nearest is 'emea-prod'"):
            store.get(Environment("emea-prd"))
        store.names.add(twin, OrgKind.SANDBOX, added_by="ann")
        with pytest.MonkeyPatch.context() as patch:
            for part, value in {"LOGIN_URL": emea.url, "CLIENT_ID": emea.client_id}.items():
                patch.setenv(f"SALESFORCE_EMEA_COPY_{part}", value)
            patch.setenv("SALESFORCE_EMEA_COPY_CLIENT_SECRET", emea.client_secret)
            with open_installation() as again:
                with pytest.raises(WrongOrg, match="in the emea-copy slot would change live data"):
                    connect_client_credentials(twin, again.settings, again.accounts, connected_by="ann")
                again.accounts.names.remove(twin)
                again.accounts.names.add(twin, OrgKind.PRODUCTION, added_by="ann")
                with pytest.raises(WrongOrg, match="already connected as emea-prod"):
                    connect_client_credentials(twin, again.settings, again.accounts, connected_by="ann")
        disconnect(EMEA, settings, store)
        assert store.find(Environment.SANDBOX) is not None


def test_fields_conflict_in_one_account_and_not_in_two(center: Center) -> None:
    center.integrate("first")
    center.integrate("second", environment=None, account="emea-prod")
    definitions = center.definitions()
    assert {"first", "second"} <= {job.name for job in definitions.resolve_all_job_defs()}
    center.integrate("third", environment=None, account="emea-prod")
    with open_installation() as installation:
        loaded = read_folder(installation.settings.defs)
    assert [*loaded.broken] == ["third"]
    assert "already written by integration 'second'" in loaded.broken["third"]
    assert pool(loaded.specs["first"]) == "salesforce_sandbox_lead"
    assert pool(loaded.specs["second"]) == "salesforce__emea_prod__lead"


@pytest.mark.sampled
@pytest.mark.parametrize("name", ["frames", "undo", "sandbox-2", "production-x", "api", "push", "a" * 40])
def test_an_account_of_any_name_leaves_the_others_and_the_project_as_they_are(center: Center, name: str) -> None:
    center.integrate("first")
    center.integrate("second", environment=None, account=name)
    with open_installation() as installation:
        installation.accounts.names.add(Environment(name), OrgKind.SANDBOX, added_by="ann")
        assert not read_folder(installation.settings.defs).broken
    assert {"first", "second"} <= {job.name for job in center.definitions().resolve_all_job_defs()}
    for slug in ("first", "second"):
        assert build_job(center.defs, slug).name == slug


def test_an_integration_is_promoted_to_any_production_account(center: Center, emea: OrgHandle) -> None:
    center.integrate()
    with open_installation() as installation:
        store = installation.accounts
        store.names.add(EMEA, OrgKind.PRODUCTION, added_by="ann")
        connect_client_credentials(EMEA, installation.settings, store, connected_by="ann")
        folder = DefsFolder(center.defs, judge_with_dagster)
        file = folder.read("logins_to_leads")
        assert file.spec is not None
        assert may_be_promoted(installation, file.spec)
        assert not compare(installation, file.spec, EMEA).blocking
        copy = write_promoted(folder, file, EMEA)
        assert "account: emea-prod" in copy.text
        assert "environment:" not in copy.text
        assert copy.spec is not None
        assert not may_be_promoted(installation, copy.spec)
        with pytest.raises(ConfigurationError, match="is in emea-prod already"):
            compare(installation, copy.spec, Environment.PRODUCTION)
        with pytest.raises(ConfigurationError, match="choose one of the kind production: production, emea-prod"):
            compare(installation, file.spec, Environment.SANDBOX)
        assert find_promoted(folder, file.spec) is None, "the copy in Production is another one"


def test_the_doctor_names_a_channel_that_waits_for_no_account(center: Center) -> None:
    hook = {"type": "slack", "url": "https://hooks.slack.com/services/a", "environments": ["sandbox", "emea-prd"]}
    (center.home / "alerts.yaml").write_text(yaml.safe_dump({"channels": {"chat": hook}}), encoding="utf-8")
    with open_installation() as installation:
        installation.accounts.names.add(EMEA, OrgKind.PRODUCTION, added_by="ann")
        found = [each for each in check_alerts(installation) if "environments" in each.text]
    assert [each.text for each in found] == [
        "Channel chat names the account 'emea-prd' under environments, and there is none."
    ]
    assert "the nearest is 'emea-prod'" in found[0].advice
