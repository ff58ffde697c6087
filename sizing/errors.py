"""The exceptions of this package: for a request that cannot be sized, and for a ``config.json`` that cannot be read.

Errors are data: code, message, source, span and suggestion. The picture with the caret is drawn from these.
"""

from typing import Any

COMMAND = "/peftsize"


class SizingError(Exception):
    """A request text was refused. Says where, why, and what to write instead.

    Args:
        code: ``E01`` to ``E17``, one for each kind of mistake.
        message: At most two short sentences and 140 characters.
        source: The text as given.
        span: Half-open range of characters of ``source``. ``(len, len + 1)`` if something is missing at the end.
        suggestion: A complete request that uses only numbers and names from the text, or None.
        example: A complete request that contains an invented number or name, or None.
        candidates: Complete requests, most likely first, if the text has several readings or a name is close to
            several models.
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
        """What to type next: ``Try: /peftsize 10b 2x128MB qlora4``."""
        return f"Try: {COMMAND} {self.suggestion or self.example}"

    def picture(self) -> str:
        """Draw the text as typed with the offending part underlined.

        Returns:
            Two lines, ``10b 2x128Mbit lora`` over ``    ~~~~~~~~^``. Of a long text, only the part around the mistake.
        """
        start, end = self.span
        first = max(0, start - 60)
        shown = self.source[first : min(max(end, start + 1), start + 60) + 20]
        line = "".join(c if c.isprintable() else "�" for c in shown)
        width = min(max(end - start, 1), max(len(line) - (start - first), 1))
        return f"{line}\n{' ' * (start - first)}{'~' * (width - 1)}^"

    def to_json(self) -> dict[str, Any]:
        """Return the error as the command line's JSON object. ``candidates`` is left out if there are none."""
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
    """A model's ``config.json`` was refused.

    Args:
        field: The field that is missing or wrong, or None if it is the whole file.
        reason: What is wrong, as the end of a sentence that begins with the field's name.
    """

    code = "E18"

    def __init__(self, field: str | None, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason

    @property
    def message(self) -> str:
        """One sentence that names the field and says what is wrong."""
        return f"{f'“{self.field}”' if self.field else 'The file'} {self.reason}."

    @property
    def hint(self) -> str:
        """What to do instead."""
        return "Correct the file, or write the model's parameters in its place: peftsize size 8b 2x128MB"

    def to_json(self) -> dict[str, Any]:
        """Return the error as a JSON object."""
        return {"code": self.code, "field": self.field, "message": self.message, "hint": self.hint}
