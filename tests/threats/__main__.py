"""``python -m tests.threats``: ``--table`` prints the threat model's tables, ``--write`` puts them into the page.

``--owner 1000`` lets the owner of the database make so many hostile moves; status 1 if anything was sent
that nobody approved, or a changed audit was called whole.
"""

from __future__ import annotations

import argparse
import sys

from tests.threats.claims import PAGE, replaced, table


def main() -> int:
    """Do what the words say, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.threats")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--table", action="store_true")
    what.add_argument("--write", action="store_true")
    what.add_argument("--owner", type=int, metavar="MOVES")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    if wanted.write:
        PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    elif wanted.table:
        sys.stdout.write(table() + "\n")
    else:
        return _owner(wanted.owner, wanted.seed)
    return 0


def _owner(moves: int, seed: int) -> int:
    from tests.threats import owner_run

    report = owner_run.run(moves, seed, lambda line: print(line, flush=True))  # noqa: T201 - this is its output
    for finding in (*report.unapproved, *report.unseen):
        sys.stdout.write(f"WRONG  {finding}\n")
    sys.stdout.write(f"{report}\n")
    return 1 if report.unapproved or report.unseen or not report.posts else 0


if __name__ == "__main__":
    sys.exit(main())
