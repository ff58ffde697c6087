"""``peftsize audit``: export and verify."""

from __future__ import annotations

import base64
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.audit import anchor as anchors
from bot.audit import signing_key
from bot.audit.chain import verify as judge
from bot.cli.output import GREEN, RED, complain, paint, say, say_json
from bot.errors import Refused, SettingsError
from bot.runtime import settings as configuration
from bot.runtime.wiring import clock, open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.audit.chain import Verdict


def export(since: str | None) -> None:
    """Print every event from a time on, one JSON object a line."""
    since_ms = None if since is None else _time_ms(since)
    with open_store(configuration.load()) as store, store.read() as tx:
        for row in tx.audit_log.rows(since_ms=since_ms):
            say_json(row)


def verify(anchor_files: Sequence[str], *, allow_unanchored: bool, as_json: bool) -> None:
    """Check the chain against itself and the anchors; exit 1 if anything is wrong or nothing vouches for it."""
    settings = configuration.load()
    paths = [Path(name) for name in anchor_files]
    if not all(path.is_file() for path in paths):
        raise SettingsError(("--anchor: there is no such file.",))
    try:
        noted = anchors.read_all(paths or settings.anchor_files)
    except OSError as error:
        if paths:
            raise SettingsError((f"--anchor: {error.filename} cannot be read: {error.strerror}.",)) from None
        complain(f"The anchor {error.filename} cannot be read: {error.strerror}.")
        noted = {}
    with open_store(settings) as store, store.read() as tx:
        verdict = judge(tx.audit_log.rows(), noted)
    unproven = None if allow_unanchored else verdict.unproven(clock())
    ok = verdict.ok and unproven is None
    if as_json:
        say_json(
            {
                "ok": ok,
                "rows": verdict.rows,
                "head": {"seq": verdict.head.seq, "hash": verdict.head.hash},
                "anchored": verdict.anchored,
                "bad_seq": verdict.bad_seq,
                "reason": verdict.reason or unproven,
            }
        )
    else:
        say(_words(verdict, unproven))
    if not ok:
        sys.exit(1)


def new_key(file: str | None) -> None:
    """Write a fresh signing key, and say its public key."""
    path = Path(file) if file else configuration.load().signing_key_file
    if path is None:
        raise SettingsError(("Say where to write the key: peftsize audit new-key FILE",))
    try:
        key = signing_key.create(path)
    except FileExistsError:
        raise Refused("key_exists", detail=path) from None
    except OSError as error:
        raise SettingsError((f"{path} cannot be written: {error.strerror}.",)) from None
    say(f"New signing key {key.id} in {path}. Back it up, away from the database.")
    say(f"Public key: {base64.b64encode(key.public).decode()}")


def _words(verdict: Verdict, unproven: str | None) -> str:
    """Return the verdict in a sentence, and what to do where nothing vouches for the chain."""
    if not verdict.ok:
        return f"{paint('The audit is NOT whole', RED)}: row {verdict.bad_seq}: {verdict.reason}."
    if unproven is not None:
        return (
            f"{paint('The audit is NOT proven', RED)}: its {verdict.rows} rows follow each other, but {unproven}: "
            "whoever can write to the database could have rewritten them. Pass the file with --anchor FILE, "
            "or accept that with --allow-unanchored."
        )
    head = f"head {verdict.head.seq} {verdict.head.hash[:12]}"
    vouched = f"anchored up to row {verdict.anchored}" if verdict.anchored else "no anchor to compare with"
    if verdict.anchored and verdict.tail_at is not None:
        vouched += f"; rows {verdict.anchored + 1} to {verdict.head.seq} are not anchored"
    return f"{paint('The audit is whole', GREEN)}: {verdict.rows} rows, {head}, {vouched}."


def _time_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            ("--since must be a day or time such as 2026-11-23 or 2026-11-23T08:00.",)
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
