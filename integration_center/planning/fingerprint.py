"""What a plan depends on, in a hash: when that changes, the plan may no longer be sent."""

import hashlib

from integration_center.integration.spec import IntegrationSpec
from integration_center.sync.schema import SObjectSchema

SENDING = {
    *("batch_size", "duplicate_rules", "approval", "canary"),
    *("timezone", "not_between", "after", "paused_until", "arrive_by", "rerun_on_change"),
}
"""Options that say how and when a plan is sent, and do not change what it holds."""


def fingerprint(spec: IntegrationSpec, schema: SObjectSchema) -> str:
    """Hash what a plan depends on: the integration, and the descriptions of the fields that it names.

    Options that only say how a plan is sent are left out.
    """
    named = tuple(spec.named_fields)
    return hashlib.sha256(f"{spec.model_dump_json(exclude=SENDING)}\0{schema.fingerprint(named)}".encode()).hexdigest()
