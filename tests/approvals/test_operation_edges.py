"""What an approval covers, pinned: the content of a row, a deletion's digest, and rows that contradict themselves."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from bot.approvals import state_machine
from bot.approvals.draft import Content, Site, content, draft
from bot.approvals.operation import Operation, contradiction, deletion, operation
from bot.approvals.request import Kind, State
from tests.support.people import a_request

SITE = Site("https://cpd.example.com", "space", {"dev": "space-2"})
TEXT = "80b none lora"
DRAFTED = draft(TEXT, SITE, use_gpus=4)
ASKED = Content(
    text=TEXT,
    canonical="80b none lora",
    name="peft-80b-lora-none-use4gpu",
    use_gpus=4,
    payload=(
        '{"description":"Custom hardware specification for foundation models; 4 GPUs chosen instead of the '
        'computed 3","name":"peft-80b-lora-none-use4gpu",'
        '"nodes":{"cpu":{"units":"5"},"gpu":{"num_gpu":4},"mem":{"size":"240Gi"}}}'
    ),
    # printf '%s' '{"body":PAYLOAD,"space_id":"space","target":"https://cpd.example.com"}' | sha256sum
    digest="fc4eed69ab4c23703d1f1fa3eaea35c138b2e69a31587e9d0698046e73e8f53d",
    target="https://cpd.example.com",
    space_id="space",
    purpose="eval",
)
# printf '%s' '{"body":{"delete":"spec-1"},"space_id":"space","target":"https://cpd.example.com"}' | sha256sum
DELETION = "8e688f6f8910057031e3bbd5ce448c4c8be5d2fb2691f1634bef2a83dc849bfb"
ROW = a_request(State.CREATED, **ASKED.columns(), spec_id="spec-1")
OF_DELETION = replace(ROW, kind=Kind.DELETE, state=State.PENDING, digest=DELETION)


def bound(body: str, space_id: str = "space", target: str = "https://cpd.example.com") -> str:
    text = f'{{"body":{body},"space_id":"{space_id}","target":"{target}"}}'
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_content_of_a_request_in_full() -> None:
    """Every column that a revision holds, and the digest over the exact bytes."""
    assert bound(ASKED.payload) == ASKED.digest
    assert content(TEXT, DRAFTED, SITE, purpose="eval") == ASKED
    assert content(TEXT, DRAFTED, SITE, purpose="eval", digest="other") == replace(ASKED, digest="other")
    assert ASKED.columns() == {
        "text": TEXT,
        "canonical": "80b none lora",
        "name": "peft-80b-lora-none-use4gpu",
        "use_gpus": 4,
        "payload": ASKED.payload,
        "digest": ASKED.digest,
        "target": "https://cpd.example.com",
        "space_id": "space",
        "purpose": "eval",
    }


def test_the_digest_of_a_deletion_is_this() -> None:
    """Bound to the spec's id, its host and its space; all else is the creation's content."""
    assert bound('{"delete":"spec-1"}') == DELETION
    assert deletion(ROW) == replace(ASKED, digest=DELETION, purpose=None)


def test_what_is_sent_for_a_creation() -> None:
    """Name, space, bytes and digest of the text under the settings in force; the row's own body does not count."""
    tampered = replace(ROW, payload="{}", digest="0" * 64, space_id="elsewhere", name="other")
    got = operation(tampered, DRAFTED, "https://cpd.example.com")
    assert got == Operation(ASKED.name, "space", ASKED.payload, ASKED.digest)
    assert json.dumps(got.body, sort_keys=True, separators=(",", ":")) == ASKED.payload


def test_what_is_sent_for_a_deletion() -> None:
    """The spec of the row, on the host and in the space in force."""
    elsewhere = draft(f"{TEXT} space=dev", SITE)
    got = operation(replace(OF_DELETION, target="https://old", space_id="old"), elsewhere, "https://new")
    assert got.digest == bound('{"delete":"spec-1"}', "space-2", "https://new")
    assert (got.space_id, got.name) == ("space-2", "peft-80b-lora-none")


def retold(**nodes: object) -> str:
    return json.dumps({**json.loads(ASKED.payload), **nodes}, sort_keys=True, separators=(",", ":"))


DIGEST = "its digest is not that of its content, host and space"
BODY = "its body cannot be read"
NAME = "its name is not that in its body"
COUNT = "its GPU count is not that in its body"
NO_GPUS = retold(nodes={"gpu": {}})

CONTRADICTIONS = [
    ("whole", ROW, None),
    ("a whole deletion", OF_DELETION, None),
    ("no count by hand", replace(ROW, use_gpus=None), None),
    ("another body", replace(ROW, payload=retold(nodes={"gpu": {"num_gpu": 64}})), DIGEST),
    ("another space", replace(ROW, space_id="space-2"), DIGEST),
    ("another host", replace(ROW, target="https://other"), DIGEST),
    ("another digest", replace(ROW, digest="0" * 64), DIGEST),
    ("another spec to delete", replace(OF_DELETION, spec_id="spec-2"), DIGEST),
    ("a deletion with the digest of a creation", replace(OF_DELETION, digest=ROW.digest), DIGEST),
    ("a creation with the digest of a deletion", replace(ROW, digest=DELETION), DIGEST),
    ("another name", replace(ROW, name="peft-80b-lora-none"), NAME),
    ("another count", replace(ROW, use_gpus=3), COUNT),
    ("no JSON", replace(ROW, payload="{"), BODY),
    ("no object", replace(ROW, payload="[]"), BODY),
    ("no name", replace(ROW, payload="{}"), BODY),
    ("no count in it", replace(ROW, payload=NO_GPUS, digest=bound(NO_GPUS)), BODY),
    ("no number at all", replace(ROW, payload=ASKED.payload.replace('"num_gpu":4', '"num_gpu":NaN')), BODY),
]


@pytest.mark.parametrize(
    ("row", "how"), [case[1:] for case in CONTRADICTIONS], ids=[case[0] for case in CONTRADICTIONS]
)
def test_a_row_that_contradicts_its_digest_is_named(row, how) -> None:
    """By the first column that does not fit what was approved."""
    assert contradiction(row) == how


@pytest.mark.parametrize("state", list(State))
def test_states_that_hide_in_columns(state: State) -> None:
    """Given up, ended, dry and live, for every state; one column away each is something else."""
    row = a_request(state, spec_id="spec-1")
    ended = state.value in {"created", "deleted", "rejected", "cancelled", "expired"}
    assert state_machine.has_ended(row) == ended
    assert not state_machine.is_given_up(row)
    freed = replace(row, reserved=False)
    assert state_machine.is_given_up(freed) == (state is State.FAILED)
    assert state_machine.has_ended(freed) == (ended or state is State.FAILED)
    assert not state_machine.is_dry_run(row)
    assert state_machine.is_dry_run(replace(row, target="")) == (state is State.APPROVED)
    assert state_machine.has_live_spec(row) == (state is State.CREATED)
    for gone in (replace(row, spec_id=None), replace(row, retired_by="R2"), replace(row, kind=Kind.DELETE)):
        assert not state_machine.has_live_spec(gone)
