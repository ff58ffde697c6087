"""Seals: signatures, by a key outside the database, over what may lead to a POST.

An approval is sealed when it is decided, and so is the permission to send again after an attempt. The seal is part of
the audit event and signs its other fields: whoever has the public key can check a row.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.audit.signing_key import key_id, verifies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.audit.signing_key import SigningKey

APPROVALS = frozenset({"voted", "approved"})
RELEASES = frozenset({"released", "retried"})
"""The events with a seal: approvals, and permissions to send again."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a seal signs.

    Args:
        digest: Of what would be sent, and where.
        user_id: The person, by the id that the request knows; None for the bot itself.
        at: When it was decided, in UTC epoch milliseconds; for a click, when it was pressed.
        begun: Hash of the request's first audit row, so that its story cannot begin elsewhere.
        entries: Of an approval: the policy entries that let the person approve.
        attempt: Of a release: the attempt after which another one may be made.
    """

    request_id: str
    revision: int
    digest: str
    user_id: str | None
    at: int
    begun: str
    entries: tuple[str, ...] | None = None
    attempt: str | None = None

    def message(self) -> bytes:
        """Return the signed bytes."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return b"peftsize seal 1\n" + json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Seal:
    """A signature, and what it signs besides the fields of its row.

    Args:
        key: Id of the key.
        signature: In base64.
        begun: As in ``Statement``.
        entries: As in ``Statement``.
    """

    key: str
    signature: str
    begun: str
    entries: tuple[str, ...] | None = None

    def fields(self) -> dict[str, Any]:
        """Return the seal as stored in an audit row."""
        fields: dict[str, Any] = {"key": self.key, "signature": self.signature, "begun": self.begun}
        return fields if self.entries is None else fields | {"entries": list(self.entries)}

    def text(self) -> str:
        """Return the seal as stored with a vote."""
        return json.dumps(self.fields())


def seal(statement: Statement, key: SigningKey) -> Seal:
    """Sign a statement."""
    signature = base64.b64encode(key.sign(statement.message())).decode()
    return Seal(key.id, signature, statement.begun, statement.entries)


def read(text: str | None) -> Seal | None:
    """Parse the seal of a vote; None if there is none, or it cannot be read."""
    try:
        return _seal(json.loads(text)) if text else None
    except ValueError:
        return None


def holds(seal: Seal, statement: Statement, public: bytes) -> bool:
    """Return whether a seal is that of a statement, under a public key (32 bytes)."""
    try:
        signature = base64.b64decode(seal.signature, validate=True)
    except binascii.Error:
        return False
    return seal.key == key_id(public) and verifies(public, statement.message(), signature)


def voter(actor: Mapping[str, Any]) -> str | None:
    """Return the id by which a request knows an actor: in an Enterprise Grid, a person may have several."""
    user_id: str | None = actor.get("known_as") or actor["user_id"]
    return user_id


def of_row(row: Mapping[str, Any]) -> tuple[Seal, Statement] | None:
    """Return the seal of an audit row and what it must sign; None for a row without a seal."""
    seal, actor = _seal(row.get("seal")), row["actor"]
    if seal is None:
        return None
    statement = Statement(
        request_id=row["request_id"],
        revision=row["revision"],
        digest=row["digest"],
        user_id=voter(actor),
        at=row["at"],
        begun=seal.begun,
        entries=seal.entries,
        attempt=row["rest"]["attempt"] if row["event"] in RELEASES else None,
    )
    return seal, statement


def row_holds(row: Mapping[str, Any], public: bytes) -> bool:
    """Return whether an audit row has a seal of this public key (32 bytes) over its content."""
    sealed = of_row(row)
    kind = "entries" if row["event"] in APPROVALS else "attempt"
    return sealed is not None and getattr(sealed[1], kind) is not None and holds(*sealed, public)


def _seal(fields: Any) -> Seal | None:
    """Parse a seal; None if it is not one."""
    try:
        entries: Sequence[str] | None = fields.get("entries")
        seal = Seal(
            fields["key"], fields["signature"], fields["begun"], None if entries is None else tuple(entries)
        )
    except (AttributeError, KeyError, TypeError):
        return None
    texts = (seal.key, seal.signature, seal.begun, *(seal.entries or ()))
    return seal if all(isinstance(text, str) for text in texts) else None
