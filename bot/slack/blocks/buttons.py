"""The actions of a request in each state: buttons for what people need next, a menu for the rest."""

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
    "The first attempt may have succeeded. Retrying may create a duplicate spec with "
    "the same name. Look in the space first."
)
_AGAIN_DELETE = "The spec may already be gone. Deleting it again does no harm."


def block_id(request: Request, what: str = "", suffix: str = "") -> str:
    """Return ``peftsize:<revision>[:<what>]``: the revision that the person saw.

    Args:
        what: Distinguishes the blocks of one card.
        suffix: Distinguishes the cards of one surface.
    """
    named = "-".join(part for part in (suffix, what) if part)
    return f"peftsize:{request.revision}:{named}" if named else f"peftsize:{request.revision}"


def row(request: Request, menu: Block, *, open_to_votes: bool, effect: str, suffix: str) -> Block | None:
    """Return the buttons of a request, followed by its menu; None if it has no buttons.

    Args:
        open_to_votes: Whether it is pending and has not expired.
        effect: What an approval leads to, for the confirmation; plain text.
        suffix: As in ``block_id``.
    """
    shown = _decisions(request, effect) if open_to_votes else _next(request)
    return actions(block_id(request, "", suffix), [*shown, menu]) if shown else None


def more(request: Request, *, open_to_votes: bool, use_gpus: int | None = None) -> Block:
    """Return the menu: two to five actions that this state allows besides the buttons.

    Args:
        open_to_votes: Whether it is pending and has not expired.
        use_gpus: The GPU count to offer instead of the computed one, if any.
    """
    creates = request.kind is Kind.CREATE
    instead = ("Use existing spec", "use_existing") if request.existing else None
    if instead is None and use_gpus is not None:
        instead = (f"Use {use_gpus} GPUs", "use_gpus")
    options = [("Details", "details")]
    if open_to_votes:
        options += [("Edit…", "edit")] if creates else []
        options += [instead] if instead and creates else []
        options += [("Withdraw my approval", "withdraw")] if request.votes else []
    if _can_cancel(request, open_to_votes=open_to_votes):
        options.append(("Cancel…", "cancel"))
    if has_live_spec(request):
        options.append(("Delete…", "delete"))
    elif creates and not open_to_votes and (has_ended(request) or request.state is State.PENDING):
        options.append(("Submit again…", "ask_again"))
    if len(options) == 1:
        options.append(("Post again", "post_again"))
    return overflow(f"peftsize.{MORE}", [(words, f"{action} {request.id}") for words, action in options])


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
    """Return the buttons for a failure that a person must resolve."""
    what = "deleted" if request.kind is Kind.DELETE else "created"
    again, label = "retry", _label("Retry", request)
    match request.state:
        case State.ATTENTION:
            twice = _AGAIN_DELETE if request.kind is Kind.DELETE else _AGAIN_CREATE
            asked = confirm("Retry anyway?", twice, "Retry anyway", danger=True)
            return [
                button("Retry anyway", again, request.id, label, style="danger", confirm=asked),
                _give_up(request, f"It may have been {what} after all; check before you submit again."),
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
    """Return the accessibility label: the action and the request."""
    return f"{verb} request {request.id}{more}"
