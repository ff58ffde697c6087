"""One ``peftsize serve`` process that can be killed, frozen and started again."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PROGRAM = Path(sys.executable).parent / "peftsize"
START_WITHIN_S = 40.0


def serve(port: int) -> list[str]:
    return [str(PROGRAM), "serve", "--mode", "http", "--host", "127.0.0.1", "--port", str(port)]


class Replica:
    """A process on a port of its own, the same after every start.

    Args:
        env: Its whole environment.
        log: Where it writes; appended to.
        command: What is run, by port.
    """

    def __init__(
        self, env: Mapping[str, str], log: Path, command: Callable[[int], list[str]] = serve
    ) -> None:
        self.command = command
        self.env = dict(env)
        self.log = log
        self.port = free_port()
        self.frozen = False
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None else 0

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(self.port),
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=3)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def wait_ready(self) -> None:
        until = time.monotonic() + START_WITHIN_S
        while not self.is_ready():
            assert self.alive, f"it ended with {self.process and self.process.returncode}: {self.tail()}"
            assert time.monotonic() < until, f"not ready: {self.tail()}"
            time.sleep(0.03)

    def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.frozen = False

    def freeze(self) -> None:
        self.frozen = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        if self.frozen and self.alive:
            os.kill(self.pid, signal.SIGCONT)
        self.frozen = False

    def stop(self) -> float:
        """SIGTERM; return the seconds until it had ended by itself with status 0."""
        if not self.alive or self.process is None:
            return 0.0
        self.thaw()
        began = time.monotonic()
        self.process.terminate()
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        assert status == 0, f"it ended with {status}: {self.tail()}"
        return time.monotonic() - began

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run another command of the program in the same environment."""
        return subprocess.run(
            [str(PROGRAM), *command], env=self.env, capture_output=True, text=True, check=False, timeout=120
        )

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""


def whose(port: int, replicas: Sequence[Replica]) -> Replica | None:
    """Return the replica whose end of a connection has this port (Linux), or None if nobody can say."""
    living = [replica for replica in replicas if replica.alive]
    if len(living) <= 1:
        return living[0] if living else None
    try:
        lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        inodes = {f[9] for f in map(str.split, lines) if int(f[1].rpartition(":")[2], 16) == port}
        wanted = {f"socket:[{inode}]" for inode in inodes}
        for replica in living:
            for fd in Path(f"/proc/{replica.pid}/fd").iterdir():
                with contextlib.suppress(FileNotFoundError):
                    if str(fd.readlink()) in wanted:
                        return replica
    except OSError:
        return None
    return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
