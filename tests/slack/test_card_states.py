"""The card: one picture for every state, and only what is committed."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.approvals.draft import Draft, Site
from bot.approvals.request import Kind, Request, State
from bot.approvals.state_machine import TERMINAL, Action, target
from bot.slack.blocks import breakdown
from bot.slack.blocks.card import card
from tests.slack.pictures import (
    ASKED,
    HOSTILE,
    SITE,
    SPEC_ID,
    judge,
    pressed,
    row,
    ruling,
    shown,
    sized,
    vote,
)

if TYPE_CHECKING:
    from bot.slack.blocks.kit import Message

DRAFTED = sized()


def draw(request: Request, drafted: Draft | None = DRAFTED, **how: object) -> Message:
    """A card, judged by three strangers."""
    rules = ruling(drafted) if drafted else None
    given = {"site": SITE, "now": ASKED + 1000, "ruling": rules} | how
    made = card(request, drafted, **given)  # type: ignore[arg-type] # one dictionary of mixed values
    judge(made)
    return made


def test_the_card_says_where_memory_contradicts_the_formula() -> None:
    """One line, with Explain to open why; none where both agree or no shapes are known."""
    doubted = sized("llama-3.1-8b 500xr8:qv qlora4 gpu=8")
    made = draw(row(doubted), doubted)
    assert "*Second opinion:* By memory this does not fit on 2 GPUs: weights and adapter slots take" in shown(
        made
    )
    assert "explain" in pressed(made.blocks)
    for text in ("llama-3.1-8b 4xr16 lora", "10b 2x128MB qlora4"):
        agreed = sized(text)
        assert "*Second opinion:*" not in shown(draw(row(agreed), agreed))


def test_the_pending_card_says_everything() -> None:
    """A pending card shows the numbers and their origin, what would be sent where, and what is missing."""
    made = shown(draw(row(DRAFTED)))
    for words in (
        "Hardware spec peft-10b-qlora4-2x128mb",
        "*Waiting for approval:* 0 of 2",
        "`10b 2x128MB qlora4`",
        "asked by <@U0ROSA001>",
        "8 GB  (exactly 7.875)",
        "(10 × 0.5 + 2 × 128/1024) × 1.5 = 7.875",
        "2 × 128MB adapters  2 × 128/1024  0.25 GB",
        "9.84 % of 80 GB",
        "→ qlora4        8 GB     1     2       8 GB",
        "  qlora8       16 GB     1     2      16 GB",
        "  lora         31 GB     1     2      31 GB",
        "384 more adapters of 128MB still fit",
        "the largest base model is 106.1b",
        DRAFTED.payload,
        "on `cpd.example.com`, space `0a1b2c3d-0000-4000-8000-123456789abc`",
        "The body has no GPU-memory field",
        "Nothing checks the size against the cluster",
        "2 of `S0APPROVE`, `U0ADA001`, not by the requester",
        "Expires <!date^1700086400^",
        "10b parameters, as typed",
    ):
        assert words in made


def test_the_pending_buttons_carry_the_revision_seen() -> None:
    """Buttons carry the request id, their blocks the revision; Approve asks once more, Reject is a danger."""
    made = draw(row(DRAFTED, revision=3))
    buttons = pressed(made.blocks)
    assert list(buttons) == ["approve", "reject", "edit", "cancel", "show_json"]
    assert {button["value"] for button in buttons.values()} == {"R7K3M9QX"}
    assert [block["block_id"] for block in made.blocks if block["type"] == "actions"] == [
        "peftsize:3",
        "peftsize:3:more",
    ]
    assert buttons["approve"]["style"] == "primary"
    assert "1 GPU, 2 CPUs, 8 GB" in buttons["approve"]["confirm"]["text"]["text"]
    assert buttons["reject"]["style"] == "danger"


def test_nobody_is_called_who_is_not_to_be() -> None:
    """Approvers are named without a mention; only those whom the policy notifies are mentioned."""
    quiet = shown(draw(row(DRAFTED), names={"U0ADA001": "Ada <!here>", "S0APPROVE": "approvers"}))
    assert "2 of approvers, Ada &lt;!here&gt;" in quiet
    assert "<@U0ADA001>" not in quiet
    assert "<!subteam" not in quiet
    loud = shown(draw(row(DRAFTED), ruling=replace(ruling(DRAFTED), notify=("S0APPROVE", "S0OPS001"))))
    assert "<!subteam^S0APPROVE>" in loud
    assert "for the attention of <!subteam^S0OPS001>" in loud
    assert "<@U0ADA001>" not in loud


def test_quorum_progress_and_taking_back() -> None:
    """With a vote in, the card says whose, how many are missing and from whom, and offers to take it back."""
    made = draw(row(DRAFTED, votes=(vote(),)), waiting_for="Ben")
    assert "*Waiting for approval:* 1 of 2, waiting for Ben" in shown(made)
    assert "Approved by <@U0ADA001> <!date^1700000060^" in shown(made)
    assert "withdraw" in pressed(made.blocks)


def test_a_card_past_its_expiry_cannot_be_approved() -> None:
    """From the expiry on the card says so and has no buttons that decide, even before the row is moved."""
    made = draw(row(DRAFTED), now=ASKED + 86_400_000)
    assert "*Expired*" in shown(made)
    assert list(pressed(made.blocks)) == ["show_json"]


WORDS = {
    State.PENDING: "*Waiting for approval:*",
    State.APPROVED: "*Approved, creating…*",
    State.CREATING: "*Approved, creating…*",
    State.DELETING: "*Approved, deleting…*",
    State.UNKNOWN: "*Unknown:* the answer was lost; checking whether it was created. Nothing is sent again",
    State.ATTENTION: "*Needs a person:*",
    State.FAILED: "*Failed*: HTTP 400: no",
    State.CREATED: f"*Created* `{SPEC_ID}`",
    State.DELETED: f"*Deleted* `{SPEC_ID}`",
    State.REJECTED: "*Rejected* by <@U0ADA001> <!date^1700000120^",
    State.CANCELLED: "*Cancelled* by <@U0ADA001> <!date^1700000120^",
    State.EXPIRED: "*Expired* <!date^1700086400^",
}
BUTTONS = {
    State.PENDING: {"approve", "reject", "edit", "cancel"},
    State.APPROVED: {"cancel"},
    State.ATTENTION: {"retry", "give_up"},
    State.FAILED: {"retry", "give_up"},
    State.CREATED: {"delete"},
}


def in_state(state: State, kind: Kind = Kind.CREATE) -> Request:
    """A request in a state, with what the row then holds."""
    failed = "HTTP 400: no" if state in {State.FAILED, State.ATTENTION} else None
    spec = SPEC_ID if state in {State.CREATED, State.DELETED} or kind is Kind.DELETE else None
    ended = {} if state is State.PENDING else {"ended_by": "U0ADA001", "ended_at": ASKED + 120_000}
    kind = Kind.DELETE if state in {State.DELETING, State.DELETED} else kind
    return row(DRAFTED, state=state, kind=kind, error=failed, spec_id=spec, **ended)


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_its_picture(state: State) -> None:
    """Each state says in words where the request is, and offers exactly the actions that are left."""
    made = draw(in_state(state))
    assert WORDS[state] in shown(made)
    assert set(pressed(made.blocks)) - {"show_json"} == BUTTONS.get(state, set())


@pytest.mark.parametrize(("state", "kind"), list(itertools.product(State, Kind)))
def test_no_button_that_the_states_refuse(state: State, kind: Kind) -> None:
    """A button that decides is shown only where the table of states has the action."""
    request = in_state(state, kind)
    drafted = None if request.kind is Kind.DELETE else DRAFTED
    for name in pressed(draw(request, drafted).blocks):
        if name in set(Action):
            assert target(state, Action(name), kind) is not None
        else:
            assert name in {"show_json", "delete"}


def test_only_committed_things_are_said() -> None:
    """A card that is approved does not say created, and one that is being created names no id."""
    for state in (State.APPROVED, State.CREATING, State.UNKNOWN):
        made = draw(in_state(state))
        assert "*Created*" not in shown(made)
        assert "created `" not in made.text


def test_a_created_card_names_the_next_step() -> None:
    """After creation: the id, how the base deployment names it, and what the adapter deployment leaves out."""
    made = shown(draw(in_state(State.CREATED)))
    assert f'"hardware_spec": {{"id": "{SPEC_ID}", "num_nodes": 1}}' in made
    assert '"enable_lora": true' in made
    assert "adapter deployments name `base_deployment_id` and no `hardware_spec`" in made


def test_a_retired_spec_says_so() -> None:
    """A spec that was deleted since has no next step and cannot be deleted again."""
    made = draw(replace(in_state(State.CREATED), retired_by="R0DELETE"))
    assert "*deleted since* by request `R0DELETE`" in shown(made)
    assert "Next step" not in shown(made)
    assert list(pressed(made.blocks)) == ["show_json"]


def test_retry_anyway_names_the_danger() -> None:
    """Where nobody knows whether a create worked, trying again asks with the danger of a duplicate."""
    button = pressed(draw(in_state(State.ATTENTION)).blocks)["retry"]
    assert button["text"]["text"] == "Retry anyway"
    assert "duplicate" in button["confirm"]["text"]["text"]
    assert button["style"] == "danger"


def test_given_up_is_over() -> None:
    """After Give up there is nothing left to press but the JSON."""
    made = draw(replace(in_state(State.FAILED), reserved=False))
    assert "*Given up* by <@U0ADA001>" in shown(made)
    assert list(pressed(made.blocks)) == ["show_json"]


def test_a_deletion_has_its_own_words() -> None:
    """A deletion says what goes away, has no numbers and no Edit."""
    made = draw(row(DRAFTED, kind=Kind.DELETE, spec_id=SPEC_ID), None)
    assert "Delete hardware spec peft-10b-qlora4-2x128mb" in shown(made)
    assert f"id `{SPEC_ID}`" in shown(made)
    assert "How it is computed" not in shown(made)
    assert "edit" not in pressed(made.blocks)
    assert "Deletes" in pressed(made.blocks)["approve"]["confirm"]["text"]["text"]


def test_an_override_is_offered_once_and_marked() -> None:
    """Three GPUs offer four; once chosen the card is marked everywhere and offers it no more."""
    drafted = sized("70b 10x500MB lora")
    offered = draw(row(drafted), drafted)
    assert pressed(offered.blocks)["use_gpus"]["text"]["text"] == "Use 4 GPUs"
    assert "*Warning W1:*" in shown(offered)
    assert "Cheapest way to lose a GPU: qlora8 (113 GB on 2 GPUs)" in shown(offered)
    chosen = sized("70b 10x500MB lora", 4)
    made = draw(row(chosen, revision=2), chosen)
    assert "*Override:* 4 GPUs chosen by hand" in shown(made)
    assert "4 × 80 GB, *chosen by hand*  (computed: 3)" in shown(made)
    assert "67.91 % of 320 GB" in shown(made)
    assert "revision 2" in shown(made)
    assert "use_gpus" not in pressed(made.blocks)


def test_label_and_dry_run_stand_on_every_card() -> None:
    """The label and the dry run are said before anything else, and again in the question."""
    made = draw(row(DRAFTED), site=Site("", SITE.space_id, label="prod <b>", dry_run=True))
    assert made.blocks[1]["text"]["text"] == "*PROD &lt;B&gt;*   *Dry run:* nothing is ever created here."
    assert "nothing will be created" in pressed(made.blocks)["approve"]["confirm"]["text"]["text"]


def test_an_existing_spec_is_offered_while_it_can_be_used() -> None:
    """A spec that serves the request already is named with a button, as long as nobody has decided."""
    request = row(DRAFTED, existing=(SPEC_ID, "M <x>"))
    made = draw(request)
    assert f"already serves this:* `M &lt;x&gt;` (id `{SPEC_ID}`)" in shown(made)
    assert "use_existing" in pressed(made.blocks)
    assert "use_existing" not in pressed(draw(replace(request, state=State.APPROVED)).blocks)


def test_a_named_model_says_how_its_size_is_known() -> None:
    """A named model shows its exact count, offers the second opinion, and says what was assumed."""
    drafted = sized("llama-3.1-8b 4xr16")
    made = draw(row(drafted), drafted)
    assert "llama-3.1-8b, 8,030,261,248 parameters (exact count)" in shown(made)
    assert "Assumed:" in shown(made)
    assert "*Warning W4:*" in shown(made)
    assert "explain" in pressed(made.blocks)


def test_a_changed_formula_is_told() -> None:
    """Where the numbers drawn now are not those that were asked for, the card says so."""
    assert "what is computed now is not what was asked" in shown(draw(row(DRAFTED, digest="0" * 64)))
    assert "is not what was asked" not in shown(draw(replace(in_state(State.CREATED), digest="0" * 64)))
    assert "can no longer be read" in shown(draw(row(DRAFTED), None))


def test_another_space_is_named_as_people_call_it() -> None:
    """A space that the settings name is shown by that name."""
    drafted = sized("10b none lora space=team-a")
    assert "space `team-a`" in shown(draw(row(drafted), drafted))


@pytest.mark.parametrize("state", list(State))
def test_hostile_words_stay_words(state: State) -> None:
    """Names, reasons, warnings and errors with mentions, code fences and bidi marks are only ever text."""
    request = replace(
        in_state(state),
        error=HOSTILE,
        requester_id="nobody",
        requester_name=HOSTILE,
        existing=(HOSTILE, HOSTILE),
        votes=(replace(vote(), user_id="x", name=HOSTILE),),
    )
    rules = replace(ruling(DRAFTED), deny=HOSTILE)
    made = draw(request, ruling=rules, waiting_for=HOSTILE, warning=HOSTILE, names={"U0ADA001": HOSTILE})
    for text in (shown(made), made.text):
        for live in (
            "<!channel>",
            "<!here|",
            "<@U0VICTIM1>",
            "<!subteam",
            "<https",
            "@here",
            "\u202e",
            "\u200b",
        ):
            assert live not in text


def test_a_pasted_secret_is_not_shown() -> None:
    """A token in the service's words or in a reason is masked on the card and in the fallback."""
    made = draw(replace(in_state(State.FAILED), error="Authorization: Bearer abcdef0123456789abcdef refused"))
    assert "abcdef0123456789" not in shown(made) + made.text


def test_every_terminal_state_is_quiet() -> None:
    """A card that is over offers nothing that decides, but for the deletion of a created spec."""
    for state in TERMINAL:
        assert set(pressed(draw(in_state(state)).blocks)) <= {"show_json", "delete"}


def test_a_kept_drawing_is_the_same_drawing() -> None:
    """Numbers that were kept are those that would be drawn anew; other assumptions are drawn for themselves."""
    first = breakdown.numbers(DRAFTED)
    assert breakdown.numbers(sized("qlora4 2x128MB 10b")) is first
    breakdown.forget()
    assert breakdown.numbers(DRAFTED) == first
    assumed, typed = breakdown.numbers(sized("10b none")), breakdown.numbers(sized("10b none lora"))
    assert assumed != typed
