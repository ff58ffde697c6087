"""Metrics as Prometheus text: counted as things happen, or read from the rows when scraped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bot.approvals.request import State
from bot.runtime import tracing
from bot.store.queues import LANES

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.store import Store
    from bot.workflow.ports import Outcome

_LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)
_DECISION_BUCKETS = (60, 300, 900, 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600)
MOST_WORDS = 64
"""Distinct statuses in words; any further one counts as ``other``, since every label is a permanent series."""
OUTCOMES = ("under way", "unknown", "created", "deleted", "failed", "unsent", "abandoned")


class Metrics:
    """The product's metrics, in their own registry.

    Args:
        store: Read when ``/metrics`` is scraped.
        unsigned: Returns why the audit cannot be signed, or None.
    """

    def __init__(self, store: Store, unsigned: Callable[[], str | None] = lambda: None) -> None:
        self._store = store
        self._unsigned = unsigned
        self._words: set[str] = set()
        self.registry = CollectorRegistry()
        registry = self.registry
        self._requests = Gauge("peftsize_requests", "Requests by state.", ["state"], registry=registry)
        self._attempts = Gauge("peftsize_attempts", "Attempts by outcome.", ["outcome"], registry=registry)
        self._oldest_pending = Gauge(
            "peftsize_oldest_pending_seconds", "Age of the oldest pending request.", registry=registry
        )
        self._outbox_age = Gauge(
            "peftsize_outbox_age_seconds",
            "Age of the oldest undelivered Slack message.",
            registry=registry,
        )
        self._due_age = Gauge(
            "peftsize_due_age_seconds",
            "How long the longest-waiting row has been due.",
            ["lane"],
            registry=registry,
        )
        self._chain_age = Gauge(
            "peftsize_audit_head_age_seconds", "Time since the last audit event.", registry=registry
        )
        self._unprotected = Gauge(
            "peftsize_audit_unprotected",
            "1 if the anchor cannot be written, triggers are missing, or the audit cannot be signed.",
            ["what"],
            registry=registry,
        )
        self.decision = Histogram(
            "peftsize_decision_seconds",
            "Time from submission to decision.",
            ["state"],
            buckets=_DECISION_BUCKETS,
            registry=registry,
        )
        self.refused = Counter(
            "peftsize_refused_total", "Refused attempts by reason.", ["reason"], registry=registry
        )
        self.duplicates = Counter(
            "peftsize_duplicate_deliveries_total",
            "Duplicate deliveries that were dropped.",
            registry=registry,
        )
        self.gate = Counter(
            "peftsize_gate_refused_total",
            "Deliveries refused before they reach Bolt.",
            ["reason"],
            registry=registry,
        )
        self.socket_connections = Gauge(
            "peftsize_socket_connections",
            "Open Socket Mode connections to Slack; 0 in HTTP mode.",
            registry=registry,
        )
        self.calls = Histogram(
            "peftsize_call_seconds",
            "Calls to Slack and watsonx by operation and status.",
            ["service", "operation", "status"],
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
        self.limited = Counter(
            "peftsize_rate_limited_total", "Responses with status 429.", ["service"], registry=registry
        )

    def on_outcome(self, outcome: Outcome) -> None:
        """Count the outcome of a click."""
        if outcome.code == "duplicate":
            self.duplicates.inc()
        elif outcome.code not in {"done", "submitted", "existing"}:
            self.refused.labels(outcome.code).inc()
        elif outcome.request is not None and outcome.request.state in {State.APPROVED, State.REJECTED}:
            row = outcome.request
            self.decision.labels(row.state.value).observe((row.updated_at - row.created_at) / 1000)

    def called(self, service: str, operation: str, status: int | str | None, seconds: float) -> None:
        """Count and trace one call to an outside service."""
        label = self._label(status)
        self.calls.labels(service, operation, label).observe(seconds)
        tracing.called(service, operation, label, seconds)
        if label in {"429", "ratelimited"}:
            self.limited.labels(service).inc()

    def _label(self, status: int | str | None) -> str:
        if not isinstance(status, str):
            return "none" if status is None else str(status)
        if len(self._words) < MOST_WORDS:
            self._words.add(status)
        return status if status in self._words else "other"

    def text(self) -> bytes:
        """Return Prometheus text; raises ``StoreError`` if the rows cannot be read."""
        with self._store.read() as tx:
            counts, ages, missing = tx.counts(), tx.ages(), tx.audit_log.missing_triggers()
        for state in State:
            self._requests.labels(state.value).set(counts["requests"].get(state.value, 0))
        for outcome in OUTCOMES:
            self._attempts.labels(outcome).set(counts["attempts"].get(outcome, 0))
        self._oldest_pending.set(ages["pending"])
        self._outbox_age.set(ages["message"])
        for lane in LANES:
            self._due_age.labels(lane).set(ages[lane])
        self._chain_age.set(ages["audit"])
        self._unprotected.labels("triggers").set(bool(missing))
        self._unprotected.labels("checkpoint").set(self._unsigned() is not None)
        self._unprotected.labels("anchor").set(self._store.anchor_trouble() is not None)
        return generate_latest(self.registry)
