"""The exceptions of this package: a request text that cannot be sized, a configuration that cannot be counted.

The error is data first (code, message, source, span, a way out); the picture with the caret is made from it.
"""

from typing import Any

COMMAND = "/peftsize"


class SizingError(Exception):
    """A request text was refused, with the place, the reason and a request that runs.

    Args:
        code: `E01` to `E17`, one kind of mistake each.
        message: at most two short sentences, at most 140 characters.
        source: the text as it was given.
        span: half-open range of characters of `source`; `(len, len + 1)` for what is missing at the end.
        suggestion: a whole request made only of numbers and names that were typed, or None.
        example: a whole request where the fix had to invent a number or a name, or None.
        candidates: where the text has several readings, or a name is near to several models, a whole request for
            each, the most likely first.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        source: str,
        span: tuple[int, int],
        suggestion: str | None = None,
        example: str | None = None,
        candidates: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.source = source
        self.span = span
        self.suggestion = suggestion
        self.example = example
        self.candidates = candidates

    @property
    def hint(self) -> str:
        """The line to type next: `Try: /peftsize 10b 2x128MB qlora4`."""
        return f"Try: {COMMAND} {self.suggestion or self.example}"

    def picture(self) -> str:
        """The text as typed with the offending part underlined.

        Returns:
            Two lines, `10b 2x128Mbit lora` over `    ~~~~~~~~^`; only what stands near the fault of a long text.
        """
        start, end = self.span
        first = max(0, start - 60)
        shown = self.source[first : min(max(end, start + 1), start + 60) + 20]
        line = "".join(c if c.isprintable() else "�" for c in shown)
        width = min(max(end - start, 1), max(len(line) - (start - first), 1))
        return f"{line}\n{' ' * (start - first)}{'~' * (width - 1)}^"

    def to_json(self) -> dict[str, Any]:
        """The error as the JSON object of the command line's contract, without the surrounding key.

        `candidates` is there only where there are any.
        """
        found: dict[str, Any] = {
            "code": self.code,
            "message": self.message,
            "span": list(self.span),
            "hint": self.hint,
            "suggestion": self.suggestion,
            "example": self.example,
        }
        if self.candidates:
            found["candidates"] = list(self.candidates)
        return found


class ConfigError(Exception):
    """A model's `config.json` was refused.

    Args:
        field: the field that is missing or wrong, None where it is the whole file.
        reason: what is wrong with it, as the end of a sentence.
    """

    code = "E18"

    def __init__(self, field: str | None, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    @property
    def message(self) -> str:
        """What is wrong, in one sentence that names the field."""
        return f"{f'“{self.field}”' if self.field else 'The file'} {self.reason}."

    @property
    def hint(self) -> str:
        """What to do instead."""
        return "Correct the file, or write the model's parameters in its place: peftsize size 8b 2x128MB"

    def to_json(self) -> dict[str, Any]:
        """The error as a JSON object, without the surrounding key."""
        return {"code": self.code, "field": self.field, "message": self.message, "hint": self.hint}
