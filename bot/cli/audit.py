"""``peftsize audit``: export and verify."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from bot.audit import anchor as anchors
from bot.audit.chain import verify as judge
from bot.cli.output import GREEN, RED, paint, say, say_json
from bot.errors import SettingsError
from bot.runtime import settings as configuration
from bot.runtime.wiring import open_store


def export(since: str | None) -> None:
    """Print every event from a time on, one JSON object a line."""
    since_ms = None if since is None else _time_ms(since)
    with open_store(configuration.load()) as store, store.read() as tx:
        for row in tx.audit_log.rows(since_ms=since_ms):
            say_json(row)


def verify(anchor_file: str | None, *, as_json: bool) -> None:
    """Check the chain against itself and the anchor; exit 1 if anything is wrong."""
    settings = configuration.load()
    path = Path(anchor_file) if anchor_file else settings.anchor_file
    if anchor_file and path is not None and not path.exists():
        raise SettingsError(("--anchor: there is no such file.",))
    known = anchors.read(path) if path else {}
    with open_store(settings) as store, store.read() as tx:
        verdict = judge(tx.audit_log.rows(), known)
    if as_json:
        say_json(
            {
                "ok": verdict.ok,
                "rows": verdict.rows,
                "head": {"seq": verdict.head.seq, "hash": verdict.head.hash},
                "anchored": verdict.anchored,
                "bad_seq": verdict.bad_seq,
                "reason": verdict.reason,
            }
        )
    elif verdict.ok:
        vouched = f"anchored up to row {verdict.anchored}" if known else "no anchor to compare with"
        head = f"head {verdict.head.seq} {verdict.head.hash[:12]}"
        say(f"{paint('The audit is whole', GREEN)}: {verdict.rows} rows, {head}, {vouched}.")
    else:
        say(f"{paint('The audit is NOT whole', RED)}: row {verdict.bad_seq}: {verdict.reason}.")
    if not verdict.ok:
        sys.exit(1)


def _time_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            ("--since must be a day or time such as 2026-11-23 or 2026-11-23T08:00.",)
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
