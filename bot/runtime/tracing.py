"""OpenTelemetry traces, if the extra ``peftsize[otel]`` is installed and a collector is configured.

Otherwise every function here does nothing and imports nothing. The collector is configured by OpenTelemetry's own
environment variables, such as ``OTEL_EXPORTER_OTLP_ENDPOINT``.
Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

_tracer: Any = None


def set_up() -> None:
    """Send traces from now on, if a collector is configured; without the extra, only warn.

    A platform may configure a collector for every container, so this is no reason not to serve.
    """
    global _tracer  # noqa: PLW0603 - as in the library itself: one tracer per process, set when serving starts
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError:
        log.warning("no traces: OTEL_EXPORTER_OTLP_ENDPOINT is set, but peftsize[otel] is not installed")
        return
    provider = TracerProvider(resource=Resource.create({"service.name": "peftsize"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    _tracer = trace.get_tracer("peftsize")
    log.info("sending traces")


@contextmanager
def span(name: str, **facts: str) -> Iterator[None]:
    """Trace the block; facts hold ids and states, never a person's words."""
    if _tracer is None:
        yield
        return
    with _tracer.start_as_current_span(
        name, attributes={f"peftsize.{key}": value for key, value in facts.items()}
    ):
        yield


def called(service: str, operation: str, status: str, seconds: float) -> None:
    """Trace a call to an outside service that has just ended."""
    if _tracer is None:
        return
    end = time.time_ns()
    facts = {"peftsize.service": service, "peftsize.status": status}
    ended = _tracer.start_span(
        f"{service} {operation}", start_time=end - int(seconds * 1e9), attributes=facts
    )
    ended.end(end)
