"""``python -m tests.chaos``: the whole of it, with a table at the end; status 1 if anything is not as promised."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.control import run_control
from tests.chaos.frozen import first_byte
from tests.chaos.run import Result, run
from tests.chaos.table import table
from tests.support.databases import NOT_FOUND, Server, shared_server

SQLITE_SHARE = 0.7
"""Of the kills, where both databases are tried: there one takes a third of the time."""
FROZEN_TIMES = 3
CONTROL_SHARE = 10


def main() -> int:
    """Run, print, and return the exit status."""
    wanted = _arguments()
    say(f"seed {wanted.seed}; repeat with --seed {wanted.seed}")
    began, results, wrong = time.monotonic(), [], []
    with tempfile.TemporaryDirectory(prefix="peftsize-chaos-") as place:
        folder = Path(place)
        if wanted.database in {"sqlite", "both"}:
            kills = wanted.kills if wanted.database == "sqlite" else round(wanted.kills * SQLITE_SHARE)
            say(f"SQLite, one process: {kills} kills")
            results.append(_run(folder / "sqlite", None, kills, wanted.seed))
        if wanted.database in {"postgres", "both"}:
            with shared_server(folder) as server:
                if server is None:
                    say(f"NOT RUN: {NOT_FOUND}")
                    return 1
                kills = wanted.kills - sum(result.counts["kills"] for result in results)
                say(f"PostgreSQL, two replicas: {kills} kills")
                results.append(_run(folder / "postgresql", server, kills, wanted.seed + 1))
                wrong += _frozen(folder, server)
        wrong += _control(folder / "control", wanted)
    say("\n" + table(results))
    for result in results:
        for kind, cases in result.findings.kinds.items():
            wrong += [f"{result.database}: {kind}: {case}" for case in cases]
        wrong += [f"{result.database}: {case}" for case in result.slow]
    kills = sum(result.counts["kills"] for result in results)
    say(f"\n{kills} kills in {(time.monotonic() - began) / 60:.1f} minutes, seed {wanted.seed}")
    for case in wrong:
        say(f"WRONG  {case}")
    say("everything is as promised" if not wrong else f"{len(wrong)} things are not as promised")
    return 1 if wrong else 0


def _run(folder: Path, server: Server | None, kills: int, seed: int) -> Result:
    folder.mkdir()
    url = f"sqlite:///{folder / 'peftsize.db'}" if server is None else server.create(empty=True)
    return run(folder, url, kills=kills, seed=seed, say=say)


def _frozen(folder: Path, server: Server) -> list[str]:
    """Freeze a replica just before its first byte, a few times."""
    say(f"a replica frozen just before its first byte, {FROZEN_TIMES} times")
    wrong = []
    for number in range(FROZEN_TIMES):
        own = folder / f"frozen-{number}"
        own.mkdir()
        specs, posts = first_byte(own, server.create())
        say(f"  specs {specs}, POSTs {posts}")
        if (specs, posts) != (1, 1):
            wrong.append(f"frozen before its first byte: {specs} specs, {posts} POSTs")
    return wrong


def _control(folder: Path, wanted: argparse.Namespace) -> list[str]:
    """Show that the harness sees duplicates where there are some."""
    folder.mkdir()
    kills = max(10, wanted.kills // CONTROL_SHARE)
    say(f"control, an executor without settle time that repeats by itself: {kills} kills")
    found = run_control(folder, kills=kills, seed=wanted.seed)
    say(f"  specs {found['specs']}, names with duplicates {found['duplicate specs']} (must not be 0)")
    return [] if found["duplicate specs"] else ["the control shows no duplicates: the harness is blind"]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=main.__doc__)
    parser.add_argument("--kills", type=int, default=200, help="how many kills in all")
    parser.add_argument("--database", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000)
    return parser.parse_args()


def say(words: str) -> None:
    """Print at once."""
    print(words, flush=True)  # noqa: T201 - a program for people


if __name__ == "__main__":
    sys.exit(main())
