"""The ``chat.*`` methods of the stand-in, and posts to response URLs.

Source: https://docs.slack.dev/reference/methods (chat.postMessage, chat.update, chat.postEphemeral,
chat.delete).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.sandbox.slack.limits import LONGEST_TEXT, block_problems, blocks_too_long
from bot.sandbox.slack.lookups import open_im, readable
from bot.sandbox.slack.web import Api, Args, Method, SlackRefusal, from_json, need
from bot.sandbox.slack.workspace import Message, ResponseUrl, with_ids

if TYPE_CHECKING:
    from bot.sandbox.slack.people import Channel

_FALSE = {"false", "0", False}


def content(api: Api, args: Args, name: str) -> tuple[str | None, list[dict[str, Any]] | None]:
    """Return the text and the blocks of a call, None for each that it does not give.

    Raises:
        SlackRefusal: Too long, or not valid blocks.
    """
    text, blocks = args.get("text"), from_json(args, "blocks", "invalid_blocks_format")
    if args.get("attachments"):
        raise SlackRefusal(
            "invalid_attachments", response_metadata={"messages": ["the stand-in takes blocks only"]}
        )
    if text is not None and not isinstance(text, str):
        raise SlackRefusal(
            "invalid_arguments", response_metadata={"messages": ["[ERROR] text must be a string"]}
        )
    if text and len(text) > LONGEST_TEXT:
        raise SlackRefusal("msg_too_long")
    if blocks is not None:
        if problems := block_problems(blocks):
            raise SlackRefusal("invalid_blocks", errors=problems, response_metadata={"messages": problems})
        if blocks_too_long(blocks):
            raise SlackRefusal("msg_blocks_too_long")
        if blocks and not text:
            api.warnings.append(f"{name}: blocks without a text for notifications and screen readers")
        blocks = with_ids(blocks)
    return text, blocks


def _writable(api: Api, reference: Any) -> Channel:
    """Return the conversation if the bot may write there; a user id means the direct message."""
    directory = api.workspace.directory
    if isinstance(reference, str) and reference in directory.people:
        return open_im(api, reference)
    channel = readable(api, reference)
    if api.app.bot_user_id not in channel.members and "chat:write.public" not in api.app.scopes:
        raise SlackRefusal("not_in_channel")
    if channel.is_archived:
        raise SlackRefusal("is_archived")
    return channel


def _warned(message: Message) -> dict[str, Any]:
    """Return what Slack adds to the answer when the fallback text is missing."""
    if message.text:
        return {}
    warning = "missing_text_in_message"
    return {"warning": warning, "response_metadata": {"warnings": [warning]}}


def _said(api: Api, channel: str, args: Args, name: str, **more: Any) -> Message:
    """Return a new message of the bot, not yet posted.

    Raises:
        SlackRefusal: Nothing to say, or not valid blocks.
    """
    text, blocks = content(api, args, name)
    if not text and not blocks:
        raise SlackRefusal("no_text")
    return Message(
        ts=api.workspace.new_ts(),
        channel=channel,
        user=api.app.bot_user_id,
        text=text or "",
        blocks=blocks or [],
        bot_id=api.app.bot_id,
        thread_ts=str(args.get("thread_ts") or ""),
        **more,
    )


def post(api: Api, args: Args) -> dict[str, Any]:
    """Post a message that everybody in the conversation sees."""
    (reference,) = need(args, "channel")
    channel = _writable(api, reference)
    message = _said(
        api,
        channel.id,
        args,
        "chat.postMessage",
        unfurl_links=args.get("unfurl_links", True) not in _FALSE,
    )
    if message.thread_ts and api.workspace.find(channel.id, message.thread_ts) is None:
        raise SlackRefusal("thread_not_found")
    api.workspace.put(message)
    said = message.json(api.app.app_id, api.app.team_id)
    return {"channel": channel.id, "ts": message.ts, "message": said, **_warned(message)}


def post_ephemeral(api: Api, args: Args) -> dict[str, Any]:
    """Post a message that one person sees, and that no method can change afterwards."""
    reference, user = need(args, "channel", "user")
    channel = _writable(api, reference)
    if user not in channel.members:
        raise SlackRefusal("user_not_in_channel")
    message = api.workspace.put(_said(api, channel.id, args, "chat.postEphemeral", ephemeral_to=user))
    return {"message_ts": message.ts, **_warned(message)}


def _own(api: Api, args: Args, refusal: str) -> Message:
    """Return the bot's own message that a call names."""
    reference, ts = need(args, "channel", "ts")
    channel = _writable(api, reference)
    message = api.workspace.find(channel.id, str(ts))
    if message is None:
        raise SlackRefusal("message_not_found")
    if message.bot_id != api.app.bot_id:
        raise SlackRefusal(refusal)
    return message


def update(api: Api, args: Args) -> dict[str, Any]:
    """Change the bot's own message; what is not given stays, an empty list of blocks removes them."""
    message = _own(api, args, "cant_update_message")
    text, blocks = content(api, args, "chat.update")
    if text is None and blocks is None:
        raise SlackRefusal("no_text")
    message = api.workspace.put(
        replace(
            message,
            text=message.text if text is None else text,
            blocks=message.blocks if blocks is None else blocks,
            edited_ts=api.workspace.new_ts(),
        )
    )
    said = message.json(api.app.app_id, api.app.team_id)
    return {
        "channel": message.channel,
        "ts": message.ts,
        "text": message.text,
        "message": said,
        **_warned(message),
    }


def delete(api: Api, args: Args) -> dict[str, Any]:
    """Delete the bot's own message."""
    message = _own(api, args, "cant_delete_message")
    api.workspace.remove(message)
    return {"channel": message.channel, "ts": message.ts}


def respond(api: Api, to: ResponseUrl, said: Args) -> Message:
    """Carry out a post to a response URL, or the body of a command's acknowledgement.

    It may have ``text``, ``blocks``, ``response_type``, ``replace_original``, ``thread_ts``.

    Raises:
        SlackRefusal: Nothing to say, or not valid blocks.
    """
    original, message = to.message, _said(api, to.channel, said, "response_url")
    if said.get("replace_original") and original is not None:
        edited = "" if original.ephemeral_to else message.ts
        to.message = replace(original, text=message.text, blocks=message.blocks, edited_ts=edited)
        return api.workspace.put(to.message)
    private = "" if said.get("response_type") == "in_channel" else to.user
    return api.workspace.put(replace(message, ephemeral_to=private))


CHAT: dict[str, Method] = {
    "chat.postMessage": Method(post, "chat:write"),
    "chat.postEphemeral": Method(post_ephemeral, "chat:write"),
    "chat.update": Method(update, "chat:write"),
    "chat.delete": Method(delete, "chat:write"),
}
