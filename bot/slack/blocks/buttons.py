"""What can be done with a request in which state: the buttons people need next, the rest in one menu."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals.request import Kind, State
from bot.approvals.state_machine import Action, has_ended, has_live_spec, is_given_up, target
from bot.slack.blocks.kit import actions, button, confirm, overflow

if TYPE_CHECKING:
    from bot.approvals.request import Request
    from bot.slack.blocks.kit import Block

MORE = "more"
"""The action of the menu; its options' values are ``<action> <request id>``."""
_AGAIN_CREATE = (
    "The first attempt may have worked without anybody seeing it. Trying again may make a duplicate spec of "
    "the same name. Look in the space first."
)
_AGAIN_DELETE = "The spec may be gone already. Deleting it once more does no harm."


def block_id(request: Request, what: str = "", suffix: str = "") -> str:
    """Return ``peftsize:<revision>[:<what>]``: which revision the person saw.

    Args:
        request: The row as drawn.
        what: Tells the blocks of one card apart.
        suffix: Tells the cards of one surface apart.
    """
    named = "-".join(part for part in (suffix, what) if part)
    return f"peftsize:{request.revision}:{named}" if named else f"peftsize:{request.revision}"


def row(request: Request, menu: Block, *, open_to_votes: bool, effect: str, suffix: str) -> Block | None:
    """Return the buttons of a request with its menu beside them; None where nobody needs a button.

    Args:
        request: The row.
        menu: As ``more`` returns it.
        open_to_votes: Whether it is pending and not past its expiry.
        effect: What an approval leads to, in a few words, for the question before it.
        suffix: As in ``block_id``.
    """
    found = _decisions(request, effect) if open_to_votes else _next(request)
    return actions(block_id(request, "", suffix), [*found, menu]) if found else None


def more(request: Request, *, open_to_votes: bool, use_gpus: int | None = None) -> Block:
    """Return the menu: what this state allows besides the buttons, two to five options.

    Args:
        request: The row.
        open_to_votes: Whether it is pending and not past its expiry.
        use_gpus: The GPU count to offer instead of the computed one, if any.
    """
    creates = request.kind is Kind.CREATE
    instead = ("Use existing spec", "use_existing") if request.existing else None
    if instead is None and use_gpus is not None:
        instead = (f"Use {use_gpus} GPUs", "use_gpus")
    found = [("Details", "details")]
    if open_to_votes:
        found += [("Edit…", "edit")] if creates else []
        found += [instead] if instead and creates else []
        found += [("Take back my approval", "withdraw")] if request.votes else []
    if _can_cancel(request, open_to_votes=open_to_votes):
        found.append(("Cancel…", "cancel"))
    if has_live_spec(request):
        found.append(("Delete…", "delete"))
    elif creates and not open_to_votes and (has_ended(request) or request.state is State.PENDING):
        found.append(("Ask again…", "ask_again"))
    if len(found) == 1:
        found.append(("Post again", "post_again"))
    return overflow(f"peftsize.{MORE}", [(words, f"{action} {request.id}") for words, action in found])


def details(request: Request) -> Block:
    """Return the button that opens Details, for places without the menu."""
    return button("Details", "details", request.id, _label("Details of", request))


def _can_cancel(request: Request, *, open_to_votes: bool) -> bool:
    cancellable = target(request.state, Action.CANCEL, request.kind) is not None
    return cancellable and not is_given_up(request) and (open_to_votes or request.state is not State.PENDING)


def _decisions(request: Request, effect: str) -> list[Block]:
    verb = "deletion" if request.kind is Kind.DELETE else "creation"
    asked = confirm(
        f"Approve the {verb}?", effect or request.name, "Approve", danger=request.kind is Kind.DELETE
    )
    return [
        button("Approve", "approve", request.id, _label("Approve", request), style="primary", confirm=asked),
        button(
            "Reject…", "reject", request.id, _label("Reject", request, ", asks for a reason"), style="danger"
        ),
    ]


def _next(request: Request) -> list[Block]:
    """Return the buttons that a failure leaves to a person."""
    what = "deleted" if request.kind is Kind.DELETE else "created"
    again, label = "retry", _label("Retry", request)
    match request.state:
        case State.ATTENTION:
            twice = _AGAIN_DELETE if request.kind is Kind.DELETE else _AGAIN_CREATE
            asked = confirm("Retry anyway?", twice, "Retry anyway", danger=True)
            return [
                button("Retry anyway", again, request.id, label, style="danger", confirm=asked),
                _give_up(request, f"It may have been {what} all the same; check before you ask again."),
            ]
        case State.FAILED if not is_given_up(request):
            return [
                button("Retry", again, request.id, label, style="primary"),
                _give_up(request, f"Nothing will be {what}. The name becomes free again."),
            ]
        case _:
            return []


def _give_up(request: Request, words: str) -> Block:
    asked = confirm("Give up?", words, "Give up", danger=True)
    return button("Give up", "give_up", request.id, _label("Give up", request), confirm=asked)


def _label(verb: str, request: Request, more: str = "") -> str:
    """Say for a screen reader what a button does and to what."""
    return f"{verb} request {request.id}{more}"
