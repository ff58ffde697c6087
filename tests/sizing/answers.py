"""The table of answers: what each text is told, word for word, in ``tests/data/answers.jsonl``.

After a change of words, ``python -m tests.sizing.answers`` writes the answers anew; the difference is to be read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sizing import SizingError, advise, answer_json, parse, size

FILE = Path(__file__).parents[1] / "data" / "answers.jsonl"


def rows() -> list[dict[str, Any]]:
    """Return the table: ``text``, perhaps the ``spaces`` that are allowed, and the ``answer``."""
    return [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


def answer(row: dict[str, Any]) -> dict[str, Any]:
    """Return all that is said about a row's text, as JSON."""
    try:
        request = parse(row["text"], row.get("spaces"))
    except SizingError as error:
        return {**error.to_json(), "picture": error.picture()}
    needs = size(request)
    advice = advise(request, needs)._asdict()
    cheaper = advice["cheaper"] and advice["cheaper"].method
    said = {**advice, "cheaper": cheaper, "methods": None, "warnings": None}
    return {
        **answer_json(request, needs),
        "advice": {name: value for name, value in said.items() if value is not None},
    }


def main() -> None:
    """Write the answers of all rows anew."""
    written = [json.dumps({**row, "answer": answer(row)}, ensure_ascii=False) for row in rows()]
    FILE.write_text("\n".join(written) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
