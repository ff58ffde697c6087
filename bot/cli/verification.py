"""``peftsize audit verify`` and ``audit proof``: verify the audit, and export proofs for outsiders."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.audit import anchor as anchors
from bot.audit import checkpoint as checkpoints
from bot.audit import proof as proofs
from bot.audit.anchor import Anchors
from bot.audit.chain import entry
from bot.audit.checkpoint import MalformedNote, Standing, VerifierKey
from bot.audit.meaning import Meaning
from bot.audit.signing_key import UnusableKey, key_id, load
from bot.audit.verification import Verdict, Verification
from bot.cli.output import GREEN, RED, complain, paint, progress, say, say_json
from bot.errors import Refused, SettingsError, UnknownRequest
from bot.runtime import settings as configuration
from bot.runtime.wiring import clock, open_store

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from bot.audit.checkpoint import Checkpoint
    from bot.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Evidence:
    """The files named on the command line.

    Args:
        anchors: Files with heads and checkpoints, instead of those in the settings.
        checkpoints: Further files, with a checkpoint each.
        keys: Files with a public key each, instead of our own.
    """

    anchors: Sequence[str] = ()
    checkpoints: Sequence[str] = ()
    keys: Sequence[str] = ()

    def trusted(self) -> list[VerifierKey]:
        """Read the keys.

        Raises:
            SettingsError: A file is not a public key.
        """
        keys = []
        for name in self.keys:
            try:
                keys.append(checkpoints.read_key(_text("--key", name)))
            except MalformedNote as error:
                raise SettingsError((f"--key {name}: {error}.",)) from None
        return keys


def verify_export(file: str, evidence: Evidence, *, allow_unanchored: bool, as_json: bool) -> bool:
    """Verify an exported audit without a database; return whether it is intact and vouched for."""
    if evidence.checkpoints and not evidence.keys:
        raise SettingsError(
            ("--checkpoint proves nothing without --key FILE, the public key that it was signed with.",)
        )
    keys = evidence.trusted()
    known = _known([*map(Path, evidence.anchors)], evidence, keys)
    path = _file("--export", file)
    with _exported(path) as (rows, total):
        verdict = _check(rows, known, keys, total)
    return _report(verdict, known, keys, allow_unanchored=allow_unanchored, as_json=as_json)


def verify_database(evidence: Evidence, *, allow_unanchored: bool, as_json: bool) -> bool:
    """Verify the audit in the database; return whether it is intact and vouched for."""
    settings = configuration.load()
    paths = [*map(Path, evidence.anchors)]
    # heads noted elsewhere, such as in a channel, vouch without a signature
    keys = evidence.trusted() or ([] if paths else own_key(settings))
    with open_store(settings) as store:
        known = _known(paths or settings.anchor_files, evidence, keys)
        with store.read() as tx:
            verdict = _check(tx.audit_log.rows(), known, keys, tx.audit_log.head().seq)
            missing = tx.audit_log.missing_triggers()
    whole = _report(verdict, known, keys, allow_unanchored=allow_unanchored, as_json=as_json)
    if missing:
        complain(
            f"Triggers of the audit are missing ({', '.join(missing)}): its rows can be changed. Restart the bot or "
            "run peftsize database upgrade, and find out who dropped them."
        )
    return whole and not missing


def verify_proof(file: str, evidence: Evidence) -> bool:
    """Verify a bundle of proofs; return whether it proves each of its rows."""
    keys = evidence.trusted()
    if not keys:
        raise SettingsError(("--proof proves nothing without --key FILE, the public key of the log.",))
    try:
        bundle = json.loads(_text("--proof", file))
    except ValueError:
        bundle = None
    faults = proofs.faults(bundle, keys)
    for fault in faults:
        complain(f"Not proven: {fault}.")
    if not faults:
        count = len(bundle["proofs"])
        say(f"{paint('Proven', GREEN)}: {count} rows of {bundle['request_id']} are in the signed log.")
    return not faults


def prove(request_id: str, evidence: Evidence, output: str | None) -> None:
    """Write a bundle with a proof for each row of a request.

    Raises:
        Refused: A row is newer than the last checkpoint, or the rows contradict it.
    """
    settings, request_id = configuration.load(), request_id.upper()
    keys = evidence.trusted() or own_key(settings)
    known = _known([*map(Path, evidence.anchors)] or settings.anchor_files, evidence, keys)
    signed = known.last
    if signed is None or signed.standing(keys) is not Standing.SIGNED:
        raise Refused("no_checkpoint")
    with open_store(settings) as store, store.read() as tx:
        wanted = {row["seq"] for row in tx.audit_log.story(request_id)}
        if not wanted:
            raise UnknownRequest("unknown_request", detail=request_id)
        if (last := max(wanted)) > signed.size:
            raise Refused("not_signed_yet", detail=last)
        rows = _proven(tx.audit_log.rows(), signed, wanted)
    key = next(key for key in keys if signed.standing([key]) is Standing.SIGNED)
    text = json.dumps(
        proofs.bundle(request_id, rows, checkpoints.verifier_key(signed.origin, key.public)), indent=1
    )
    if output is None:
        say(text)
        return
    try:
        Path(output).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise SettingsError((f"--output: {output} cannot be written: {error.strerror}.",)) from None


def own_key(settings: Settings) -> list[VerifierKey]:
    """Return the public half of the signing key, if it can be read here."""
    path = settings.signing_key_file
    try:
        return [VerifierKey(load(path).public)] if path else []
    except UnusableKey:
        return []


def _proven(
    rows: Iterator[Mapping[str, Any]], signed: Checkpoint, wanted: Collection[int]
) -> list[tuple[bytes, proofs.Proof]]:
    """Return the text and the proof of each wanted row under a checkpoint."""
    checking = Verification(Anchors())
    texts: dict[int, tuple[bytes, list[bytes]]] = {}
    with progress("Reading the audit", signed.size) as step:
        for row in rows:
            if checking.tree.size == signed.size:
                break
            path: list[bytes] | None = None
            if row["seq"] in wanted:
                fields = {key: value for key, value in row.items() if key != "hash"}
                path = []
                texts[row["seq"]] = (entry(checking.head, fields), path)
            if checking.add(row, path) is not None:
                break
            step(1)
    if checking.tree.size != signed.size or checking.tree.finish() != signed.root:
        raise Refused("audit_differs")
    return [(text, proofs.Proof(seq - 1, tuple(path), signed)) for seq, (text, path) in sorted(texts.items())]


def _check(
    rows: Iterator[Mapping[str, Any]], known: Anchors, keys: Sequence[VerifierKey], total: int
) -> Verdict:
    checking = Verification(known, Meaning({key_id(key.public): key.public for key in keys}))
    with progress("Verifying", total) as step:
        for row in rows:
            if checking.add(row) is not None:
                break
            step(1)
    return checking.verdict()


def _report(
    verdict: Verdict,
    known: Anchors,
    keys: Sequence[VerifierKey],
    *,
    allow_unanchored: bool,
    as_json: bool,
) -> bool:
    """Print the verdict; return whether the audit is intact and vouched for."""
    unproven = verdict.unproven(clock())
    if unproven is None and keys:
        unproven = verdict.unsigned(clock())
    if allow_unanchored:
        unproven = None
    ok = verdict.ok and unproven is None
    if as_json:
        say_json(
            {
                "ok": ok,
                "rows": verdict.rows,
                "head": {"seq": verdict.head.seq, "hash": verdict.head.hash},
                "anchored": verdict.anchored,
                "signed": verdict.signed,
                "origin": known.last.origin if known.last else None,
                "bad_seq": verdict.bad_seq,
                "reason": verdict.reason or unproven,
            }
        )
        return ok
    say(_words(verdict, known, unproven))
    if not verdict.ok and len(known.origins) > 1:
        say(
            f"A new origin, {known.origins[-1]}, follows {known.origins[-2]}: after a restored backup, move the "
            "anchor away, as “Restore” in docs/runbook.md says."
        )
    if verdict.begun is not None:
        say(f"The log has begun a new origin, as after a restored backup: {verdict.begun}.")
    return ok


def _words(verdict: Verdict, known: Anchors, unproven: str | None) -> str:
    """Return the verdict in a sentence, and what to do if nothing vouches for the chain."""
    if not verdict.ok:
        return f"{paint('The audit is NOT intact', RED)}: row {verdict.bad_seq}: {verdict.reason}."
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
    if verdict.signed is not None:
        vouched += f", signed up to row {verdict.signed}"
        if known.last is not None:
            vouched += f" by {known.last.origin}"
        if verdict.signed < verdict.head.seq:
            vouched += f"; rows {verdict.signed + 1} to {verdict.head.seq} are newer than the last checkpoint"
    return f"{paint('The audit is intact', GREEN)}: {verdict.rows} rows, {head}, {vouched}."


def _known(paths: Sequence[Path], evidence: Evidence, keys: Sequence[VerifierKey]) -> Anchors:
    """Read what was noted outside; a file named on the command line must exist and hold something."""
    named = [_file("--anchor", name) for name in evidence.anchors]
    further = [_file("--checkpoint", name) for name in evidence.checkpoints]
    for path in further:
        if not anchors.read(path).roots:
            raise SettingsError((f"--checkpoint: there is no checkpoint in {path}.",))
    try:
        return anchors.read_all([*paths, *further], keys)
    except OSError as error:
        if named:
            raise SettingsError((f"--anchor: {error.filename} cannot be read: {error.strerror}.",)) from None
        complain(f"The anchor {error.filename} cannot be read: {error.strerror}.")
        return anchors.read_all(further, keys)


@contextmanager
def _exported(path: Path) -> Iterator[tuple[Iterator[Mapping[str, Any]], int]]:
    """Open an export, and count its rows."""
    with path.open("rb") as file:
        total = sum(1 for _ in file)
        file.seek(0)
        yield (_row(line) for line in file if line.strip()), total


def _row(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None  # not a row: the verdict says which one


def _file(option: str, name: str) -> Path:
    if not Path(name).is_file():
        raise SettingsError((f"{option}: there is no such file.",))
    return Path(name)


def _text(option: str, name: str) -> str:
    try:
        return _file(option, name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError((f"{option}: {name} cannot be read: {type(error).__name__}.",)) from None
