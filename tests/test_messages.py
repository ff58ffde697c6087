"""The words of every refusal, error and state."""

from __future__ import annotations

import ast
import inspect
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import bot
from bot import errors, messages
from bot.approvals import policy
from bot.approvals.request import Kind, State
from bot.messages import looks_secret, mask_secrets
from bot.store import database
from sizing import SizingError, parse
from tests.support.cards import SPEC_ID, row, sized, vote

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(bot.__file__).parent
CODES = {
    "Refusal": 0,
    "Outcome": 0,
    "StoreError": 0,
    "Refused": 0,
    "UnknownRequest": 0,
    "refused": 0,
    "refusal": 0,
}
"""Which argument of these calls is a code."""
GOOD = {"done", "submitted"}


def codes_in(path: Path) -> Iterator[str]:
    """Every code that a file refuses with, as its text has it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        told = node.args[CODES[name]] if name in CODES and len(node.args) > CODES[name] else None
        barred = [word.value for word in node.keywords if word.arg == "barred"]
        for part in [told, *barred]:
            choices = [part.body, part.orelse] if isinstance(part, ast.IfExp) else [part]
            yield from (
                one.value for one in choices if isinstance(one, ast.Constant) and isinstance(one.value, str)
            )


def documented(thing: object, after: str) -> set[str]:
    """The codes that a docstring lists between double backticks after a word."""
    text = (inspect.getdoc(thing) or "").split(after, 1)[1].split("\n    ", 6)
    return set(re.findall(r"``([a-z_-]+)``", " ".join(text[:4])))


def test_every_code_in_the_code_has_a_sentence() -> None:
    """Whatever code somebody is refused with, there are words for it."""
    found = {
        code
        for path in ROOT.rglob("*.py")
        for code in codes_in(path)
        if "sandbox" not in path.relative_to(ROOT).parts
    }
    assert {
        "self_approval",
        "stale_revision",
        "foreign_message",
        "stale_home",
        "busy",
        "unknown_spec",
    } <= found
    assert found - GOOD - messages.REFUSALS.keys() == set()


def test_every_code_of_people_and_store_has_a_sentence() -> None:
    """Also the codes that cross as values: why somebody has no say, why nothing was stored."""
    barred = documented(policy.Person, "barred:")
    stored = documented(errors.StoreError, "what:")
    assert {"deleted", "foreign_team", "lookup_failed"} <= barred
    assert {"full", "read-only", "away", "busy"} <= stored
    troubles = {code for _, code in (*database._SQLITE_TROUBLE, *database._SQLSTATE_TROUBLE)}
    assert (barred | stored | troubles) - messages.REFUSALS.keys() == set()


@pytest.mark.parametrize("code", sorted(messages.REFUSALS))
@pytest.mark.parametrize("detail", ["", "something <!here> with a dot."])
def test_a_refusal_says_what_happened_and_what_next(code: str, detail: str) -> None:
    """Each refusal is two or more short sentences without blame, leftovers or a second dot."""
    said = messages.refusal(code, detail)
    assert len(re.findall(r"[.:?](?:\s|$)", said)) >= 2
    assert len(messages.REFUSALS[code]) <= 190
    assert not re.search(r"[{}]|\.\.|invalid|please|sorry", said, re.IGNORECASE)


def test_facts_are_woven_in() -> None:
    """The revision, the state, the policy's sentence and the holder are said where they are known."""
    drafted = sized()
    request = row(drafted, state=State.CREATED, spec_id=SPEC_ID)
    assert messages.refusal("stale_revision", "3").endswith("It is revision 3 now.")
    assert messages.refusal("wrong_state", "created", request).endswith(f"It is created {SPEC_ID}.")
    assert messages.refusal("denied", "Open a ticket.").endswith("The policy says: Open a ticket.")
    assert messages.refusal("name_taken", "R1").endswith("It belongs to R1.")
    assert "nothing was changed" in messages.refusal("a_code_of_tomorrow")


def all_errors(kind: type[Exception] = errors.BotError) -> list[type[Exception]]:
    """Every class of the tree."""
    return [kind, *(deeper for sub in kind.__subclasses__() for deeper in all_errors(sub))]


MADE = {
    errors.Refused: lambda kind: kind("denied", detail="No."),
    errors.SpecsError: lambda kind: kind("no <b>such</b> space.", status=404, trace="t-1"),
    errors.NoDatabase: lambda kind: kind("/data/peftsize.db"),
    errors.PeopleError: lambda kind: kind("users.info", "ratelimited"),
    errors.SlackTrouble: lambda kind: kind("chat.update: ratelimited"),
    errors.StoreError: lambda kind: kind("full"),
    errors.SettingsError: lambda kind: kind(("A is missing.", "B is wrong.")),
}


def test_every_error_of_the_tree_is_explained() -> None:
    """No class of expected errors ends in the sentence for the unexpected."""
    leaves = [
        kind
        for kind in all_errors()
        if kind.__module__ == errors.__name__ and kind not in {errors.BotError, errors.SpecsError}
    ]
    assert len(leaves) >= 10
    for kind in leaves:
        base = next(base for base in kind.__mro__ if base in MADE)
        said = messages.explain(MADE[base](kind))
        assert "not foreseen" not in said
        assert said[0].isupper()


def test_errors_keep_status_and_trace() -> None:
    """What the service said comes with its status and trace id, and says whether trying again is safe."""
    assert messages.explain(errors.Rejected("no such space", status=404, trace="t-1")) == (
        "The cluster refused: no such space (status 404, trace t-1). Correct the cause before you try again."
    )
    assert "Try again in 7 s" in messages.explain(errors.Unavailable("slow down", retry_after_s=7))
    assert "may or may not have been made" in messages.explain(errors.Uncertain("timed out"))
    assert messages.explain(errors.SettingsError(("A is missing.", "B is wrong."))).splitlines()[1:] == [
        "- A is missing.",
        "- B is wrong.",
    ]


def test_a_sizing_error_brings_its_own_words() -> None:
    """A text that cannot be sized is explained by the grammar's sentence and its way out."""
    with pytest.raises(SizingError) as caught:
        parse("10b 2x128Mbit qlora4")
    assert messages.explain(caught.value) == f"{caught.value.message}\nTry: /peftsize 10b 2x128MB qlora4"


def test_states_are_told_truthfully() -> None:
    """Nothing is called created before it is; a deletion speaks of deleting."""
    drafted = sized()

    def told(state: State, **changes: object) -> str:
        return messages.state_words(row(drafted, state=state, **changes))

    assert told(State.PENDING, votes=(vote(),)) == "waiting for approval, 1 of 2"
    assert told(State.APPROVED) == told(State.CREATING) == "approved, creating…"
    assert told(State.UNKNOWN) == "unknown: checking whether it was created"
    assert told(State.UNKNOWN, kind=Kind.DELETE) == "unknown: checking whether it was deleted"
    assert told(State.CREATED, spec_id="s1") == "created s1"
    assert told(State.CREATED, spec_id="s1", retired_by="R2") == "created s1, deleted since"
    assert told(State.FAILED, error="HTTP 400: no") == "failed: HTTP 400: no"
    assert told(State.FAILED, error="no", reserved=False) == "given up: no"
    assert len(told(State.FAILED, error="x " * 4000)) < 320
    for state in set(State) - {State.CREATED}:
        assert not told(state).startswith("created")


SECRETS = {
    "bot token": "xoxb-1234567890-1234567890-AbCdEfGhIjKl",
    "rotated token": "xoxe.xoxb-1-Mi0yLTEyMzQ1Njc4OTA",
    "app token": "xapp-1-A0123-456789-abcdef0123",
    "bearer": "Authorization: Bearer abc123def456ghi7",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "AWS id": "AKIAIOSFODNN7EXAMPLE",
    "AWS secret": "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12",
    "IBM Cloud key": "aB3-dE5_gH7iJ9kL1mN3oP5qR7sT9uV1wX3yZ5aB7-cD",
    "GitHub token": "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "signing secret": "8f742231b10e8888abcd99yyyzzz85a5".replace("y", "e").replace("z", "f"),
    "PEM": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    "PEM cut off": "-----BEGIN PRIVATE KEY-----\nMIIEow",
    "webhook": "https://hooks.slack.com/services/T000/B000/XXXX",
    "password": "password=hunter2!",
    "api key": '"api_key": "s3cr3t-value"',
    "address": "https://rosa:hunter2@cpd.example.com/",
}
HARMLESS = [
    "Too big: use qlora4 on 1 GPU, see peft-llama-3_1-8b-qlora4-2x128mb-4x64mb.",
    "meta-llama/Llama-3.1-8B-Instruct and mistralai/Mixtral-8x7B-Instruct-v0.1 are both fine.",
    "Same as 5f1c8a52-0000-4000-8000-aaaaaaaaaaaa, request R7K3M9QX by U0ROSA001 in C0TEAM001.",
    "https://cpd.example.com/v2/hardware_specifications?space_id=0a1b2c3d-0000-4000-8000-123456789abc",
    "The token budget is too small; a basic understanding of secret handling is missing. Password rules apply.",
    "Donaudampfschifffahrtsgesellschaftskapitän sagt nein",
    "No.",
]


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_found_and_masked(name: str) -> None:
    """A credential inside a sentence is found, nothing of it is left, and the rest of the sentence is."""
    text = f"please use this: {SECRETS[name]}"
    assert looks_secret(text)
    masked = mask_secrets(text)
    assert masked.startswith("please use this: ")
    assert "[secret removed]" in masked
    for piece in re.findall(r"[A-Za-z0-9]{7,}", SECRETS[name].split("=")[-1].split("Bearer")[-1]):
        if piece.lower() not in {"private", "example", "api_key", "services"}:
            assert piece not in masked
    assert mask_secrets(masked) == masked


@pytest.mark.parametrize("text", HARMLESS)
def test_ordinary_reasons_pass(text: str) -> None:
    """Names, ids, addresses and plain sentences are no secrets."""
    assert mask_secrets(text) == text


def test_reasons_are_checked_before_they_are_stored() -> None:
    """An empty, overlong or secret reason has a code; a sentence has none."""
    assert messages.reason_problem(" \n ") == "reason_missing"
    assert messages.reason_problem("x" * 501) == "reason_too_long"
    assert messages.reason_problem(SECRETS["bot token"]) == "secret_in_reason"
    assert messages.reason_problem("Too big, use qlora4.") is None


@pytest.mark.parametrize("text", ["token" * 600, "a" * 3000, "eyJaaaaaaaa.aaaa" * 190, "-----BEGIN " * 270])
def test_masking_takes_no_time_on_purpose(text: str) -> None:
    """No text of 3,000 characters keeps the masker busy."""
    before = time.process_time()
    mask_secrets(text)
    assert time.process_time() - before < 0.5


def test_lengths_and_amounts_read_well() -> None:
    """Times and amounts are written as people say them."""
    assert messages.duration(86_400_000) == "24 h"
    assert messages.duration(7 * 86_400_000) == "7 days"
    assert messages.duration(1_800_000) == "30 min"
    assert messages.gpus(1) == "1 GPU"
    assert messages.people(2) == "2 people"
    assert messages.moment(1_700_000_000_000) == "2023-11-14 22:13 UTC"
    assert "reference ab12" in messages.unexpected("ab12")
    assert messages.nothing_stored("full").startswith("The disk is full, so nothing was stored.")
