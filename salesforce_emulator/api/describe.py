"""Describe answers, with the stamp that all of them share."""

import hashlib
from datetime import UTC
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from salesforce_emulator.api.call import Answer, Call
from salesforce_emulator.org.org import Org
from salesforce_emulator.schema.schema import SObject


def _flags(org: Org, sobject: SObject) -> dict[str, Any]:
    """Return what describe global and the full describe both say of an object."""
    writable = sobject.writable
    creates, edits, deletes = (writable and org.rights.allows(sobject, flag) for flag in ("Create", "Edit", "Delete"))
    return {
        "activateable": False,
        "associateEntityType": None,
        "associateParentEntity": None,
        "createable": creates,
        "custom": sobject.custom,
        "customSetting": False,
        "deepCloneable": False,
        "deletable": deletes,
        "deprecatedAndHidden": False,
        "feedEnabled": writable and not sobject.custom,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": sobject.key_prefix,
        "label": sobject.label,
        "labelPlural": sobject.label_plural,
        "layoutable": writable and sobject.bulk,
        "mergeable": sobject.name in ("Account", "Contact", "Lead"),
        "mruEnabled": writable,
        "name": sobject.name,
        "queryable": True,
        "replicateable": sobject.has("SystemModstamp"),
        "retrieveable": True,
        "searchable": writable,
        "triggerable": writable,
        "undeletable": deletes,
        "updateable": edits,
    }


def _describe(org: Org, sobject: SObject, base: str) -> dict[str, Any]:
    url = f"{base}/sobjects/{sobject.name}"
    extra = {
        "actionOverrides": [],
        "childRelationships": _child_relationships(org, sobject),
        "compactLayoutable": sobject.writable,
        "defaultImplementation": None,
        "extendedBy": None,
        "extendsInterfaces": None,
        "fields": [item.describe() for item in org.schema.visible_fields(sobject)],
        "implementedBy": None,
        "implementsInterfaces": None,
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [_master_record_type(url)],
        "searchLayoutable": sobject.writable,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": f"All {sobject.label_plural.lower()}", "name": "everything"}],
        "urls": {
            "compactLayouts": f"{url}/describe/compactLayouts",
            "rowTemplate": f"{url}/{{ID}}",
            "approvalLayouts": f"{url}/describe/approvalLayouts",
            "uiDetailTemplate": f"{org.url}/{{ID}}",
            "uiEditTemplate": f"{org.url}/{{ID}}/e",
            "listviews": f"{url}/listviews",
            "describe": f"{url}/describe",
            "uiNewRecord": f"{org.url}/{sobject.key_prefix}/e",
            "quickActions": f"{url}/quickActions",
            "layouts": f"{url}/describe/layouts",
            "sobject": url,
        },
    }
    return dict(sorted((_flags(org, sobject) | extra).items()))


def _master_record_type(url: str) -> dict[str, Any]:
    record_type_id = "012000000000000AAA"
    return {
        "active": True,
        "available": True,
        "defaultRecordTypeMapping": True,
        "developerName": "Master",
        "master": True,
        "name": "Master",
        "recordTypeId": record_type_id,
        "urls": {"layout": f"{url}/describe/layouts/{record_type_id}"},
    }


def _child_relationships(org: Org, parent: SObject) -> list[dict[str, Any]]:
    return [
        {
            "cascadeDelete": False,
            "childSObject": child.name,
            "deprecatedAndHidden": False,
            "field": item.name,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": None,
            "restrictedDelete": False,
        }
        for child in org.schema.objects
        for item in org.schema.visible_fields(child)
        if parent.name in item.reference_to
    ]


def _stamped(call: Call, data: Any) -> Answer:
    """Answer with the schema's stamp, or with 304 when the caller has this state already.

    There is one stamp for the whole schema, as recordings show: any change anywhere makes every describe new.
    """
    org = call.org
    modified = org.schema.modified.astimezone(UTC)
    # The edge marks compressed answers in the ETag, and clients have to send it back as it is.
    suffix = "--gzip" if "gzip" in call.headers.get("accept-encoding", "") else ""
    stamp = hashlib.sha256(f"{org.profile.org_id}{modified.isoformat()}{org.schema.hidden()}".encode()).hexdigest()[:8]
    tag = f'"{stamp}{suffix}"'
    headers = {"etag": tag, "last-modified": format_datetime(modified, usegmt=True)}
    since = call.headers.get("if-modified-since")
    if since is not None and "if-none-match" not in call.headers:
        try:
            known = parsedate_to_datetime(since)
        except ValueError:
            known = None
        if known is not None and known >= modified:
            return Answer(304, headers=headers)
    if call.headers.get("if-none-match") == tag:
        return Answer(304, headers=headers)
    return Answer(data=data, headers=headers)


def describe_global(call: Call) -> Answer:
    """`GET /sobjects`: all objects, in short."""
    rows = []
    org = call.org
    for sobject in filter(org.rights.reads, org.schema.objects):
        url = f"{call.base}/sobjects/{sobject.name}"
        urls = {"rowTemplate": f"{url}/{{ID}}", "describe": f"{url}/describe", "sobject": url}
        rows.append(dict(sorted((_flags(org, sobject) | {"urls": urls}).items())))
    return _stamped(call, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": rows})


def describe_sobject(call: Call) -> Answer:
    """`GET /sobjects/X/describe`: one object in full, its fields as the user may see them."""
    return _stamped(call, _describe(call.org, call.sobject(), call.base))


def basic_info(call: Call) -> Answer:
    """`GET /sobjects/X`: one object in short, and recent records."""
    sobject, org = call.sobject(), call.org
    url = f"{call.base}/sobjects/{sobject.name}"
    urls = {"rowTemplate": f"{url}/{{ID}}", "describe": f"{url}/describe", "sobject": url}
    return Answer(data={"objectDescribe": _flags(org, sobject) | {"urls": urls}, "recentItems": []})
