"""``python -m tests.threats --table`` prints the threat model's tables; ``--write`` puts them into the page."""

from __future__ import annotations

import sys

from tests.threats.claims import PAGE, replaced, table

if sys.argv[1:] == ["--write"]:
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
elif sys.argv[1:] == ["--table"]:
    sys.stdout.write(table() + "\n")
else:
    sys.exit("usage: python -m tests.threats --table | --write")
