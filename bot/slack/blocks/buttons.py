"""Which buttons a request shows in which state, and what they ask before they count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.approvals.request import Kind, State
from bot.approvals.state_machine import has_live_spec, is_given_up
from bot.slack.blocks.kit import actions, button, confirm

if TYPE_CHECKING:
    from bot.approvals.request import Request
    from bot.slack.blocks.kit import Block

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


def rows(
    request: Request,
    *,
    open_to_votes: bool,
    use_gpus: int | None = None,
    estimate: bool = False,
    effect: str = "",
    suffix: str = "",
) -> list[Block]:
    """Return the rows of buttons of a request.

    Args:
        request: The row.
        open_to_votes: Whether it is pending and not past its expiry.
        use_gpus: The GPU count to offer instead of the computed one, if any.
        estimate: Whether a second opinion can be shown.
        effect: What an approval leads to, in a few words, for the question before it.
        suffix: As in ``block_id``.
    """
    first = _decisions(request, effect) if open_to_votes else _next(request)
    second = _more(request, open_to_votes=open_to_votes, use_gpus=use_gpus, estimate=estimate)
    found = [actions(block_id(request, "", suffix), first)] if first else []
    return [*found, actions(block_id(request, "more", suffix), second)] if second else found


def use_existing(request: Request) -> Block:
    """Return the button that answers with a spec that exists, instead of a new one."""
    return button("Use existing", "use_existing", request.id, f"Use the existing spec for {request.id}")


def _decisions(request: Request, effect: str) -> list[Block]:
    verb = "deletion" if request.kind is Kind.DELETE else "creation"
    asked = confirm(
        f"Approve the {verb}?", effect or request.name, "Approve", danger=request.kind is Kind.DELETE
    )
    found = [
        button("Approve", "approve", request.id, _label("Approve", request), style="primary", confirm=asked),
        button(
            "Reject…", "reject", request.id, _label("Reject", request, ", asks for a reason"), style="danger"
        ),
    ]
    if request.kind is Kind.CREATE:
        found.append(button("Edit…", "edit", request.id, _label("Edit", request)))
    return [*found, _cancel(request)]


def _cancel(request: Request) -> Block:
    asked = confirm(
        "Cancel this request?", "Nothing will be created. You can submit it again later.", "Cancel it"
    )
    return button("Cancel", "cancel", request.id, _label("Cancel", request), confirm=asked)


def _next(request: Request) -> list[Block]:
    """Return what people can do once a request is no longer open to votes."""
    what = "deleted" if request.kind is Kind.DELETE else "created"
    match request.state:
        case State.APPROVED:
            return [_cancel(request)]
        case State.ATTENTION:
            twice = _AGAIN_DELETE if request.kind is Kind.DELETE else _AGAIN_CREATE
            asked = confirm("Retry anyway?", twice, "Retry anyway", danger=True)
            return [
                button(
                    "Retry anyway",
                    "retry",
                    request.id,
                    _label("Retry", request),
                    style="danger",
                    confirm=asked,
                ),
                _give_up(request, f"It may have been {what} all the same; check before you ask again."),
            ]
        case State.FAILED if not is_given_up(request):
            return [
                button("Retry", "retry", request.id, _label("Retry", request), style="primary"),
                _give_up(request, f"Nothing will be {what}. The name becomes free again."),
            ]
        case State.CREATED if has_live_spec(request):
            ask = "This asks for its deletion, which needs the same approval as its creation."
            asked = confirm("Ask for the deletion?", ask, "Ask", danger=True)
            label = _label("Ask for deletion of", request)
            return [button("Delete…", "delete", request.id, label, style="danger", confirm=asked)]
        case _:
            return []


def _give_up(request: Request, words: str) -> Block:
    asked = confirm("Give up?", words, "Give up", danger=True)
    return button("Give up", "give_up", request.id, _label("Give up", request), confirm=asked)


def _more(request: Request, *, open_to_votes: bool, use_gpus: int | None, estimate: bool) -> list[Block]:
    found = [button("Show JSON", "show_json", request.id, _label("Show JSON of", request))]
    if estimate:
        found.append(
            button("Explain", "explain", request.id, _label("Explain", request, ", a second opinion"))
        )
    if open_to_votes and use_gpus is not None:
        words = f"Use {use_gpus} GPUs"
        asked = confirm(f"{words}?", "This makes a new revision and clears the existing approvals.", words)
        found.append(button(words, "use_gpus", request.id, _label(words, request, " instead"), confirm=asked))
    if open_to_votes and request.votes:
        label = _label("Take back my approval of", request)
        found.append(button("Take back my approval", "withdraw", request.id, label))
    return found


def _label(verb: str, request: Request, more: str = "") -> str:
    """Say for a screen reader what a button does and to what."""
    return f"{verb} request {request.id}{more}"
