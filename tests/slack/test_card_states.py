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
from bot.slack.blocks.details import details_view
from tests.support.cards import (
    ASKED,
    HOSTILE,
    SITE,
    SPEC_ID,
    judge,
    menu,
    pressed,
    row,
    ruling,
    shown,
    sized,
    vote,
    words,
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
    """One line, with Details to open why; none where both agree or no shapes are known."""
    doubted = sized("llama-3.1-8b 500xr8:qv qlora4 gpu=8")
    made = draw(row(doubted), doubted)
    assert "⚠️ By memory this does not fit on 2 GPUs: weights and adapter slots take" in shown(made)
    for text in ("llama-3.1-8b 4xr16 lora", "10b 2x128MB qlora4"):
        agreed = sized(text)
        assert "By memory" not in shown(draw(row(agreed), agreed))


def test_the_pending_card_is_read_in_five_seconds() -> None:
    """Who wants what at which cost, how that is computed, who may approve, and until when; in this order."""
    made = draw(row(DRAFTED), names={"U0ADA001": "Ada", "S0APPROVE": "approvers"})
    first, numbers, who, _, foot = made.blocks
    assert first["text"]["text"] == (
        "⏳ <@U0ROSA001> asks for *1 × 80 GB GPU*: 10b + 2 adapters, QLoRA 4-bit"
    )
    assert numbers["text"]["text"] == (
        "```\n"
        "base      10 × 0.5      5\n"
        "adapters  2 × 128/1024  0.25\n"
        "overhead  50 %          2.625\n"
        "total                   7.875 GB\n"
        "```"
    )
    assert [field["text"] for field in numbers["fields"]] == [
        "*GPU memory*  8\u00a0GB (7.875)", "*GPUs*  1 × 80 GB", "*CPUs*  2", "*CPU memory*  8\u00a0GB",
    ]  # fmt: skip
    assert who["elements"][0]["text"] == (
        "*Waiting for approval 0 of 2* · by <!subteam^S0APPROVE>, Ada, not by the requester"
    )
    assert foot["elements"][0]["text"].startswith("`R7K3M9QX` · expires <!date^1700086400^")
    assert foot["elements"][0]["text"].endswith(" · space 0a1b2c3d…")
    assert made.text == ("⏳ Rosa asks for 1 × 80 GB GPU: 10b + 2 adapters, QLoRA 4-bit, space 0a1b2c3d…")


def test_the_pending_buttons_carry_the_revision_seen() -> None:
    """Two buttons and one menu carry the request id, their block the revision; Approve asks once more."""
    made = draw(row(DRAFTED, revision=3))
    buttons = pressed(made.blocks)
    assert list(buttons) == ["approve", "reject"]
    assert {button["value"] for button in buttons.values()} == {"R7K3M9QX"}
    (actions,) = [block for block in made.blocks if block["type"] == "actions"]
    assert actions["block_id"] == "peftsize:3"
    assert [option["value"] for option in actions["elements"][-1]["options"]] == [
        "details R7K3M9QX", "edit R7K3M9QX", "cancel R7K3M9QX",
    ]  # fmt: skip
    assert buttons["approve"]["style"] == "primary"
    assert "1 GPU, 2 CPUs, 8 GB" in buttons["approve"]["confirm"]["text"]["text"]
    assert buttons["reject"]["style"] == "danger"


def test_the_menu_has_all_that_a_state_allows_in_one_order() -> None:
    """Details, Edit, Use 4 GPUs, Take back, Cancel: five options, as many as a menu may have."""
    drafted = sized("70b 10x500MB lora")
    made = draw(row(drafted, votes=(vote(),)), drafted)
    assert list(menu(made.blocks).values()) == [
        "Details", "Edit…", "Use 4 GPUs", "Withdraw my approval", "Cancel…",
    ]  # fmt: skip


def test_nobody_is_called_who_is_not_to_be() -> None:
    """Without anybody to notify, approvers are named without a mention; a group that is to hear is mentioned."""
    silent = replace(ruling(DRAFTED), notify=())
    quiet = shown(
        draw(row(DRAFTED), ruling=silent, names={"U0ADA001": "Ada <!here>", "S0APPROVE": "approvers"})
    )
    assert "by approvers, Ada &lt;!here&gt;" in quiet
    assert "<@U0ADA001>" not in quiet
    assert "<!subteam" not in quiet
    loud = shown(draw(row(DRAFTED), ruling=replace(ruling(DRAFTED), notify=("S0APPROVE", "S0OPS001"))))
    assert "by <!subteam^S0APPROVE>, U0ADA001, not by the requester · <!subteam^S0OPS001>" in loud
    assert "<@U0ADA001>" not in loud


def test_quorum_progress_and_taking_back() -> None:
    """With a vote in, the card says whose, how many are missing and from whom, and offers to take it back."""
    made = draw(row(DRAFTED, votes=(vote(),)), waiting_for="Ben")
    assert "*Waiting for approval 1 of 2* · approved by <@U0ADA001> · waiting for Ben" in shown(made)
    assert "withdraw" in menu(made.blocks)


def test_a_card_past_its_expiry_cannot_be_approved() -> None:
    """From the expiry on the card says so and has no buttons, even before the row is moved."""
    made = draw(row(DRAFTED), now=ASKED + 86_400_000)
    assert "⌛ *Expired:*" in shown(made)
    assert pressed(made.blocks) == {}
    assert list(menu(made.blocks)) == ["details", "ask_again"]


WORDS = {
    State.PENDING: "⏳ <@U0ROSA001> asks for *1 × 80 GB GPU*",
    State.APPROVED: "⚙️ *Creating…* 1 × 80 GB GPU for <@U0ROSA001> (10b + 2 adapters, QLoRA 4-bit)",
    State.CREATING: "⚙️ *Creating…* 1 × 80 GB GPU",
    State.DELETING: "⚙️ *Deleting…* spec *peft-10b-qlora4-2x128mb*",
    State.UNKNOWN: "🔎 *Checking whether it was created:*",
    State.ATTENTION: "🚨 *Needs an admin:*",
    State.FAILED: "❌ *Failed:* 1 × 80 GB GPU",
    State.CREATED: "✅ *Created* 1 × 80 GB GPU",
    State.DELETED: "🗑️ *Deleted* spec",
    State.REJECTED: "🚫 *Rejected* by <@U0ADA001>: 1 × 80 GB GPU",
    State.CANCELLED: "↩️ *Cancelled* by <@U0ADA001>: 1 × 80 GB GPU",
    State.EXPIRED: "⌛ *Expired:* 1 × 80 GB GPU",
}
CAME = {
    State.UNKNOWN: "The answer was lost. Nothing is resent automatically.",
    State.ATTENTION: "then retry or give up.\nHTTP 400: no",
    State.FAILED: "HTTP 400: no · <!date^1700000120^",
    State.CREATED: f"Spec `{SPEC_ID}` · <!date^1700000120^",
    State.DELETED: f"Spec `{SPEC_ID}` · <!date^1700000120^",
    State.REJECTED: "*Reason:* Use qlora8. · <!date^1700000120^",
    State.EXPIRED: "Nobody decided by <!date^1700086400^",
}
BUTTONS = {
    State.PENDING: ["approve", "reject"],
    State.ATTENTION: ["retry", "give_up"],
    State.FAILED: ["retry", "give_up"],
}
MENU = {
    State.PENDING: ["details", "edit", "cancel"],
    State.APPROVED: ["details", "cancel"],
    State.FAILED: ["details", "cancel"],
    State.CREATED: ["details", "delete"],
    State.REJECTED: ["details", "ask_again"],
    State.CANCELLED: ["details", "ask_again"],
    State.EXPIRED: ["details", "ask_again"],
}


def in_state(state: State, kind: Kind = Kind.CREATE) -> Request:
    """A request in a state, with what the row then holds."""
    failed = "HTTP 400: no" if state in {State.FAILED, State.ATTENTION} else None
    failed = "Use qlora8." if state is State.REJECTED else failed
    spec = SPEC_ID if state in {State.CREATED, State.DELETED} or kind is Kind.DELETE else None
    ended = {} if state is State.PENDING else {"ended_by": "U0ADA001", "ended_at": ASKED + 120_000}
    kind = Kind.DELETE if state in {State.DELETING, State.DELETED} else kind
    return row(DRAFTED, state=state, kind=kind, error=failed, spec_id=spec, **ended)


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_its_picture(state: State) -> None:
    """Each state says in its first line where the request is, and offers exactly the actions that are left."""
    made = draw(in_state(state))
    assert made.blocks[0]["text"]["text"].startswith(WORDS[state])
    assert CAME.get(state, "") in shown(made)
    assert list(pressed(made.blocks)) == BUTTONS.get(state, [])
    assert list(menu(made.blocks)) == MENU.get(state, ["details", "post_again"])


@pytest.mark.parametrize(("state", "kind"), list(itertools.product(State, Kind)))
def test_no_button_that_the_states_refuse(state: State, kind: Kind) -> None:
    """A button or option that decides is shown only where the table of states has the action."""
    request = in_state(state, kind)
    drafted = None if request.kind is Kind.DELETE else DRAFTED
    blocks = draw(request, drafted).blocks
    for name in [*pressed(blocks), *menu(blocks)]:
        if name in set(Action):
            assert target(state, Action(name), kind) is not None
        else:
            assert name in {"details", "delete", "ask_again", "post_again"}


def test_only_committed_things_are_said() -> None:
    """A card that is approved does not say created, and one that is being created names no id."""
    for state in (State.APPROVED, State.CREATING, State.UNKNOWN):
        made = draw(in_state(state))
        assert "*Created*" not in shown(made)
        assert "created `" not in made.text


def test_a_created_card_leaves_the_next_step_to_details() -> None:
    """The id stands on the card; how the deployments name it is behind Details."""
    request = in_state(State.CREATED)
    assert "Next step" not in shown(draw(request))
    made = "\n".join(words(details_view(request, DRAFTED, site=SITE, now=ASKED)["blocks"]))
    assert f'"hardware_spec": {{\n    "id": "{SPEC_ID}"' in made
    assert '"foundation_model": {\n        "enable_lora": true,\n        "max_gpu_loras": 2' in made
    assert '"base_deployment_id": ' in made
    assert "POST /ml/v4/deployments?version=" in made
    assert "max_lora_rank 64 is assumed" in made


def test_a_retired_spec_says_so() -> None:
    """A spec that was deleted since has no next step and cannot be deleted again."""
    made = draw(replace(in_state(State.CREATED), retired_by="R0DELETE"))
    assert f"Spec `{SPEC_ID}`, deleted by request `R0DELETE`" in shown(made)
    assert "🗑️ *Created and deleted since:*" in shown(made)
    assert list(menu(made.blocks)) == ["details", "ask_again"]


def test_retry_anyway_names_the_danger() -> None:
    """Where nobody knows whether a create worked, trying again asks with the danger of a duplicate."""
    button = pressed(draw(in_state(State.ATTENTION)).blocks)["retry"]
    assert button["text"]["text"] == "Retry anyway"
    assert "duplicate" in button["confirm"]["text"]["text"]
    assert button["style"] == "danger"


def test_given_up_is_over() -> None:
    """After Give up there is nothing left to press; it can be asked for again."""
    made = draw(replace(in_state(State.FAILED), reserved=False))
    assert "🏳️ *Given up* by <@U0ADA001>:" in shown(made)
    assert "HTTP 400: no" in shown(made)
    assert pressed(made.blocks) == {}
    assert list(menu(made.blocks)) == ["details", "ask_again"]


def test_a_deletion_has_its_own_words() -> None:
    """A deletion says what goes away and what that means, has no numbers and no Edit."""
    made = draw(row(DRAFTED, kind=Kind.DELETE, spec_id=SPEC_ID), None)
    assert made.blocks[0]["text"]["text"] == ("⏳ <@U0ROSA001> asks to delete spec *peft-10b-qlora4-2x128mb*")
    assert "can no longer be started or scaled" in made.blocks[1]["text"]["text"]
    assert list(menu(made.blocks)) == ["details", "cancel"]
    assert "Deletes peft-10b-qlora4-2x128mb" in pressed(made.blocks)["approve"]["confirm"]["text"]["text"]


def test_an_override_is_offered_once_and_marked() -> None:
    """Three GPUs offer four; once chosen the card says so and offers it no more."""
    drafted = sized("70b 10x500MB lora")
    offered = draw(row(drafted), drafted)
    assert menu(offered.blocks)["use_gpus"] == "Use 4 GPUs"
    assert "⚠️ 3 GPUs usually cannot be used for tensor parallelism. Choose *Use 4 GPUs*" in shown(offered)
    chosen = sized("70b 10x500MB lora", 4)
    made = draw(row(chosen, revision=2), chosen)
    assert "asks for *4 × 80 GB GPUs*" in shown(made)
    assert "⚠️ 4 GPUs chosen by hand; the formula says 3 GPUs." in shown(made)
    assert "*GPUs*  4 × 80 GB (computed: 3)" in shown(made)
    assert "tensor parallelism" not in shown(made)
    assert "revision 2" in shown(made)
    assert "use_gpus" not in menu(made.blocks)


def test_label_and_dry_run_stand_on_every_card() -> None:
    """The label is in the first sentence and in the notification; the dry run is a note, and in the question."""
    site = Site("", SITE.space_id, label="prod <b>", dry_run=True)
    made = draw(row(DRAFTED), site=site)
    assert made.blocks[0]["text"]["text"].startswith("⏳ *PROD &lt;B&gt;:* <@U0ROSA001> asks for")
    assert made.text.startswith("⏳ PROD &lt;B&gt;: Rosa asks for")
    assert "Dry run: nothing is created." in shown(made)
    assert "nothing will be created" in pressed(made.blocks)["approve"]["confirm"]["text"]["text"]
    done = draw(row(DRAFTED, state=State.APPROVED, target=""), site=site)
    assert "🧪 *PROD &lt;B&gt;:* *Approved in a dry run, nothing is done:*" in shown(done)


def test_an_existing_spec_is_offered_while_it_can_be_used() -> None:
    """A spec that serves the request already is named and offered, as long as nobody has decided."""
    request = row(DRAFTED, existing=(SPEC_ID, "M <x>"))
    made = draw(request)
    assert "Spec `M &lt;x&gt;` already serves this: choose *Use existing spec* under ⋯." in shown(made)
    assert menu(made.blocks)["use_existing"] == "Use existing spec"
    assert "use_existing" not in menu(draw(replace(request, state=State.APPROVED)).blocks)


def test_a_changed_formula_is_told() -> None:
    """Where the numbers drawn now are not those that were asked for, the card says so."""
    assert "The numbers have changed since this was submitted" in shown(draw(row(DRAFTED, digest="0" * 64)))
    assert "can no longer be read" in shown(draw(row(DRAFTED), None))
    old = draw(replace(in_state(State.CREATED), payload="{}"))
    assert "✅ *Created* 10b 2x128MB qlora4 for <@U0ROSA001>" in shown(old)


def test_another_space_is_named_as_people_call_it() -> None:
    """A space that the settings name is shown by that name."""
    drafted = sized("10b none lora space=team-a")
    made = draw(row(drafted), drafted)
    assert "space team-a" in shown(made)
    assert made.text.endswith(", space team-a")


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


def test_the_trace_id_stays() -> None:
    """The id that leads to the cluster's log looks like a secret and is none; everything else is masked."""
    trace = "0af7651916cd43dd8448eb211c80319c"
    for state in (State.FAILED, State.UNKNOWN, State.ATTENTION):
        error = f"HTTP 500: token {trace} broke (trace {trace})"
        made = shown(draw(replace(in_state(state), error=error)))
        assert f"HTTP 500: token [secret removed] broke (trace `{trace}`)" in made


def test_every_terminal_state_is_quiet() -> None:
    """A card that is over has no button, and no option that decides but the deletion of a created spec."""
    for state in TERMINAL:
        made = draw(in_state(state))
        assert pressed(made.blocks) == {}
        assert set(menu(made.blocks)) <= {"details", "delete", "ask_again", "post_again"}


def test_a_kept_drawing_is_the_same_drawing() -> None:
    """Numbers that were kept are those that would be drawn anew; other assumptions are drawn for themselves."""
    first = breakdown.numbers(DRAFTED)
    assert breakdown.numbers(sized("qlora4 2x128MB 10b")) is first
    breakdown.forget()
    assert breakdown.numbers(DRAFTED) == first
    assumed, typed = breakdown.numbers(sized("10b none")), breakdown.numbers(sized("10b none lora"))
    assert assumed != typed
