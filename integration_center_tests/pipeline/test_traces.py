"""The trace of a run, as a collector receives it over HTTP."""

import gzip
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from integration_center.accounts.connecting import connect_client_credentials
from integration_center.installation import open_installation
from integration_center.integration.spec import Environment
from integration_center.pipeline.steps.spans import Trace, _open_provider
from integration_center_tests.pipeline.center import COUNT, PLAIN, Center, email, logins

SPANS = {"read", "org read", "match", "compare", "plan", "send", "finish", "run"}


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Span]]:
    """The spans that a collector receives."""
    spans: list[Span] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                spans.extend(span for scope in resource.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("INTEGRATION_CENTER_TRACES", "true")
    _open_provider.cache_clear()
    yield spans
    _open_provider()[0].shutdown()
    _open_provider.cache_clear()
    server.shutdown()
    thread.join()
    server.server_close()


def find(spans: list[Span], name: str) -> Span:
    return next(span for span in spans if span.name == name)


def attributes(span: Span) -> dict[str, object]:
    return {each.key: each.value.int_value or each.value.string_value for each in span.attributes}


def test_a_run_is_one_trace_of_steps_phases_and_requests(center: Center, received: list[Span]) -> None:
    center.integrate()
    center.drop(logins(PLAIN))
    ran = center.run()
    assert ran.success
    assert {span.name for span in received} >= SPANS
    assert {span.trace_id for span in received} == {UUID(ran.run_id).bytes}
    root = find(received, "run")
    assert not root.parent_span_id
    by_id = {span.span_id: span for span in received}
    assert len(by_id) == len(received)
    assert {span.parent_span_id for span in received} - {b""} <= by_id.keys()
    match = find(received, "match")
    assert by_id[by_id[by_id[match.parent_span_id].parent_span_id].parent_span_id] == root
    assert attributes(find(received, "REST batch"))["records"] == len(PLAIN)
    said = str(received)
    assert email(PLAIN[0]) not in said
    assert center.lead(PLAIN[0])[COUNT] == 7 + PLAIN[0]


@pytest.mark.proof
def test_a_large_push_has_a_span_for_its_job_and_none_has_a_key_a_value_or_a_secret(
    center: Center, received: list[Span], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integration_center.salesforce.write.push.COLLECTIONS_ROWS", 2)
    monkeypatch.setenv("INTEGRATION_CENTER_SECRET_KEY", Fernet.generate_key().decode())
    center.integrate()
    center.drop(logins(PLAIN))
    with open_installation() as installation:  # the key is another one now
        connect_client_credentials(Environment.SANDBOX, installation.settings, installation.accounts, connected_by="me")
    ran = center.run()
    assert ran.success, ran.error
    by_id = {span.span_id: span for span in received}
    job = find(received, "Bulk job")
    assert attributes(job)["records"] == len(PLAIN)
    above = [job]
    while above[-1].parent_span_id:
        above.append(by_id[above[-1].parent_span_id])
    assert (above[1].name, above[-2].name, above[-1].name) == ("send", "logins_to_leads__send", "run")
    assert {span.trace_id for span in above} == {UUID(ran.run_id).bytes}
    said = str(received)
    secrets = [os.environ[name] for name in os.environ if name.endswith(("_CLIENT_SECRET", "_SECRET_KEY"))]
    assert len([secret for secret in secrets if secret]) >= 3
    lead = center.lead(PLAIN[0])
    for hidden in (*filter(None, secrets), email(PLAIN[0]), lead["Id"], lead["LastName"]):
        assert hidden not in said


def test_a_run_that_fails_ends_its_trace_as_one(center: Center, received: list[Span]) -> None:
    center.integrate(report="Nowhere")
    ran = center.run()
    assert not ran.success
    assert find(received, "run").status.code == 2


@pytest.mark.parametrize("hangs", [True, False])
def test_a_collector_that_does_not_answer_delays_a_process_once(monkeypatch: pytest.MonkeyPatch, hangs: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as collector:
        port = collector.getsockname()[1]
        if not hangs:
            collector.close()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
        monkeypatch.setattr("integration_center.pipeline.steps.spans.FLUSH_SECONDS", 0.2)
        monkeypatch.setattr("integration_center.pipeline.steps.spans._late", threading.Event())
        _open_provider.cache_clear()
        waited: list[tuple[float | None, bool]] = []
        join = threading.Thread.join

        def note(thread: threading.Thread, timeout: float | None = None) -> None:
            join(thread, timeout)
            if thread.name == "traces":
                waited.append((timeout, thread.is_alive()))

        monkeypatch.setattr(threading.Thread, "join", note)
        for number in range(1, 4):
            with Trace(number, number, "job", None).step("push", "logins", ends_run=True) as span, span("plan"):
                pass
    _open_provider.cache_clear()
    assert {seconds for seconds, _ in waited} == {0.2}
    assert not any(late for _, late in waited[:-1]), "it waits for the collector no more"
    assert not hangs or waited == [(0.2, True)]
