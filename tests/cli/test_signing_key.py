"""The signing key on the command line: who needs one, who makes one, and what is said of a wrong one."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from bot.audit import signing_key
from tests.support.command_line import NOBODY_THERE, run

if TYPE_CHECKING:
    from pathlib import Path

SERVE = {
    **NOBODY_THERE,
    "SLACK_SIGNING_SECRET": "made-up",
    "PEFTSIZE_DATABASE_URL": "postgresql://u@127.0.0.1:9/d",
}


def serve(folder: Path, **settings: str) -> tuple[int, str]:
    ran = run("serve", "--port", "0", folder=folder, environment=SERVE | settings)
    return ran.code, ran.err


def test_postgresql_needs_a_key_that_every_replica_shares(tmp_path: Path) -> None:
    """``serve`` exits 2 and says how to make one; with one the next obstacle is the database."""
    code, told = serve(tmp_path)
    assert (code, "PEFTSIZE_SIGNING_KEY_FILE is missing" in told, "peftsize audit new-key" in told) == (
        2,
        True,
        True,
    )
    made = run("audit", "new-key", "signing.key", folder=tmp_path)
    assert (made.code, "Public key: " in made.out) == (0, True)
    assert stat.S_IMODE((tmp_path / "signing.key").stat().st_mode) == 0o600
    assert serve(tmp_path, PEFTSIZE_SIGNING_KEY_FILE="signing.key")[0] == 3


@pytest.mark.parametrize(
    ("content", "mode", "word"),
    [
        (None, 0, "does not exist"),
        (b"made-up", 0o600, "holds no Ed25519 key"),
        (b"made-up", 0o644, "can be read or changed by others (mode 0644)"),
    ],
)
def test_a_wrong_key_is_named(tmp_path: Path, content: bytes | None, mode: int, word: str) -> None:
    """``serve`` exits 2 and says what is wrong; no key is made over it."""
    path = tmp_path / "signing.key"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)
    code, told = serve(tmp_path, PEFTSIZE_SIGNING_KEY_FILE="signing.key")
    assert (code, word in told) == (2, True)
    assert content is None or path.read_bytes() == content


def test_a_wrong_key_beside_sqlite_is_named(tmp_path: Path) -> None:
    """One that is there is never replaced, also where a missing one would be made."""
    (tmp_path / "peftsize.db.key").write_bytes(b"made-up")
    (tmp_path / "peftsize.db.key").chmod(0o600)
    code, told = serve(tmp_path, PEFTSIZE_DATABASE_URL="sqlite:///peftsize.db")
    assert (code, "holds no Ed25519 key" in told) == (2, True)


def test_a_new_key_is_never_written_over_another_file(tmp_path: Path) -> None:
    """``new-key`` exits 1 where there is a file, 2 where none can be written or none is named."""
    assert run("audit", "new-key", "one.key", folder=tmp_path).code == 0
    before = signing_key.load(tmp_path / "one.key").id
    again = run("audit", "new-key", "one.key", folder=tmp_path)
    assert (again.code, "Nothing was written" in again.err) == (1, True)
    assert signing_key.load(tmp_path / "one.key").id == before
    assert run("audit", "new-key", "no/such/folder.key", folder=tmp_path).code == 2
    on_postgresql = {"PEFTSIZE_DATABASE_URL": "postgresql://u@127.0.0.1:9/d"}
    assert run("audit", "new-key", folder=tmp_path, environment=on_postgresql).code == 2
    assert run("audit", "new-key", folder=tmp_path).code == 0
    assert (tmp_path / "peftsize.db.key").is_file()
