"""Tables of what is said, word for word and number for number.

``tests/data/answers.jsonl`` holds a text a line, and all that is said about it; ``spellings.jsonl`` the same for the
words, units and notations of the grammar's tables, one by one; ``estimates.jsonl`` a text, how the server is started,
and the second opinion. After a change that is meant, ``python -m tests.sizing.answers`` writes all anew; the
difference is to be read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sizing import SizingError, advise, answer_json, contradiction, explain, parse, size
from sizing.serving import Serving, Users

if TYPE_CHECKING:
    from collections.abc import Callable

DATA = Path(__file__).parents[1] / "data"
Row = dict[str, Any]


def rows(name: str) -> list[Row]:
    """Return a table; each row holds what is asked, and under ``said`` what is said."""
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def answer(row: Row) -> Row:
    """Return all that is said about ``text``, where ``spaces`` are allowed."""
    try:
        request = parse(row["text"], row.get("spaces"))
    except SizingError as error:
        return {**error.to_json(), "picture": error.picture()}
    needs = size(request)
    advice = advise(request, needs)
    cheaper = advice.cheaper and advice.cheaper.method
    more = advice._replace(cheaper=cheaper, methods=None, warnings=None)._asdict()
    return _json({**answer_json(request, needs), "advice": more})


def estimate(row: Row) -> Row:
    """Return the second opinion on ``text``, on ``gpus``, for a server that is started with ``serving``."""
    request = parse(row["text"])
    needs = size(request)
    options = dict(row.get("serving", {}))
    if "users" in options:
        options["users"] = Users(*options["users"])
    if "vllm" in options:
        options["vllm"] = tuple(options["vllm"])
    found = explain(request, needs, row.get("gpus"), Serving(**options))
    return _json({} if found is None else {**found.to_json(), "contradiction": contradiction(needs, found)})


TABLES: dict[str, Callable[[Row], Row]] = {
    "answers.jsonl": answer,
    "spellings.jsonl": answer,
    "estimates.jsonl": estimate,
}


def _json(said: Row) -> Row:
    """Return it as it comes back from JSON."""
    return json.loads(json.dumps({key: value for key, value in said.items() if value is not None}))


def main() -> None:
    """Write all tables anew."""
    for name, say in TABLES.items():
        written = [json.dumps({**row, "said": say(row)}, ensure_ascii=False) for row in rows(name)]
        (DATA / name).write_text("\n".join(written) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
