"""Spans of OpenTelemetry: names and counts, never keys or values. The exporter reads the standard OTEL_ variables."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import Event, Thread

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags, set_span_in_context

from integration_center.progress import Note, Spans

SERVICE = "integration-center"
FLUSH_SECONDS = 2.0
"""How long the end of a step waits for a collector. Spans that it does not take are lost; no run fails for them."""


class _Ids(RandomIdGenerator):
    """Gives the span of a run its own ids; others get random ones."""

    given: tuple[int, int] | None = None

    def generate_trace_id(self) -> int:
        return self.given[0] if self.given else super().generate_trace_id()

    def generate_span_id(self) -> int:
        return self.given[1] if self.given else super().generate_span_id()


@cache
def _open_provider() -> tuple[TracerProvider, _Ids]:
    ids = _Ids()
    resource = Resource({"service.name": SERVICE}).merge(OTELResourceDetector().detect())
    # Each step sends its own spans, and the end of a process waits for no collector.
    provider = TracerProvider(resource=resource, id_generator=ids, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider, ids


def _flush(provider: TracerProvider) -> None:
    """Send what was traced, and wait for the collector for a while; not at all once it kept this process waiting.

    The library's own flush waits for all tries of its exporter, whatever time it is given.
    """
    sending = Thread(target=provider.force_flush, name="traces", daemon=True)
    sending.start()
    if not _late.is_set():
        sending.join(FLUSH_SECONDS)
        if sending.is_alive():
            _late.set()


_late = Event()
"""Set in a process whose collector does not answer in time."""


@dataclass(frozen=True)
class Trace:
    """The trace of one run.

    Attributes:
        trace_id: its id.
        span_id: the id of the run's own span, the root.
        job: the job's name.
        began: when the run began, in seconds since 1970; None when unknown.
    """

    trace_id: int
    span_id: int
    job: str
    began: float | None

    @contextmanager
    def step(self, name: str, slug: str | None, *, ends_run: bool) -> Iterator[Spans]:
        """Trace a step, and with its end that of the run if it is the last one or fails."""
        provider, _ = _open_provider()
        tracer = provider.get_tracer(SERVICE)
        parent = NonRecordingSpan(SpanContext(self.trace_id, self.span_id, True, TraceFlags(TraceFlags.SAMPLED)))
        failed = True

        @contextmanager
        def open_span(name: str) -> Iterator[Note]:
            with tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as span:

                def note(counts: Mapping[str, int]) -> None:
                    span.set_attributes(dict(counts))

                try:
                    yield note
                except BaseException as error:
                    span.set_status(Status(StatusCode.ERROR, type(error).__name__))  # its text may hold values
                    raise

        try:
            attributes = {"integration": slug} if slug else {}
            with tracer.start_as_current_span(
                name,
                set_span_in_context(parent),
                attributes=attributes,
                record_exception=False,
                set_status_on_exception=False,
            ):
                yield open_span
            failed = False
        finally:
            if ends_run or failed:
                self._end_run(failed=failed)
            _flush(provider)

    def _end_run(self, *, failed: bool) -> None:
        provider, ids = _open_provider()
        began = None if self.began is None else int(self.began * 1e9)
        ids.given = (self.trace_id, self.span_id)
        try:
            span = provider.get_tracer(SERVICE).start_span("run", Context(), start_time=began)
        finally:
            ids.given = None
        span.set_attribute("job", self.job)
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end()
