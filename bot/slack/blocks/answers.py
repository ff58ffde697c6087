"""Private answers to one person: why not, what there is already, what to do next. Nothing is stored here."""

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
_HELP = """*Size a LoRA or QLoRA model, have it approved, get the hardware specification.*
`/peftsize 10b 2x128MB qlora4` asks for it here: base model, adapters, method, in any order
`/peftsize` opens a form
`/peftsize preview <request>` shows the numbers to you alone; nothing is stored
`/peftsize policy <request>` says who may approve it, and why
`/peftsize list` · `mine` · `show <id>` · `history [text]` · `specs` find what was asked and what exists"""
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
    return Message(blocks, f"How to ask: {COMMAND} {EXAMPLES[0]}")


def sizing_error(error: SizingError, text: str, verb: str = "") -> Message:
    """Say why a text could not be sized: where, why, and one request that runs, or each that may be meant.

    Args:
        error: What the grammar found.
        text: As typed; the error carries it too, with the place.
        verb: The word before the text, such as ``preview``: what is offered begins with it too.
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
    """Offer the command that somebody meant.

    Args:
        text: As typed.
        meant: What runs at a press, without the command's name.
        decides: Whether the word is of what people do on the card.
    """
    word = text.strip().partition(" ")[0]
    why = "That is done on the request's card, which this finds:" if decides else "Did you mean this?"
    blocks = [
        literal(plain(f"There is no command “{word}”. {why}", 400)),
        section(code(f"{COMMAND} {meant}", 600)),
        actions("peftsize:0:fix", [_run(meant)]),
    ]
    return Message(blocks, f"There is no command {safe(word, 40)}. {why} {COMMAND} {safe(meant, 300)}")


def preview(drafted: Draft, ruling: Ruling | None = None) -> Message:
    """Return the numbers of a text that was only tried; nothing is stored."""
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
    ask = button("Ask for it", "run_text", text, "Ask for this specification", style="primary")
    blocks.append(actions("peftsize:0:preview", [ask]))
    found = drafted.breakdown
    size = f"{found.gpu_memory_gb} GB GPU memory, {messages.gpus(found.num_gpus)}"
    return Message(blocks, f"{safe(text, 400)} needs {size}; nothing was stored.")


def policy_answer(drafted: Draft, ruling: Ruling, short: Sequence[Shortage]) -> Message:
    """Say who may approve a request, and why.

    Args:
        drafted: The request.
        ruling: What the policy says of it.
        short: The parties that cannot be reached.
    """
    gpus = messages.gpus(drafted.use_gpus or drafted.breakdown.num_gpus)
    lines = [f"{code(drafted.sized.canonical, 1200)}: {gpus}", _who_may(ruling)]
    if ruling.because:
        lines.append("Rules that apply: " + "; ".join(safe(clause, 200) for clause in ruling.because[:8]))
    else:
        lines.append("No rule of its own applies, only the defaults.")
    if short:
        lines.append(f"*Note:* {safe(messages.unreachable(short), 600)}")
    text = f"Who may approve {safe(drafted.sized.canonical, 400)}."
    return Message([section(line) for line in lines], text)


def submitted(request: Request) -> Message:
    """Say that a request was stored, where its card is elsewhere."""
    where = f"Its card comes in {channel(request.channel_id)}."
    return _plain(
        f"Asked: {code(request.canonical, 600)}, request `{request.id}`. {where}", notification(request)
    )


def existing(request: Request, link_to: str | None = None) -> Message:
    """Say that the same request is alive, or that its spec exists: state, link and id."""
    created = has_live_spec(request)
    lines = [
        f"The same request is there already: `{request.id}`, *{safe(messages.state_words(request), 400)}*. "
        f"{_card(link_to)}".rstrip(),
        "No second card was posted.",
    ]
    if created:
        lines.append(next_step(request.spec_id or ""))
    return _plain("\n".join(lines), f"The same request is there already. {notification(request)}")


def name_taken(request: Request, link_to: str | None = None) -> Message:
    """Say which request holds the spec name."""
    words = (
        f"The spec name {code(request.name, 80)} is held by request `{request.id}` "
        f"({code(request.canonical, 600)}), *{safe(messages.state_words(request), 400)}*. {_card(link_to)}\n"
        "Nothing was stored. Add `name=…` to your request to choose another name."
    )
    return _plain(words, f"The spec name {safe(request.name, 80)} is held by request {request.id}.")


def denied(words: str) -> Message:
    """Say that the policy allows nobody to approve this."""
    said = safe(messages.refusal("denied", words), 900)
    return _plain(said, said)


def not_asked(code_: str, detail: str, text: str) -> Message:
    """Say what the policy misses in the words of a request, and offer the form with them.

    Args:
        code_: A key of ``messages.REFUSALS``.
        detail: The fact that came with it.
        text: As typed.
    """
    said = safe(messages.refusal(code_, detail), 900)
    form = button("Open the form", "open_form", text[:2000], "Open the form with this request")
    return Message([section(said), actions("peftsize:0:fix", [form])], said)


def refused(
    code_: str, detail: str = "", request: Request | None = None, link_to: str | None = None
) -> Message:
    """Say why an action did nothing, with the present state and the way to the card."""
    said = safe(messages.refusal(code_, detail, request), 1500)
    now = ""
    if request is not None:
        now = f"\nRequest `{request.id}`: *{safe(messages.state_words(request), 400)}*. {_card(link_to)}"
    return _plain(f"{said}{now}".rstrip(), said)


def show(request: Request, now: int, link_to: str | None = None, ruling: Ruling | None = None) -> Message:
    """Describe one request to one person; it is decided on its card."""
    blocks = [section(_described(request, now, ruling))]
    if link_to:
        blocks.append(section(_card(link_to)))
    looks = [details(request)]
    if request.message_ts is None:
        looks.append(_post_again(request))
    blocks.append(actions(block_id(request, "show"), looks))
    return Message(blocks, notification(request, now=now))


def invite(channel_id: str, bot_user: str, request: Request | None = None) -> Message:
    """Say which line to type where the bot cannot post; the request waits.

    Args:
        channel_id: The channel.
        bot_user: The bot's name, as in ``/invite @name``.
        request: The request whose card waits, if it was stored.
    """
    line = f"/invite @{bot_user.removeprefix('@')}"
    kept = "Your request is kept; its card is posted when I am in." if request else "Then ask again."
    words = f"I am not in {channel(channel_id)}, so I cannot post there. {kept} Type:\n{fence(line, 200)}"
    blocks: list[Block] = [section(words)]
    if request is not None:
        blocks.append(actions(block_id(request, "invite"), [_post_again(request)]))
    return Message(blocks, f"I am not in the channel. Type {safe(line, 150)} there. {kept}")


def adopted(request: Request) -> Message:
    """Answer with the id of the spec that serves a request already."""
    spec_id, name = request.existing or ("", request.name)
    words = f"Use the existing spec {code(name, 100)}, id {code(spec_id, 80)}; the request was cancelled.\n"
    return _plain(
        words + next_step(spec_id), f"Use the existing spec {safe(name, 100)}, id {safe(spec_id, 80)}."
    )


def dm(request: Request, link_to: str | None = None) -> Message:
    """Tell the requester how it ended, or that others look into it, with the next step."""
    blocks = [section(_described(request, request.updated_at))]
    if request.state is State.ATTENTION:
        blocks.append(section("You need do nothing: the admins were told."))
    if has_live_spec(request):
        blocks.append(section(next_step(request.spec_id or "")))
    if link_to:
        blocks.append(section(_card(link_to)))
    return Message(blocks, notification(request))


def reminder(card: Message, request: Request, link_to: str | None = None, user_id: str = "") -> Message:
    """Put in front of a card's copy in direct messages why it is there, and the way to the card.

    Args:
        card: As it is in its channel.
        request: The row.
        link_to: The address of the card.
        user_id: Whose copy it is; it waits for them no more once they have voted.
    """
    waits = request.state is State.PENDING and all(vote.user_id != user_id for vote in request.votes)
    why = ("*This request waits for you.* ", "A request waits for you. ") if waits else ("", "")
    intro = section(f"{why[0]}{_card(link_to) or channel(request.channel_id)}")
    return Message([intro, divider(), *card.blocks], f"{why[1]}{card.text}")


def nothing_stored(what: str) -> Message:
    """Say that the database took nothing; ``what`` as in ``StoreError``."""
    said = safe(messages.nothing_stored(what), 400)
    return _plain(said, said)


def unexpected(reference: str) -> Message:
    """Say that something broke, with the reference that is in the log too."""
    said = safe(messages.unexpected(reference), 400)
    return _plain(said, said)


def _run(text: str) -> Block:
    return button("Run this", "run_text", text[:2000], f"Run {text}", style="primary")


def _described(request: Request, now: int, ruling: Ruling | None = None) -> str:
    """Return where a request is and what it is for, in two to four lines."""
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
    """Say who may approve; in a private answer a mention calls nobody."""
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
    """Name the lists of a party; its people are in every one of them."""
    return " *and also* ".join(_entries(allowed) for allowed in party.lists[:4])


def _entries(allowed: Collection[str]) -> str:
    return ", ".join([entry(named) for named in sorted(allowed)[:20]]) or "nobody"


def step_result(request: Request) -> dict[str, Any]:
    """Return how a step ends: with outputs if the spec is there, else with the reason.

    Whatever follows in the workflow must not go on without a spec, so every other end is an error.
    """
    words = messages.state_words(request)
    if request.state is State.CREATED:
        return {"outputs": {"spec_id": request.spec_id or "", "state": request.state.value, "reason": words}}
    why = f": {request.error}" if request.error and request.error not in words else ""
    return {"error": messages.mask_secrets(f"Request {request.id} ended: {words}{why}")}
