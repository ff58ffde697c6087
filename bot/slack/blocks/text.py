"""The one layer that foreign text passes on its way to Slack: clean, then escape, then cut.

``clean`` removes what is invisible or reorders its neighbours; ``escape`` leaves Slack no entity to resolve; ``cut``
comes last and takes whole characters as readers see them, so that it splits neither an emoji nor an ``&amp;``.

Source: https://docs.slack.dev/messaging/formatting-message-text and
https://www.unicode.org/reports/tr36/ (bidirectional and invisible characters).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.approvals.request import GroupEdit

ELLIPSIS = "…"
_LONGEST_URL = 2000

_INVISIBLE = re.compile(
    "["
    "\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f"  # controls but for line ends and tabs
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional marks, overrides, isolates
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u2060-\u2065\u206a-\u206f"
    "\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb"  # no width, or only blank
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # format controls, tags
    "]"
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_JOINER = "\u200d"
_EMOJI = "\u2190-\u2bff\u3030-\u3299\U0001f000-\U0001faff"
_LOOSE_JOINER = re.compile(f"(?<![{_EMOJI}\ufe0f]){_JOINER}|{_JOINER}(?![{_EMOJI}])")
_LINE_ENDS = re.compile("\r\n|[\r\u000b\u000c\u0085\u2028\u2029]")
_BLANK = re.compile(r"[^\S\n]")
_MARK = "[\u0300-\u036f\u0483-\u0489\u0e31-\u0e4e\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_STACK = re.compile(f"({_MARK}{{4}}){_MARK}+")
"""Combining marks beyond the fourth on one character: a stack that covers the neighbours."""
_BROADCAST = re.compile(r"@(?=(?:here|channel|everyone)\b)", re.IGNORECASE)
_EDGE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_PLAIN = re.compile(r"[A-Za-z0-9.,;()+=/×%-]*(?: [A-Za-z0-9.,;()+=/×%-]+)*")
"""Text with nothing to clean or escape: most of what is drawn, so it is checked first."""
_ATOM = re.compile(r"&(?:amp|lt|gt);|.", re.DOTALL)
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_UNSTYLED = str.maketrans({"*": "∗", "~": "∼", "`": "ˋ"})
_TICK = "ˋ"
_ADDRESS = re.compile(r"https://|http://(?:127\.0\.0\.1|localhost|\[::1\])[:/]")
_USER = re.compile(r"[UW][A-Z0-9]{2,20}", re.ASCII)
_GROUP = re.compile(r"S[A-Z0-9]{2,20}", re.ASCII)
_CHANNEL = re.compile(r"[CDG][A-Z0-9]{2,20}", re.ASCII)


def clean(text: str) -> str:
    r"""Return a text without characters that are invisible, or that reorder or cover their neighbours.

    Line ends become ``\n``, other blanks a space, a lone surrogate U+FFFD. A zero-width joiner stays
    where it joins an emoji.

    >>> clean("10b\u202e 2x128MB\u200b")
    '10b 2x128MB'
    """
    if text.isascii() and text.isprintable():
        return text
    text = _LINE_ENDS.sub("\n", _SURROGATE.sub("\ufffd", text))
    text = _INVISIBLE.sub("", _BLANK.sub(" ", text))
    if _JOINER in text:
        text = _LOOSE_JOINER.sub("", text)
    return _STACK.sub(r"\1", text)


def escape(text: str) -> str:
    """Return a text in which Slack resolves no mention, link or date.

    >>> escape("<!channel> & @here")
    '&lt;!channel&gt; &amp; ＠here'
    """
    return _BROADCAST.sub("＠", text.translate(_ENTITIES))


def safe(text: str, limit: int = 1000) -> str:
    """Return anybody's text for mrkdwn: one line, clean, without formatting, escaped, then cut.

    Args:
        limit: Characters as Slack may count them (UTF-16 units), entities included.
    """
    if len(text) <= limit and _PLAIN.fullmatch(text):
        return text
    line = _EDGE_UNDERSCORE.sub("＿", _one_line(text).translate(_UNSTYLED))
    return cut(escape(line), limit)


def code(text: str, limit: int = 1000) -> str:
    """Return anybody's text as inline code of at most ``limit`` characters that it cannot break out of."""
    if len(text) <= limit - 2 and text and _PLAIN.fullmatch(text):
        return f"`{text}`"
    return f"`{cut(escape(_one_line(text).replace('`', _TICK)), limit - 2) or ' '}`"


def fence(text: str, limit: int = 2900) -> str:
    """Return anybody's text as a code block that it cannot break out of; lines and blanks stay."""
    return f"```\n{cut(escape(clean(text).replace('`', _TICK)), limit - 8)}\n```"


def plain(text: str, limit: int) -> str:
    """Return anybody's text for ``plain_text``: clean, one line, cut.

    Slack resolves nothing there and shows entities literally, so nothing is escaped.
    """
    return text if len(text) <= limit and _PLAIN.fullmatch(text) else cut(_one_line(text), limit)


def cut(text: str, limit: int) -> str:
    """Cut a clean text to a number of UTF-16 units, between whole characters, with an ellipsis.

    >>> cut("a &amp; b", 6)
    'a …'
    """
    if len(text) * 2 <= limit or _units(text) <= limit:
        return text
    kept: list[str] = []
    left = limit - len(ELLIPSIS)
    for cluster in clusters(text):
        left -= _units(cluster)
        if left < 0:
            break
        kept.append(cluster)
    return "".join(kept) + ELLIPSIS


def clusters(text: str) -> Iterator[str]:
    """Split a text into what readers see as one character: entities, base and marks, emoji sequences, flags.

    >>> list(clusters("1&lt;2"))
    ['1', '&lt;', '2']
    """
    cluster = ""
    for match in _ATOM.finditer(text):
        if cluster and _continues(cluster, match[0]):
            cluster += match[0]
            continue
        if cluster:
            yield cluster
        cluster = match[0]
    if cluster:
        yield cluster


def mention(user_id: str, name: str = "") -> str:
    """Return a mention of a person; their name as text if the id is not one."""
    return f"<@{user_id}>" if _USER.fullmatch(user_id) else safe(name or user_id, 80) or "somebody"


def entry(policy_entry: str) -> str:
    """Return an entry of the policy as a mention: a person, a user group, or any full member."""
    if policy_entry == "anyone":
        return "any full member"
    return f"<!subteam^{policy_entry}>" if _GROUP.fullmatch(policy_entry) else mention(policy_entry)


def channel(channel_id: str) -> str:
    """Return a link to a channel; its id as code if it is not one."""
    return f"<#{channel_id}>" if _CHANNEL.fullmatch(channel_id) else code(channel_id, 40)


def link(url: str, words: str) -> str:
    """Return a link to an https (or loopback) address; the words alone for any other."""
    if not _ADDRESS.match(url) or len(url) > _LONGEST_URL:
        return safe(words, 200)
    address = "".join(f"%{ord(char):02X}" if char in "<>|` " else char for char in url)
    return f"<{address.replace('&', '&amp;')}|{safe(words, 200)}>"


def date(at_ms: int) -> str:
    """Return a moment that Slack shows in the reader's own time zone, with UTC as the fallback.

    >>> date(1_700_000_000_000)
    '<!date^1700000000^{date_short_pretty} {time}|2023-11-14 22:13 UTC>'
    """
    at_s = at_ms // 1000
    utc = datetime.fromtimestamp(at_s, UTC).isoformat(" ", "minutes")
    return f"<!date^{at_s}^{{date_short_pretty}} {{time}}|{utc[:16]} UTC>"


def group_edit(edit: GroupEdit) -> str:
    """Say that a user group was edited after a request that it gave a vote on; mrkdwn."""
    who = mention(edit.by, "somebody")
    return (
        f"User group {safe(edit.group, 24)} was edited by {who} on {date(edit.at)}, after this was requested, "
        "and one approval relies on it."
    )


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())


def _units(text: str) -> int:
    """Return the length in UTF-16 units, as JavaScript and perhaps Slack count it."""
    return len(text) + sum(char > "\uffff" for char in text)


def _continues(cluster: str, char: str) -> bool:
    """Return whether a character belongs to the cluster before it."""
    if len(char) > 1:
        return False
    if _JOINER in {cluster[-1], char} or "\U0001f3fb" <= char <= "\U0001f3ff":
        return True
    if _flag(char):
        return len(cluster) == 1 and _flag(cluster)
    return unicodedata.category(char) in {"Mn", "Mc", "Me"}


def _flag(char: str) -> bool:
    """Return whether a character is one half of a flag."""
    return "\U0001f1e6" <= char <= "\U0001f1ff"
