"""The modals."""

from __future__ import annotations

import json

from bot.approvals.request import Kind, State
from bot.slack.blocks import modals
from bot.slack.blocks.details import details_view, explain_view, json_view
from tests.support.cards import ASKED, SITE, judge_view, row, sized, words

DRAFTED = sized()


def told(view: dict[str, object]) -> str:
    return "\n".join(words(view["blocks"]))


def test_metadata_from_outside_is_only_data() -> None:
    """What comes back from a client and is no object is nothing."""
    for text in ("", "not json", "[1]", '"x"', "null"):
        assert modals.metadata({"private_metadata": text}) == {}
    assert modals.metadata({}) == {}


def test_a_rejection_needs_a_reason_in_its_field() -> None:
    """The reason is required, kept short, and its errors stand under it."""
    view = modals.reject_view(row(DRAFTED), "C0TEAM001", "1700000000.000100")
    judge_view(view)
    field = view["blocks"][1]
    assert view["callback_id"] == "peftsize.reject_reason"
    assert field["block_id"] == modals.REASON_BLOCK
    assert field["element"]["max_length"] == 500
    assert "optional" not in field
    assert set(modals.reason_errors("reason_missing")) == {modals.REASON_BLOCK}
    assert "secret" in modals.reason_errors("secret_in_reason")[modals.REASON_BLOCK]


def test_the_json_is_the_exact_body() -> None:
    """The modal shows the body that would be sent, byte for byte the same object, and what binds it."""
    request = row(DRAFTED)
    view = json_view(request)
    judge_view(view)
    shown = view["blocks"][0]["text"]["text"]
    assert json.loads(shown.split("```")[3]) == DRAFTED.body
    assert "POST cpd.example.com/v2/hardware_specifications?space_id=0a1b2c3d" in shown
    assert request.digest in told(view)


def test_the_second_opinion_is_an_estimate() -> None:
    """It says that it is one, what it assumes, and that the formula's number stays."""
    drafted = sized("llama-3.1-8b 4xr16 lora")
    view = explain_view(row(drafted), drafted)
    judge_view(view)
    assert "*An estimate.* The formula's number (" in told(view)
    assert "does not change by it" in told(view)
    assert "concurrent 8k contexts" in told(view)
    assert "--enable-lora" in told(view)
    assert "*Assumptions*" in told(view)


def test_no_second_opinion_without_shapes() -> None:
    """For a typed number of parameters there is none, and it says why."""
    view = explain_view(row(DRAFTED), DRAFTED)
    judge_view(view)
    assert "Not available: the layer shapes" in told(view)


def test_details_has_all_that_the_card_leaves_out() -> None:
    """The calculation line by line, the three methods, the body and what it cannot say, and the story so far."""
    who = {"user_id": "U0ADA001"}
    events = [
        {
            "event": "requested",
            "at": ASKED,
            "actor": {"user_id": "U0ROSA001"},
            "reason": "10b 2x128MB qlora4",
        },
        {
            "event": "approve.refused",
            "at": ASKED,
            "actor": {"user_id": "U0ROSA001"},
            "reason": "self_approval",
        },
        {"event": "details.viewed", "at": ASKED, "actor": who, "reason": None},
        {"event": "approved", "at": ASKED, "actor": who, "reason": "1 of 1"},
        {"event": "lost", "at": ASKED, "actor": {"user_id": None}, "reason": "timed out"},
    ]
    view = details_view(row(DRAFTED), DRAFTED, site=SITE, now=ASKED, events=events)
    judge_view(view)
    for part in (
        "(10 × 0.5 + 2 × 128/1024) × 1.5 = 7.875",
        "2 × 128MB adapters  2 × 128/1024  0.25 GB",
        "→ qlora4        8 GB     1     2",
        "  lora         31 GB     1     2",
        "9.84 % of 80 GB",
        "384 more adapters of 128MB still fit",
        "10b parameters, as typed",
        '"num_gpu": 1',
        "The body has no GPU-memory field",
        "<@U0ROSA001> asked: 10b 2x128MB qlora4",
        "<@U0ROSA001> could not approve: self approval",
        "<@U0ADA001> approved: 1 of 1",
        "peftsize lost the answer of the cluster: timed out",
    ):
        assert part in told(view)
    assert "viewed" not in told(view)


def test_details_of_a_deletion_says_what_goes_away() -> None:
    """No numbers: the spec, its id, and what can no longer be done."""
    request = row(DRAFTED, kind=Kind.DELETE, spec_id="s1")
    view = details_view(request, None, site=SITE, now=ASKED)
    judge_view(view)
    assert "*What is deleted*  spec `peft-10b-qlora4-2x128mb`, id `s1`" in told(view)
    assert "How it is computed" not in told(view)


def test_cancel_and_delete_ask_first() -> None:
    """The question names the request, or the spec by name and id; it comes back with what was asked."""
    request = row(DRAFTED, state=State.CREATED, spec_id="s1", revision=2)
    view = modals.confirm_view(request, "delete", "C0TEAM001", "1700000000.000100")
    judge_view(view)
    assert "deletion of spec `peft-10b-qlora4-2x128mb` (id `s1`)?" in told(view)
    assert view["callback_id"] == modals.CONFIRM
    assert modals.metadata(view) | {"view_id": "V"} == {
        "channel_id": "C0TEAM001", "request_id": "R7K3M9QX", "revision": 2, "message_ts": "1700000000.000100",
        "view_id": "V", "action": "delete",
    }  # fmt: skip
    view = modals.confirm_view(row(DRAFTED), "cancel", "C0TEAM001", None)
    judge_view(view)
    assert "Cancel request `R7K3M9QX` (`10b 2x128MB qlora4`)?" in told(view)
