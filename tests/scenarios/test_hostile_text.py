"""Somebody else's text in every place it can reach: it stays text, in whole characters, and calls nobody."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from bot.sandbox.slack.people import default_directory
from tests.support.team import CHANNEL, POLICY, Team

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.sandbox.slack.delivery import Delivery

HOSTILE = {
    "broadcast": "<!channel> <!here> <!everyone> @channel @here",
    "mention": "<@U0INES001> <!subteam^S0APPROVE> <#C0APPROVE>",
    "link": "<https://evil.example|approved> https://evil.example/?x=1&y=2 <mailto:a@b.example|c>",
    "fence": "``` *PWNED* ``` `*PWNED*` ~~~ _PWNED_ *PWNED*",
    "bidi": "\u202edeppor\u202c \u2066x\u2069 \u200b\u200f\ufeff\u00ad\u061c",
    "entities": "&lt;!channel&gt; &amp;lt;!channel&amp;gt; &#60;!here&#62;",
    "newlines": "a\n> quoted\n• item\r\n\u2028\u2029```\n*PWNED*",
    "emoji": "👩\u200d👩\u200d👧\u200d👦🇩🇪👍🏽" * 12,
    "long": "<&>" * 100,
    "zalgo": "Z" + "\u0335\u0321\u0322" * 90,
    "date": "<!date^0^{date}|never> <!date^1700000000^{time}^https://evil.example|x>",
}
_ENTITY = re.compile(r"<[^>]*>?")
_OURS = re.compile(
    r"<@[UW][A-Z0-9]+>|<#C[A-Z0-9]+>|<!subteam\^S[A-Z0-9]+>"
    r"|<!date\^[0-9]+\^\{date_short_pretty\} \{time\}\|[0-9: UTC-]+>"
    r"|<https://model-serving\.slack\.com/archives/[A-Z0-9]+/p[0-9]+\|(?:See the card|card)>"
)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_HIDDEN = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u00ad\u061c\u2028\u2029]")
_BARE = re.compile(r"@(?:channel|here|everyone)", re.IGNORECASE)


def strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string that people see, with ``mrkdwn`` or ``plain``."""
    if isinstance(value, list):
        for item in value:
            yield from strings(item, key)
    elif isinstance(value, dict):
        if isinstance(value.get("text"), str) and value.get("type") in {"mrkdwn", "plain_text"}:
            yield ("mrkdwn" if value["type"] == "mrkdwn" else "plain"), value["text"]
            return
        for name, inner in value.items():
            if name == "text" and isinstance(inner, str):
                yield "mrkdwn", inner  # the fallback of a message
            elif name == "errors":
                yield from (("plain", words) for words in inner.values())
            elif name not in {"value", "private_metadata", "initial_value"}:
                yield from strings(inner, name)


def judge(kind: str, text: str) -> None:
    """Refuse what Slack would resolve, style or reorder, and characters in halves."""
    assert not _HIDDEN.search(text), text
    text.encode("utf-8")
    assert not (text and unicodedata.combining(text[0])), text
    if kind == "plain":
        return
    for entity in _ENTITY.findall(text):
        assert _OURS.fullmatch(entity), (entity, text)
    assert text.count("```") % 2 == 0, text
    outside = _CODE.sub("", text)
    assert "`" not in outside, text
    assert "*PWNED*" not in outside, text
    assert "_PWNED_" not in outside, text
    assert not _BARE.search(outside), text
    assert not re.search(r"&(?!amp;|lt;|gt;)", text), text


def everything_said(team: Team) -> None:
    """Judge every string of every call and of every answer to a delivery."""
    seen = 0
    for call in team.slack.calls:
        if call.method.startswith(("chat.", "views.", "response_url", "functions.")):
            if call.method in {"chat.postMessage", "response_url"}:
                assert call.args.get("unfurl_links", False) is False
            for kind, text in strings(call.args):
                judge(kind, text)
                seen += 1
    answered: list[Delivery] = team.slack.recorded
    for delivery in answered:
        for kind, text in strings(delivery.json):
            judge(kind, text)
            seen += 1
    assert seen > 30
    assert team.slack.warnings == []


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_text_stays_text(new_team: Callable[..., Team], text: str) -> None:
    """Names, reasons, requests, searches, labels, spec names: in every place, whatever they hold."""
    directory = default_directory()
    directory.change_person("U0ROSA001", name=text[:80], real_name=text[:80])
    directory.change_person("U0ADA0001", name=text[:80] + "x", real_name=text[:80])
    team = new_team(directory=directory, policy=POLICY + 'workflow = "allow"\n', peftsize_label=text[:60])
    team.cluster.api.add(text[:100], {"gpu": {"num_gpu": text[:10]}}, team.cluster.space_id, description=text)
    rosa, ada = "U0ROSA001", "U0ADA0001"
    request = team.ask(who=rosa)
    for words in (
        text,
        f"preview {text}",
        f"policy {text}",
        f"show {text}",
        f"history {text}",
        "specs",
        "list",
    ):
        assert team.slack.command(rosa, CHANNEL, words).ok
        team.quiet()
    team.slack.mention(rosa, CHANNEL, text)
    team.slack.command(rosa, CHANNEL, "")
    team.slack.submit(rosa, team.slack.modals(rosa)[-1], {"request": text[:300]})
    team.edit(rosa, request, text[:300])
    team.slack.close(rosa, team.slack.modals(rosa)[-1])
    team.click(ada, "details", request)
    team.slack.run_function(rosa, {"request_text": text, "requester": text[:32]})
    team.slack.run_function(rosa, {"request_text": "9b none qlora4", "requester": text[:32]})
    team.quiet()
    team.later(4.1 * 3600)
    team.reject(ada, request, text[:500])
    team.slack.open_home(rosa)
    team.slack.open_home(ada)
    team.quiet()
    everything_said(team)
    assert team.audit(request)[-1]["event"] == "rejected"
    assert team.audit(request)[-1]["reason"].split() == text[:500].split()


def test_a_long_reason_is_cut_between_characters(team: Team) -> None:
    """500 characters of families, flags and entities: cut on the card, whole in the audit."""
    request = team.ask()
    reason = ("👩\u200d👩\u200d👧\u200d👦<&>🇩🇪" * 60)[:500]
    team.reject("ada", request, reason)
    assert team.row(request).error == reason
    everything_said(team)
