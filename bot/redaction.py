"""Secrets that people paste where they do not belong: found before a text is stored or shown.

A false alarm costs a reworded sentence; a miss puts a credential into an audit that is never changed. So the last rule
catches any long string that looks random.
"""

from __future__ import annotations

import math
import re
from collections import Counter

MASK = "[secret removed]"

_CREDENTIALS = re.compile(
    r"""(?xs)  # with room for reasons; `.` takes line ends
      -----BEGIN\ [A-Z ]*PRIVATE\ KEY-----(?: .*?-----END\ [A-Z ]*PRIVATE\ KEY----- | .* )  # RFC 7468
    | xox[a-z](?:\.xox[a-z])?-[\w.-]{8,} | xapp-[\w-]{8,} | xwfp-[\w-]{8,}  # docs.slack.dev/authentication/tokens
    | https://hooks\.slack(?:-gov)?\.com/[^\s"']+  # a webhook or response_url lets anybody speak
    | https?://[^\s"'/]+/(?:commands|actions|workflows|response)/[^\s"']+  # the same on another host
    | \beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?  # RFC 7519: a JSON object in base64url
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b  # AWS access key id
    | \bgh[oprsu]_\w{20,} | \bgithub_pat_\w{20,}
    | \bsk-[\w-]{20,} | \bApiKey-[\w-]{20,}
    | (?<=://)[^\s/:@]+:[^\s/@]+(?=@)  # RFC 3986, 3.2.1: user and password in an address
    """
)
_BEARER = re.compile(r"(\bbearer\s+|\bbasic\s+(?=[^\s\"',;]*[0-9]))([^\s\"',;]{8,})", re.IGNORECASE)
_NAMED = re.compile(
    r"(\b\w{0,40}?(?:password|passwd|pwd|secret|token|api[_ -]?key)\w{0,40}[\"']?"
    r"\s*(?:=|:(?=[^\n]{0,99}[0-9]))\s*[\"']?)"
    r"([^\s\"',;]{6,})",
    re.IGNORECASE,
)
_RUN = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_HEX = re.compile(r"[0-9a-f]{32,}|[0-9A-F]{32,}")
_PIECE = re.compile(r"[A-Za-z0-9]+")
_IBM_KEY_LENGTH = 44
"""An IBM Cloud API key. Source: https://cloud.ibm.com/docs/account?topic=account-userapikey."""
_DRAWN_BITS = 3.5
"""Entropy per character from which a string of 20 counts as random; English names have less."""
_LONG_PIECE = 20


def mask_credentials(text: str) -> str:
    """Return a text with everything masked that has the form of a credential, for logs.

    >>> mask_credentials("Authorization: Bearer abcdef-123456")
    'Authorization: Bearer [secret removed]'
    """
    return _BEARER.sub(_keep_name, _CREDENTIALS.sub(MASK, text))


def mask_secrets(text: str) -> str:
    """Return a text with everything masked that looks like a credential.

    >>> mask_secrets("use xoxb-1234567890-abcdef instead")
    'use [secret removed] instead'
    """
    text = mask_credentials(text)
    text = _NAMED.sub(_keep_name, text)
    return _RUN.sub(lambda found: MASK if _drawn(found[0]) else found[0], text)


def looks_secret(text: str) -> bool:
    """Return whether a text holds something that looks like a credential."""
    return mask_secrets(text) != text


def _keep_name(found: re.Match[str]) -> str:
    """Mask what follows ``token=`` or ``Bearer``, unless it is masked already."""
    return found[0] if found[2].startswith(MASK.split(maxsplit=1)[0]) else found[1] + MASK


def _drawn(run: str) -> bool:
    """Return whether a long run of letters and digits looks random rather than named by somebody."""
    if _HEX.fullmatch(run):
        return True
    if len(run) == _IBM_KEY_LENGTH and _mixed(run):
        return True
    longest = max(_PIECE.findall(run), key=len, default="")
    return len(longest) >= _LONG_PIECE and _mixed(longest) and _bits(longest) >= _DRAWN_BITS


def _mixed(run: str) -> bool:
    """Return whether capitals, small letters and digits all occur."""
    return run.lower() != run and run.upper() != run and any(char.isdigit() for char in run)


def _bits(run: str) -> float:
    """Return Shannon's entropy per character, in bits."""
    total = len(run)
    return -sum(n / total * math.log2(n / total) for n in Counter(run).values())
