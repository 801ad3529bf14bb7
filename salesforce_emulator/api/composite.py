"""Composite requests: several calls in one, counted once."""

import json
import re
from dataclasses import replace
from typing import Any

from salesforce_emulator.api.call import Answer, Call
from salesforce_emulator.org.saving import ROLLED_BACK
from salesforce_emulator.refusals import Refusal

MAX_SUBREQUESTS, MAX_HEAVY = 25, 5
_HEAVY = re.compile(r"/services/data/v[\d.]+/(?:query|queryAll|composite/sobjects|sobjects/?$)")
_SUPPORTED = re.compile(r"/services/data/v[\d.]+/(?:query|queryAll|sobjects|composite/sobjects)(?:[/?]|$)")
_REFERENCE_ID = re.compile(r"[A-Za-z]\w*", re.ASCII)
_INHERITED = {"accept", "authorization", "content-type"}
_REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)((?:\.[A-Za-z0-9_]+|\[\d+\])*)\}")


class _RolledBack(Exception):
    """All or none was asked for, and one call failed."""


def composite(call: Call) -> Answer:
    """`POST /composite`: up to 25 calls, of them 5 collections or queries; the outer status is 200.

    Source: REST API guide, "Send Multiple Requests Using Composite" and "Composite Subrequest": only sObject resources,
    queries and sObject Collections, with encoded addresses, and headers other than those of the whole call.
    """
    body = call.json_object()
    subrequests = body.get("compositeRequest")
    if not isinstance(subrequests, list) or not subrequests:
        raise Refusal(400, "REQUIRED_FIELD_MISSING", "At least 1 subrequest is required")
    if len(subrequests) > MAX_SUBREQUESTS:
        message = f"The request can't contain more than {MAX_SUBREQUESTS} operations"
        raise Refusal(400, "LIMIT_EXCEEDED", message)
    if sum(bool(_HEAVY.match(str(item.get("url", "")))) for item in subrequests) > MAX_HEAVY:
        message = f"The request can't contain more than {MAX_HEAVY} query or sObject collection operations"
        raise Refusal(400, "LIMIT_EXCEEDED", message)
    references = [item.get("referenceId") for item in subrequests]
    if None in references or len(set(references)) != len(references):
        raise Refusal(400, "INVALID_INPUT", "Each subrequest needs a referenceId of its own")
    for reference in references:
        if not _REFERENCE_ID.fullmatch(str(reference)):
            raise Refusal(400, "INVALID_INPUT", f"Provided referenceId ('{reference}') must start with a letter")
    if any(_INHERITED & {str(name).lower() for name in item.get("httpHeaders", {})} for item in subrequests):
        raise Refusal(400, "INVALID_INPUT", "Subrequests inherit Accept, Authorization and Content-Type")
    all_or_none = bool(body.get("allOrNone", False))
    results: list[dict[str, Any]] = []
    try:
        if all_or_none:
            with call.org.store.writing():
                _run_all(call, subrequests, results)
                if any(item["httpStatusCode"] >= 400 for item in results):
                    raise _RolledBack
        else:
            _run_all(call, subrequests, results)
    except _RolledBack:
        for item in results:
            if item["httpStatusCode"] < 400:
                halted = {"errorCode": "PROCESSING_HALTED", "message": ROLLED_BACK.message}
                item.update(body=[halted], httpHeaders={}, httpStatusCode=400)
    return Answer(data={"compositeResponse": results})


def _run_all(call: Call, subrequests: list[dict[str, Any]], results: list[dict[str, Any]]) -> None:
    bodies: dict[str, Any] = {}
    for item in subrequests:
        reference = str(item["referenceId"])
        answer = _run(call, item, bodies)
        data = answer.data if answer.text is None else answer.text
        bodies[reference] = data
        results.append(
            {
                "body": data,
                "httpHeaders": {name.title(): value for name, value in answer.headers.items()},
                "httpStatusCode": answer.status,
                "referenceId": reference,
            }
        )


def _run(call: Call, item: dict[str, Any], bodies: dict[str, Any]) -> Answer:
    url = str(item.get("url", ""))
    if not _SUPPORTED.match(url) or not url.isascii() or " " in url:
        return Answer(400, Refusal(400, "INVALID_INPUT", f"The url is not supported in a composite call: {url}").body())
    try:
        url = _resolve(url, bodies)
        body = _resolve(json.dumps(item["body"]), bodies) if "body" in item else ""
    except LookupError:
        return Answer(400, Refusal(400, "PROCESSING_HALTED", "Invalid reference specified.").body())
    headers = {str(name).lower(): str(value) for name, value in item.get("httpHeaders", {}).items()}
    inner = replace(call, method=str(item.get("method", "GET")).upper(), path=url, headers=headers, body=body.encode())
    return call.dispatch(inner)


def _resolve(text: str, bodies: dict[str, Any]) -> str:
    """Put values of earlier answers in the place of `@{referenceId.path}`."""

    def replace_match(match: re.Match[str]) -> str:
        value = bodies[match.group(1)]
        for step in re.findall(r"[A-Za-z0-9_]+", match.group(2)):
            value = value[int(step)] if isinstance(value, list) else value[step]
        return str(value)

    return _REFERENCE.sub(replace_match, text)
