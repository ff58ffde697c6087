"""Who uses a spec, in words; and when a spec was made."""

from __future__ import annotations

import time

import pytest

from bot.errors import Unavailable
from bot.workflow.ports import Deployment, RemoteSpec
from bot.workflow.use import Use, look_up_use, users_by_spec


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (Use(()), ""),
        (Use(("a",)), "a"),
        (Use(tuple("abcde")), "a, b, c, d, e"),
        (Use(tuple("abcdef")), "a, b, c, d, e and 1 more"),
        (Use(tuple("abcdefg")), "a, b, c, d, e and 2 more"),
        (Use(error=Unavailable("no answer")), "whether a deployment uses it is not known: no answer"),
    ],
)
def test_who_uses_it(use: Use, words: str) -> None:
    """Five by name, the others by their number; or that nobody knows."""
    assert use.words == words


class Cluster:
    """Lists three deployments, of two specs."""

    def deployments(self, _space_id: str) -> tuple[Deployment, ...]:
        names = (("chat", "s1"), ("api", "s2"), ("batch", "s1"))
        return tuple(Deployment(f"id-{name}", name, spec_id) for name, spec_id in names)


def test_who_uses_each_spec() -> None:
    """By name."""
    cluster = Cluster()
    assert look_up_use(cluster, "s1", "space") == Use(("batch", "chat"))  # type: ignore[arg-type] # one question of it
    assert users_by_spec(cluster, "space") == {"s1": ("batch", "chat"), "s2": ("api",)}  # type: ignore[arg-type] # likewise


@pytest.mark.parametrize(
    ("created_at", "ms"),
    [
        ("2026-01-02T03:04:05.678Z", 1_767_323_045_678),
        ("2026-01-02T03:04:05", 1_767_323_045_000),
        ("2026-01-02T04:04:05+01:00", 1_767_323_045_000),
        ("", None),
        ("yesterday", None),
    ],
)
def test_when_a_spec_was_made(monkeypatch: pytest.MonkeyPatch, created_at: str, ms: int | None) -> None:
    """In UTC where the service names no zone, wherever the bot runs; unknown where it cannot be read."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        made_ms = RemoteSpec("id", "peft-x", "", {}, "space", created_at, is_global=False).created_ms
    time.tzset()
    assert made_ms == ms
