"""Changes a permission set in an org, with a line in the audit log, whole or not."""

from dataclasses import dataclass

from integration_center.access.audit import Action, AuditLog
from integration_center.errors import IntegrationCenterError
from integration_center.integration.spec import Environment
from integration_center.salesforce.client.session import Session
from integration_center.salesforce.objects.permission_set import PermissionSet
from integration_center.salesforce.objects.permission_writing import Applied, apply_permission_set


@dataclass(frozen=True)
class Granting:
    """Who changes a permission set, and where that is noted.

    Attributes:
        who: the person.
        where: the network address, or `COMMAND_LINE`.
    """

    audit: AuditLog
    environment: Environment
    who: str
    where: str

    def apply(self, session: Session, permission_set: PermissionSet, user_id: str) -> Applied:
        """Create or update the permission set, assign it, and note that; see `apply_permission_set`.

        The change is several requests. What was done before one of them failed stays in the org, so it is noted, too.
        """
        try:
            applied = apply_permission_set(session, permission_set, user_id)
        except BaseException as error:
            why = error.said.sentence if isinstance(error, IntegrationCenterError) else type(error).__name__
            self._note(f"The change of {permission_set.name} broke off; a part of it may be in the org: {why}")
            raise
        self._note(applied.summarize(permission_set))
        return applied

    def _note(self, detail: str) -> None:
        self.audit.record(Action.GRANTED, who=self.who, where=self.where, environment=self.environment, detail=detail)
