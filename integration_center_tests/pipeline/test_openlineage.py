"""What dagster-openlineage makes of our events: each hop to the Salesforce field and Gainsight, received over HTTP."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from typing import Any

import dagster as dg
import pytest
from dagster_openlineage.adapter import OpenLineageAdapter
from dagster_openlineage.sensor import openlineage_sensor
from jsonschema import Draft202012Validator, FormatChecker

from integration_center.sync.columns import AFTER
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, logins

FACET = {
    "type": "object",
    "required": ["_producer", "_schemaURL"],
    "properties": {"_producer": {"type": "string", "format": "uri"}, "_schemaURL": {"type": "string", "format": "uri"}},
}
TEXT = {"type": "string", "minLength": 1}
DATASET = {
    "type": "object",
    "required": ["namespace", "name"],
    "properties": {
        "namespace": TEXT,
        "name": TEXT,
        "facets": {
            "type": "object",
            "additionalProperties": FACET,
            "properties": {
                "schema": {
                    "allOf": [FACET],
                    "properties": {"fields": {"type": "array", "items": {"type": "object", "required": ["name"]}}},
                },
                "columnLineage": {
                    "allOf": [FACET],
                    "required": ["fields"],
                    "properties": {
                        "fields": {
                            "additionalProperties": {
                                "type": "object",
                                "required": ["inputFields"],
                                "properties": {
                                    "inputFields": {
                                        "type": "array",
                                        "items": {"type": "object", "required": ["namespace", "name", "field"]},
                                    }
                                },
                            }
                        }
                    },
                },
            },
        },
    },
}
SHARED = {
    "type": "object",
    "required": ["eventTime", "producer", "schemaURL"],
    "properties": {
        "eventTime": {"type": "string", "format": "date-time"},
        "producer": {"type": "string", "format": "uri"},
        "schemaURL": {"type": "string", "format": "uri"},
    },
}
RUN_EVENT = {
    "allOf": [SHARED],
    "required": ["run", "job"],
    "properties": {
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "run": {
            "type": "object",
            "required": ["runId"],
            "properties": {
                "runId": {"type": "string", "format": "uuid"},
                "facets": {"type": "object", "additionalProperties": FACET},
            },
        },
        "job": {
            "type": "object",
            "required": ["namespace", "name"],
            "properties": {
                "namespace": TEXT, "name": TEXT, "facets": {"type": "object", "additionalProperties": FACET},
            },
        },
        "inputs": {"type": "array", "items": DATASET},
        "outputs": {"type": "array", "items": DATASET},
    },
}  # fmt: skip
DATASET_EVENT = {"allOf": [SHARED], "required": ["dataset"], "properties": {"dataset": DATASET}}
SCHEMA = {"$schema": "https://json-schema.org/draft/2020-12/schema", "oneOf": [RUN_EVENT, DATASET_EVENT]}
"""An event as the specification of OpenLineage 2 has it, of which it is a run's or a dataset's."""


@contextmanager
def receive() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A receiver of OpenLineage events: its address, and what it got."""
    got: list[dict[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/api/v1/lineage"
            got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(201)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Print nothing."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def find_origins(events: list[dict[str, Any]], name: str, field: str) -> set[tuple[str, str]]:
    """Where a field of a dataset is from, by the events."""
    datasets = [each for event in events for each in (*event.get("outputs", ()), event.get("dataset") or {})]
    return {
        (origin["name"], origin["field"])
        for each in datasets
        if each.get("name") == name
        for origin in each.get("facets", {})
        .get("columnLineage", {})
        .get("fields", {})
        .get(field, {"inputFields": ()})["inputFields"]
    }


@pytest.mark.filterwarnings("ignore:Function .EventMethods.get_event_records:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:Use fetch_.* instead of get_event_records:UserWarning")
def test_each_hop_is_in_the_events_that_arrive(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    center.integrate(gainsight="Company")
    center.drop(logins(PLAIN))
    ran = center.run()
    assert ran.success, ran.failures
    with receive() as (url, events):
        monkeypatch.setenv("OPENLINEAGE_URL", url)
        monkeypatch.setattr("dagster_openlineage.sensor._ADAPTER", OpenLineageAdapter())
        sensor = openlineage_sensor(include_asset_events=True, record_filter_limit=1_000)
        with dg.build_sensor_context(instance=center.instance) as context:
            sensor.evaluate_tick(context)
    check = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
    assert [error.message for event in events for error in check.iter_errors(event)] == []
    hops = [
        ("insights/logins", "# Logins Last 30 Days"),
        ("logins_to_leads/update_set", f"{AFTER}{COUNT}"),
        ("logins_to_leads/push", COUNT),
        ("salesforce/sandbox/Lead", COUNT),
        ("gainsight/Company", COUNT),
    ]
    for origin, (name, field) in pairwise(hops):
        assert find_origins(events, name, field) == {origin}, name
    described = [
        column
        for event in events
        for each in event.get("outputs", ())
        if each["name"] == "salesforce/sandbox/Lead" and event["eventType"] == "COMPLETE"
        for column in each["facets"]["schema"]["fields"]
    ]
    assert {column["name"]: column["type"] for column in described}[COUNT] == "double"
    assert "@" not in json.dumps(events)


def test_only_who_sets_openlineage_up_hears_that_it_has_no_receiver(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in [name for name in os.environ if name.startswith("OPENLINEAGE_")]:
        monkeypatch.delenv(name)
    OpenLineageAdapter()
    assert "OpenLineage transport configuration" not in caplog.text
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "acme")
    OpenLineageAdapter()
    assert "OpenLineage transport configuration" in caplog.text
