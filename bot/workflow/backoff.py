"""How long to wait before a failure is retried."""

from __future__ import annotations

WAITS_MS = (1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000)


def wait_ms(failures: int, asked_s: float | None = None, *, most_ms: int = WAITS_MS[-1]) -> int:
    """Return the wait before the next try.

    Args:
        failures: Failures so far, including the last one; at least 1.
        asked_s: What the service asked for; it takes precedence, but is at least a second.
        most_ms: The longest wait of our own.
    """
    if asked_s is not None:
        return max(WAITS_MS[0], int(asked_s * 1000))
    return min(most_ms, WAITS_MS[min(failures, len(WAITS_MS)) - 1])
