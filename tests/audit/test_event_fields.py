"""What an event says in the chain and in the export, key by key."""

from __future__ import annotations

from bot.audit.chain import Event, Rest, Where, Who

NOBODY = {"enterprise_id": None, "team_id": None, "user_id": None, "name": None}


def test_an_event_in_full() -> None:
    """Every fact stands under its own key; the operating system's user beside the person who was named."""
    event = Event(
        at=1,
        event="approve.refused",
        request_id="R1",
        revision=2,
        actor=Who("E1", "T1", "U0ADA", "Ada", os_uid=1000, known_as="W0ADA"),
        origin="cli",
        from_state="pending",
        to_state="approved",
        reason="why",
        digest="d1",
        slack=Where("C1", "1.1", "t1", workflow=True),
        rest=Rest(status=409, trace="x1", spec_id="s1", attempt="a1"),
        seal={"key": "k1"},
        purpose="eval",
    )
    assert event.fields() == {
        "at": 1,
        "event": "approve.refused",
        "request_id": "R1",
        "revision": 2,
        "actor": {
            "enterprise_id": "E1",
            "team_id": "T1",
            "user_id": "U0ADA",
            "name": "Ada",
            "os_uid": 1000,
            "known_as": "W0ADA",
        },
        "origin": "cli",
        "from_state": "pending",
        "to_state": "approved",
        "reason": "why",
        "digest": "d1",
        "slack": {"channel_id": "C1", "message_ts": "1.1", "trigger_hash": "t1", "workflow": True},
        "rest": {"status": 409, "trace": "x1", "spec_id": "s1", "attempt": "a1"},
        "seal": {"key": "k1"},
        "purpose": "eval",
    }


def test_an_event_says_no_more_than_it_knows() -> None:
    """What is not known is null; the key of the operating system's user is there only where it is known.

    Rows of releases that did not know it keep their hash.
    """
    assert Event(at=1, event="started").fields() == {
        **dict.fromkeys(("request_id", "revision", "from_state", "to_state", "reason", "digest")),
        "at": 1,
        "event": "started",
        "actor": NOBODY,
        "origin": "system",
        "slack": dict.fromkeys(("channel_id", "message_ts", "trigger_hash")),
        "rest": dict.fromkeys(("status", "trace", "spec_id", "attempt")),
    }
    assert Event(at=1, event="started", actor=Who(os_uid=0)).fields()["actor"] == {**NOBODY, "os_uid": 0}
