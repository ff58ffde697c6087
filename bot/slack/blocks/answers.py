"""Private answers to one person: why an action failed, what exists already, what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot import messages
from bot.approvals.request import State
from bot.approvals.state_machine import has_live_spec
from bot.slack.blocks import breakdown, notes
from bot.slack.blocks.buttons import block_id, details
from bot.slack.blocks.details import NO_GPU_FIELD
from bot.slack.blocks.kit import Message, actions, button, context, divider, header, literal, section
from bot.slack.blocks.status import is_open, next_step, notification, outcome, progress, purpose, sentence
from bot.slack.blocks.text import channel, code, entry, fence, link, plain, safe
from sizing.methods import DEFAULT, METHODS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bot.approvals.draft import Draft
    from bot.approvals.parties import Party, Shortage
    from bot.approvals.policy import Ruling
    from bot.approvals.request import Request
    from bot.slack.blocks.kit import Block
    from sizing import SizingError

COMMAND = "/peftsize"
_MOST_PARTIES = 5
_HELP = """*Size a LoRA or QLoRA model, get it approved, and create the hardware specification.*
`/peftsize 10b 2x128MB qlora4` posts the request here: base model, adapters and method, in any order
`/peftsize` opens a form
`/peftsize preview <request>` shows the numbers to you alone; nothing is stored
`/peftsize policy <request>` shows who may approve it, and why
`/peftsize list` · `mine` · `show <id>` · `history [text]` · `specs` find requests and specifications"""
_METHODS = " · ".join(
    f"`{row.name}` ({row.bits}-bit{', the default' if row.name == DEFAULT else ''})"
    for row in METHODS.values()
)
_GRAMMAR = f"""*Model* `10b` `7.5b` `350m`, or a name as you paste it: `llama-3.1-8b` `Qwen/Qwen2.5-7B-Instruct`
*Adapters* `2x128MB` `2 adapters of 128MB` `2x128MB+1x1GB` `4xr16` (by LoRA rank) or `none`
*Method* {_METHODS}
*Options* `name=my-spec` `space=team-a` `gpu=48` (GB of one GPU; 80 by default)
*Purpose* `for="quarterly eval"`, last"""
EXAMPLES = ("10b 2x128MB qlora4", "llama-3.1-8b 4xr16 lora", "70b none qlora8")


def usage() -> Message:
    """Return the help."""
    examples = "\n".join(f"{COMMAND} {text}" for text in EXAMPLES)
    form = button("Open the form", "open_form", "", "Open the form for a new request")
    blocks = [
        section(_HELP),
        section(_GRAMMAR),
        section(f"```\n{examples}\n```"),
        actions("peftsize:0:help", [form]),
    ]
    return Message(blocks, f"How to write a request: {COMMAND} {EXAMPLES[0]}")


def sizing_error(error: SizingError, text: str, verb: str = "") -> Message:
    """Say where and why a text could not be sized, and offer requests that can run instead.

    Args:
        verb: The word before the text, such as ``preview``; offered commands begin with it too.
    """
    shown, mark = error.picture().split("\n", 1) if text else ("", "^")
    before = f"{verb} " if verb else ""
    command = f"{COMMAND} {before}"
    picture = f"{command}{shown}\n{' ' * len(command)}{mark}"
    hint = error.hint.replace(f"{COMMAND} ", command)
    blocks = [section(fence(picture, 900)), literal(plain(error.message, 400)), section(code(hint, 600))]
    if error.suggestion is not None:
        blocks.append(actions("peftsize:0:fix", [_run(before + error.suggestion)]))
    elif not error.candidates:
        example = error.example or EXAMPLES[0]
        form = button("Open the form", "open_form", example, "Open the form with the example")
        blocks.append(actions("peftsize:0:fix", [_run(before + example) if verb else form]))
    for place, request in enumerate(error.candidates):
        form = button("Open the form", "open_form", request, f"Open the form with {request}")
        offer = _run(before + request) if verb else form
        blocks.append(section(code(before + request, 600), offer, f"peftsize:0:candidate-{place}"))
    return Message(blocks, f"{safe(error.message, 400)} {safe(hint, 600)}")


def mistyped(text: str, meant: str, *, decides: bool = False) -> Message:
    """Offer the command that somebody meant: ``meant``, without the command's name.

    Args:
        decides: Whether the word names a decision that people make on the card.
    """
    word = text.strip().partition(" ")[0]
    why = "Decide on the request's card. This command finds it:" if decides else "Did you mean this?"
    blocks = [
        literal(plain(f"There is no command “{word}”. {why}", 400)),
        section(code(f"{COMMAND} {meant}", 600)),
        actions("peftsize:0:fix", [_run(meant)]),
    ]
    return Message(blocks, f"There is no command {safe(word, 40)}. {why} {COMMAND} {safe(meant, 300)}")


def preview(drafted: Draft, ruling: Ruling | None = None) -> Message:
    """Return the numbers of a text that nothing was stored for."""
    text = drafted.sized.canonical
    blocks = [
        header(f"Preview {drafted.name}"),
        section(f"{code(text, 1200)}\nOnly you see this; nothing was stored."),
        breakdown.needs(drafted),
        *breakdown.explained(drafted),
    ]
    if warned := breakdown.numbers(drafted).warnings:
        blocks.insert(2, section(notes.lines(warned, 2000)))
    blocks.append(section(f"*What would be created*\n{fence(drafted.payload, 900)}"))
    blocks.append(context(NO_GPU_FIELD))
    if ruling is not None:
        blocks.append(section(_who_may(ruling)))
    ask = button("Submit request", "run_text", text, "Submit this request", style="primary")
    blocks.append(actions("peftsize:0:preview", [ask]))
    computed = drafted.breakdown
    size = f"{computed.gpu_memory_gb} GB GPU memory, {messages.gpus(computed.num_gpus)}"
    return Message(blocks, f"{safe(text, 400)} needs {size}; nothing was stored.")


def policy_answer(drafted: Draft, ruling: Ruling, short: Sequence[Shortage]) -> Message:
    """Say who may approve a request, and why; ``short`` are the parties that cannot be reached."""
    gpus = messages.gpus(drafted.use_gpus or drafted.breakdown.num_gpus)
    lines = [f"{code(drafted.sized.canonical, 1200)}: {gpus}", _who_may(ruling)]
    if ruling.because:
        lines.append("Rules that apply: " + "; ".join(safe(clause, 200) for clause in ruling.because[:8]))
    else:
        lines.append("No rule applies, only the defaults.")
    if short:
        lines.append(f"*Note:* {safe(messages.unreachable(short), 600)}")
    text = f"Who may approve {safe(drafted.sized.canonical, 400)}."
    return Message([section(line) for line in lines], text)


def submitted(request: Request) -> Message:
    """Say that a request was stored, when its card is in another channel."""
    where = f"Its card will appear in {channel(request.channel_id)}."
    return _plain(
        f"Submitted {code(request.canonical, 600)} as request `{request.id}`. {where}", notification(request)
    )


def existing(request: Request, link_to: str | None = None) -> Message:
    """Say that an identical request is open, or that its spec exists: state, link and id."""
    created = has_live_spec(request)
    lines = [
        f"An identical request already exists: `{request.id}`, *{safe(messages.state_words(request), 400)}*. "
        f"{_card(link_to)}".rstrip(),
        "No second card was posted.",
    ]
    if created:
        lines.append(next_step(request.spec_id or ""))
    return _plain("\n".join(lines), f"An identical request already exists. {notification(request)}")


def name_taken(request: Request, link_to: str | None = None) -> Message:
    """Say which request uses the spec name."""
    words = (
        f"The spec name {code(request.name, 80)} is already used by request `{request.id}` "
        f"({code(request.canonical, 600)}), *{safe(messages.state_words(request), 400)}*. {_card(link_to)}\n"
        "Nothing was stored. Add `name=…` to your request to choose another name."
    )
    return _plain(words, f"The spec name {safe(request.name, 80)} is already used by request {request.id}.")


def denied(words: str) -> Message:
    """Say that the policy allows nobody to approve this."""
    said = safe(messages.refusal("denied", words), 900)
    return _plain(said, said)


def not_asked(code_: str, detail: str, text: str) -> Message:
    """Say what the policy rejects in a request's words, and offer the form filled with them."""
    said = safe(messages.refusal(code_, detail), 900)
    form = button("Open the form", "open_form", text[:2000], "Open the form with this request")
    return Message([section(said), actions("peftsize:0:fix", [form])], said)


def refused(
    code_: str, detail: str = "", request: Request | None = None, link_to: str | None = None
) -> Message:
    """Say why an action did nothing, with the current state and a link to the card."""
    said = safe(messages.refusal(code_, detail, request), 1500)
    now = ""
    if request is not None:
        now = f"\nRequest `{request.id}`: *{safe(messages.state_words(request), 400)}*. {_card(link_to)}"
    return _plain(f"{said}{now}".rstrip(), said)


def show(request: Request, now: int, link_to: str | None = None, ruling: Ruling | None = None) -> Message:
    """Describe one request to one person."""
    blocks = [section(_described(request, now, ruling))]
    if link_to:
        blocks.append(section(_card(link_to)))
    looks = [details(request)]
    if request.message_ts is None:
        looks.append(_post_again(request))
    blocks.append(actions(block_id(request, "show"), looks))
    return Message(blocks, notification(request, now=now))


def invite(channel_id: str, bot_user: str, request: Request | None = None) -> Message:
    """Say how to invite the bot to a channel where it cannot post.

    Args:
        bot_user: The bot's name, as in ``/invite @name``.
        request: The request whose card waits; None if none was stored.
    """
    line = f"/invite @{bot_user.removeprefix('@')}"
    kept = (
        "Your request is stored; its card is posted once I join."
        if request
        else "Then submit the request again."
    )
    words = f"I am not a member of {channel(channel_id)}, so I cannot post there. {kept} Type:\n{fence(line, 200)}"
    blocks: list[Block] = [section(words)]
    if request is not None:
        blocks.append(actions(block_id(request, "invite"), [_post_again(request)]))
    return Message(blocks, f"I am not a member of the channel. Type {safe(line, 150)} there. {kept}")


def adopted(request: Request) -> Message:
    """Return the id of the existing spec that serves a request."""
    spec_id, name = request.existing or ("", request.name)
    words = f"Use the existing spec {code(name, 100)}, id {code(spec_id, 80)}; the request was cancelled.\n"
    return _plain(
        words + next_step(spec_id), f"Use the existing spec {safe(name, 100)}, id {safe(spec_id, 80)}."
    )


def dm(request: Request, link_to: str | None = None) -> Message:
    """Tell the requester how the request ended, or that it needs attention, with the next step."""
    blocks = [section(_described(request, request.updated_at))]
    if request.state is State.ATTENTION:
        blocks.append(section("No action needed: the admins have been notified."))
    if has_live_spec(request):
        blocks.append(section(next_step(request.spec_id or "")))
    if link_to:
        blocks.append(section(_card(link_to)))
    return Message(blocks, notification(request))


def reminder(card: Message, request: Request, link_to: str | None = None, user_id: str = "") -> Message:
    """Put the reason, and a link to the card, above a card's copy in direct messages.

    Args:
        user_id: Whose copy it is; after their vote it no longer says that it is waiting for them.
    """
    waits = request.state is State.PENDING and all(vote.user_id != user_id for vote in request.votes)
    why = ("*This request is waiting for you.* ", "A request is waiting for you. ") if waits else ("", "")
    intro = section(f"{why[0]}{_card(link_to) or channel(request.channel_id)}")
    return Message([intro, divider(), *card.blocks], f"{why[1]}{card.text}")


def nothing_stored(what: str) -> Message:
    """Say that the database stored nothing; ``what`` as in ``StoreError``."""
    said = safe(messages.nothing_stored(what), 400)
    return _plain(said, said)


def unexpected(reference: str) -> Message:
    """Say that an unexpected error occurred, with its reference in the log."""
    said = safe(messages.unexpected(reference), 400)
    return _plain(said, said)


def _run(text: str) -> Block:
    return button("Run this", "run_text", text[:2000], f"Run {text}", style="primary")


def _described(request: Request, now: int, ruling: Ruling | None = None) -> str:
    """Return a request's state and purpose, in two to four lines."""
    came = progress(request, ruling) if is_open(request, now) else outcome(request)
    lines = (
        sentence(request, now=now),
        purpose(request, 400),
        came,
        f"Request `{request.id}`, spec {code(request.name, 80)}",
    )
    return "\n".join(line for line in lines if line)


def _post_again(request: Request) -> Block:
    return button("Post again", "post_again", request.id, f"Post the card of request {request.id} again")


def _plain(mrkdwn: str, text: str) -> Message:
    return Message([section(mrkdwn)], text)


def _card(link_to: str | None) -> str:
    return link(link_to, "See the card") if link_to else ""


def _who_may(ruling: Ruling) -> str:
    """Say who may approve; a mention in a private answer notifies nobody."""
    if ruling.deny is not None:
        return f"*Nobody may approve it.* {safe(ruling.deny, 400)}"
    named = ruling.parties if len(ruling.parties) > 1 else ()
    lines = [
        f"*{party.count} of {safe(party.name, 40)}:* {_members(party)}" for party in named[:_MOST_PARTIES]
    ] or [f"*{messages.people(ruling.quorum)}* of: {_members(ruling.parties[0])}"]
    lines += [
        f"After {messages.duration(stage.after_ms)} also: {_entries(stage.to)}"
        for stage in ruling.stages[:_MOST_PARTIES]
    ]
    own = (
        "The requester's own approval counts." if ruling.self_approval else "The requester cannot approve it."
    )
    expires = messages.duration(ruling.expires_ms)
    return "\n".join([*lines, f"{own} It expires after {expires}."])


def _members(party: Party) -> str:
    """Name the lists of a party; its people are in all of them."""
    return " *and also* ".join(_entries(allowed) for allowed in party.lists[:4])


def _entries(allowed: Collection[str]) -> str:
    return ", ".join([entry(named) for named in sorted(allowed)[:20]]) or "nobody"


def step_result(request: Request) -> dict[str, Any]:
    """Return how a workflow step ends: with outputs if the spec exists, else with the reason.

    Later steps must not run without a spec, so every other end is an error.
    """
    words = messages.state_words(request)
    if request.state is State.CREATED:
        return {"outputs": {"spec_id": request.spec_id or "", "state": request.state.value, "reason": words}}
    why = f": {request.error}" if request.error and request.error not in words else ""
    return {"error": messages.mask_secrets(f"Request {request.id} ended: {words}{why}")}
