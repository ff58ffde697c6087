"""Every error that is expected, and nothing else.

::

    BotError
    ├── Refused              somebody asked for what they may not have; nothing changed
    │   └── UnknownRequest   there is no such request
    ├── SpecsError           the hardware-specification API
    │   ├── Unavailable      provably nothing happened; trying again is safe
    │   ├── Rejected         a definite no, in the service's own words
    │   │   └── NameTaken    there is a specification of this name already
    │   └── Uncertain        it may or may not have happened
    ├── SlackTrouble         Slack delivery failed; it is tried again, or given up
    ├── PeopleError          Slack could not say who somebody is
    ├── StoreError           the database did not take it: nothing was stored
    │   └── VersionConflict  another transaction changed the row first
    ├── NoDatabase           there is none yet, and only ``serve`` creates one
    └── SettingsError        every problem of the settings at once, never a value

Errors hold facts; ``bot.messages`` makes the words. ``sizing.SizingError`` stands apart: the
grammar is useful without the bot.
"""

from __future__ import annotations


class BotError(Exception):
    """Anything the bot expects to go wrong."""


class Refused(BotError):
    """Somebody asked for what they may not have; nothing changed.

    Args:
        code: The reason, a key of ``bot.messages.REFUSALS``.
        facts: What the sentence needs, by name.
    """

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


class UnknownRequest(Refused):
    """There is no such request."""


class SpecsError(BotError):
    """The hardware-specification API did not do what was asked.

    Args:
        message: What happened, in the service's own words where it had any; no secret.
        status: The HTTP status, if an answer came.
        trace: The service's trace id, if it gave one.
        code: The service's error code, if it gave one.
    """

    def __init__(
        self, message: str, *, status: int | None = None, trace: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.trace = trace
        self.code = code


class Unavailable(SpecsError):
    """Provably nothing happened there, so trying again is safe.

    Args:
        message: As for ``SpecsError``.
        status: As for ``SpecsError``.
        trace: As for ``SpecsError``.
        code: As for ``SpecsError``.
        retry_after_s: Seconds the service asked us to wait, if it did.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        trace: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, status=status, trace=trace, code=code)
        self.retry_after_s = retry_after_s


class Rejected(SpecsError):
    """A definite no: the service understood and refused."""


class NameTaken(Rejected):
    """There is a specification of this name already."""


class Uncertain(SpecsError):
    """The call may or may not have taken effect; only a look-up can tell."""


class SlackTrouble(BotError):
    """A Slack effect was not had.

    Args:
        what: The method and the error it named.
        retry_after_s: Seconds to wait, where Slack or our own pacing says so.
        permanent: Whether it takes a repair, or a newer program, before trying again can help.
        paced: Whether it was not even tried, since its turn comes later.
    """

    def __init__(
        self, what: str, *, retry_after_s: float | None = None, permanent: bool = False, paced: bool = False
    ) -> None:
        super().__init__(what)
        self.what = what
        self.retry_after_s = retry_after_s
        self.permanent = permanent
        self.paced = paced


class PeopleError(BotError):
    """Slack could not say who somebody is; a decision waits or is denied.

    Args:
        method: The Web API method.
        error: Slack's name for the error, or the kind of the failure.
        retry_after_s: Seconds that Slack asked us to wait, if it did.
    """

    def __init__(self, method: str, error: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{method}: {error}")
        self.method = method
        self.error = error
        self.retry_after_s = retry_after_s

    @property
    def what(self) -> str:
        """Return method and error as one text, for logs and the audit."""
        return str(self)


class StoreError(BotError):
    """The database did not take the change; nothing was stored.

    Args:
        what: ``full``, ``read-only``, ``forbidden``, ``away``, ``busy``, or ``conflict`` where somebody else's
            commit came first and the transaction may be run again.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class VersionConflict(StoreError):
    """Another transaction changed the row first: read it again and decide again."""

    def __init__(self, what: str = "conflict") -> None:
        super().__init__(what)


class NoDatabase(BotError):
    """There is no database yet; a command that looks at one does not create it.

    Args:
        path: The SQLite file that is missing; None for a server's database without tables.
    """

    def __init__(self, path: str | None = None) -> None:
        super().__init__(path)
        self.path = path


class SettingsError(BotError):
    """The settings cannot work; every problem is named at once, no value is shown.

    Args:
        problems: One sentence each, with the setting's name.
    """

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
