"""Promotes an integration to a production account: compared, copied switched off, planned, then switched on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from integration_center.access.audit import Action
from integration_center.database.sync_records import SyncRecord, SyncStatus
from integration_center.errors import ConfigurationError, PlanHeld, PlanMissing, PlanStale, SchemaMismatch
from integration_center.installation import Installation
from integration_center.integration.spec import Environment, IntegrationSpec, OrgKind
from integration_center.integration_files.folder import DefsFolder, build_copy
from integration_center.integration_files.reading import DefsFile
from integration_center.planning.fingerprint import fingerprint
from integration_center.sync.mapping.missing_fields import MissingField
from integration_center.sync.mapping.org_differences import Difference, Side, compare_orgs, list_missing

SEEN_FOR = timedelta(hours=24)
"""How old a plan may be that is the reason to switch an integration on."""
AGAIN = "make its plan once more and look at it"


@dataclass(frozen=True)
class Comparison:
    """How the target differs from the account of the integration.

    Attributes:
        missing: the fields that the target lacks or hides, as they are in the account of the integration.
    """

    differences: Sequence[Difference]
    missing: Sequence[MissingField] = ()

    @property
    def blocking(self) -> Sequence[Difference]:
        """The differences that stop the integration in the target."""
        return [each for each in self.differences if each.blocking]


def compare(
    installation: Installation, spec: IntegrationSpec, target: Environment = Environment.PRODUCTION
) -> Comparison:
    """Compare the two orgs, as far as the integration uses them. Takes two calls to each.

    Raises:
        ConfigurationError: the integration or the target is in an account of the wrong kind.
        NotConnected: one of the two has no account.
        TransientError: an org does not answer.
    """
    require_promotable(installation, spec, target)
    with installation.connect(spec.environment) as org:
        here = Side(spec.environment.title, org.describe(spec.object))
    place = target.title
    with installation.connect(target) as org:
        try:
            there = Side(place, org.describe(spec.object), org.list_field_names(spec.object))
        except SchemaMismatch:
            said = f"{here.schema.title} is missing in {place}, or hidden from the connected user."
            return Comparison([Difference(None, True, said)])
    return Comparison(compare_orgs(spec, here, there), list_missing(spec, here, there))


def require_promotable(installation: Installation, spec: IntegrationSpec, target: Environment) -> None:
    """Check that an integration can be promoted to an account.

    Raises:
        ConfigurationError: it is in a production account already, or the target is none.
        UnknownAccount: there is no such account.
    """
    names = installation.accounts.names
    if names.kind_of(spec.environment) is not OrgKind.SANDBOX:
        raise ConfigurationError(
            f"{spec.name} is in {spec.environment.title} already; only integrations in Sandbox are promoted, or in"
            " another account of that kind"
        )
    if names.kind_of(target) is not OrgKind.PRODUCTION:
        raise ConfigurationError(
            f"account {target.value!r} is of the kind sandbox; choose one of the kind production:"
            f" {', '.join(names.list(OrgKind.PRODUCTION))}"
        )


def may_be_promoted(installation: Installation, spec: IntegrationSpec) -> bool:
    """Whether an integration is in an account for tests."""
    return installation.accounts.names.kinds().get(spec.environment) is OrgKind.SANDBOX


def find_promoted(
    folder: DefsFolder, spec: IntegrationSpec, target: Environment = Environment.PRODUCTION
) -> DefsFile | None:
    """Find the copy in the target that an earlier promotion made; None when there is none."""
    name = build_copy(spec, target).name
    files = ((file, file.spec) for file in folder.list() if file.spec)
    return next((file for file, each in files if each.name == name and each.environment is target), None)


def write_promoted(
    folder: DefsFolder, file: DefsFile, target: Environment = Environment.PRODUCTION, *, by: str | None = None
) -> DefsFile:
    """Write the copy in the target, switched off; one of an earlier promotion becomes like its source again.

    Raises:
        ConfigurationError: the file is broken, or the copy cannot be written.
    """
    if file.spec is None:
        raise ConfigurationError(f"{file.slug} is broken: {file.problem}; correct it first")
    promoted = find_promoted(folder, file.spec, target)
    if promoted is None:
        return folder.duplicate(file.slug, target, by=by)
    wanted = build_copy(file.spec, target)
    if promoted.spec is not None and promoted.spec == wanted.model_copy(update={"enabled": promoted.spec.enabled}):
        return promoted
    return folder.save(promoted, wanted, by=by)


def require_seen(installation: Installation, file: DefsFile, run_id: str, now: datetime) -> SyncRecord:
    """Check that a plan is one of the integration as it is now, so that who has seen it knows what a run would do.

    Raises:
        PlanMissing: the run made no plan of this integration.
        PlanHeld: a limit holds the plan, so the daily run would be held as well.
        PlanStale: the plan is too old, or the integration, the org or its fields have changed since.
    """
    sync, spec = installation.syncs.get(run_id, file.slug), file.spec
    if sync is None or spec is None or sync.plan_id is None:
        raise PlanMissing(f"run {run_id} made no plan of {file.slug!r}; {AGAIN}")
    if sync.held:
        raise PlanHeld(f"a limit holds the plan, so each run would be held: {sync.held}")
    if sync.status is not SyncStatus.PLANNED:
        raise PlanMissing(f"run {run_id} ended as {sync.status.value}: {sync.error or 'no plan'}; {AGAIN}")
    account = installation.accounts.get(spec.environment)
    if not account.is_of(sync.org_id or "") or now - sync.started_at > SEEN_FOR:
        raise PlanStale(f"the plan of run {run_id} is of another org or older than a day; {AGAIN}")
    with installation.connect(spec.environment) as org:
        schema = org.describe(spec.object)
    if fingerprint(spec, schema) != sync.describe_hash:
        raise PlanStale(f"the integration or the object's fields have changed since run {run_id}; {AGAIN}")
    return sync


def switch_on(
    installation: Installation, folder: DefsFolder, slug: str, run_id: str, *, who: str, where: str, now: datetime
) -> DefsFile:
    """Switch a promoted integration on, after its plan was seen.

    Raises:
        PlanError: see `require_seen`.
        EditedMeanwhile: the file was changed while the org was asked.
        ConfigurationError: the file is broken, or another integration that is on writes one of its fields.
    """
    file = folder.read(slug)
    if file.spec is None:
        raise ConfigurationError(f"{slug} is broken: {file.problem}; correct it first")
    require_seen(installation, file, run_id, now)
    # The file that was checked, not the one that may have taken its place.
    switched = folder.save(file, file.spec.model_copy(update={"enabled": True}), by=who)
    said = f"after the plan of run {run_id} was seen"
    for action in (Action.PROMOTED, Action.ENABLED):
        installation.audit.record(
            action, who=who, where=where, environment=file.spec.environment, slug=slug, detail=said
        )
    return switched
