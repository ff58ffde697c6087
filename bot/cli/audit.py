"""``peftsize audit``: export and the signing key."""

from __future__ import annotations

import base64
import sys
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from bot.audit import signing_key
from bot.audit.signing_key import UnusableKey
from bot.cli.output import progress, say, say_json
from bot.errors import Refused, SettingsError
from bot.runtime import settings as configuration
from bot.runtime.wiring import open_store


def export(since: str | None, output: str | None) -> None:
    """Print every event since a time, or write them to a file, one JSON object per line."""
    since_ms = None if since is None else _time_ms(since)
    with open_store(configuration.load()) as store, store.read() as tx, _destination(output) as file:
        total = 0 if file.isatty() else tx.audit_log.head().seq
        with progress("Exporting", total) as step:
            for row in tx.audit_log.rows(since_ms=since_ms):
                say_json(row, file)
                step(1)


def _destination(output: str | None) -> AbstractContextManager[TextIO]:
    """Open the file, or return standard output."""
    if output is None:
        return nullcontext(sys.stdout)
    try:
        return Path(output).open("w", encoding="utf-8")
    except OSError as error:
        raise SettingsError((f"--output: {output} cannot be written: {error.strerror}.",)) from None


def new_key(file: str | None) -> None:
    """Write a new signing key, and print its public key."""
    path = Path(file) if file else configuration.load().signing_key_file
    if path is None:
        raise SettingsError(("Name the file for the key: peftsize audit new-key FILE",))
    try:
        key = signing_key.create(path)
    except FileExistsError:
        raise Refused("key_exists", detail=path) from None
    except OSError as error:
        raise SettingsError((f"{path} cannot be written: {error.strerror}.",)) from None
    say(f"New signing key {key.id} in {path}. Back it up, away from the database.")
    say(f"Public key: {base64.b64encode(key.public).decode()}")


def print_key(file: str | None) -> None:
    """Print the public half of the signing key, for whoever verifies signatures."""
    path = Path(file) if file else configuration.load().signing_key_file
    if path is None:
        raise SettingsError((configuration.NO_KEY,))
    try:
        say(signing_key.load(path).public_pem().rstrip())
    except UnusableKey as error:
        raise SettingsError((configuration.unusable_key(path, error),)) from None


def _time_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            ("--since must be a day or time such as 2026-11-23 or 2026-11-23T08:00.",)
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
