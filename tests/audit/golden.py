"""Three chained audit rows, written out by hand: the texts that are hashed, and their SHA-256.

Each text is the row without ``hash``, as JSON with sorted keys, no spaces and letters as they are,
in UTF-8. ``prev_hash`` is the hash of the row before, 64 zeros before the first. Any of them is
checked without our code: ``printf '%s' TEXT | sha256sum``.
"""

from __future__ import annotations

from bot.audit.chain import Event, Rest, Where, Who

GENESIS = "0000000000000000000000000000000000000000000000000000000000000000"

EVENTS = (
    Event(at=1_790_000_000_000, event="started"),
    Event(
        at=1_790_000_000_123,
        event="rejected",
        request_id="R7K3M9QX",
        revision=2,
        actor=Who("E1", "T1", "U0ADA0001", "Åsa 🚀"),
        origin="slack-http",
        from_state="pending",
        to_state="rejected",
        reason='zu groß: "64" \\ 7,5\n',
        digest="d1",
        slack=Where("C1", "1790000000.000100", "t1"),
        rest=Rest(409, "trace-1", "spec-1", "attempt-1"),
    ),
    Event(at=1_790_000_000_456, event="drift", reason="\u2028é"),
)

TEXTS = (
    (
        '{"actor":{"enterprise_id":null,"name":null,"team_id":null,"user_id":null},"at":1790000000000,'
        '"digest":null,"event":"started","from_state":null,"origin":"system",'
        '"prev_hash":"0000000000000000000000000000000000000000000000000000000000000000",'
        '"reason":null,"request_id":null,"rest":{"attempt":null,"spec_id":null,"status":null,"trace":null},'
        '"revision":null,"seq":1,"slack":{"channel_id":null,"message_ts":null,"trigger_hash":null},'
        '"to_state":null}'
    ),
    (
        '{"actor":{"enterprise_id":"E1","name":"Åsa 🚀","team_id":"T1","user_id":"U0ADA0001"},'
        '"at":1790000000123,"digest":"d1","event":"rejected","from_state":"pending","origin":"slack-http",'
        '"prev_hash":"f1fb42412297ed40baffd9f342923731ffaffc4c2226dc0f2d35254c8f059f82",'
        r'"reason":"zu groß: \"64\" \\ 7,5\n","request_id":"R7K3M9QX",'
        '"rest":{"attempt":"attempt-1","spec_id":"spec-1","status":409,"trace":"trace-1"},"revision":2,"seq":2,'
        '"slack":{"channel_id":"C1","message_ts":"1790000000.000100","trigger_hash":"t1"},'
        '"to_state":"rejected"}'
    ),
    (
        '{"actor":{"enterprise_id":null,"name":null,"team_id":null,"user_id":null},"at":1790000000456,'
        '"digest":null,"event":"drift","from_state":null,"origin":"system",'
        '"prev_hash":"90aa5bacb5b598337e2be1a8d202682b27368d023752f091654182323ce9387e",'
        '"reason":"\u2028é","request_id":null,"rest":{"attempt":null,"spec_id":null,"status":null,"trace":null},'
        '"revision":null,"seq":3,"slack":{"channel_id":null,"message_ts":null,"trigger_hash":null},'
        '"to_state":null}'
    ),
)

HASHES = (
    "f1fb42412297ed40baffd9f342923731ffaffc4c2226dc0f2d35254c8f059f82",
    "90aa5bacb5b598337e2be1a8d202682b27368d023752f091654182323ce9387e",
    "9eaf479ed5a5bf8953a300338bc3a99501c73e455e52e152cf51c939ed4f3a9a",
)
