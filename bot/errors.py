"""Every expected error.

::

    BotError
    ├── Refused              somebody asked for what they may not have; nothing changed
    │   └── UnknownRequest   there is no such request
    ├── SpecsError           the hardware-specification API
    │   ├── Unavailable      provably nothing happened; trying again is safe
    │   ├── Rejected         a definite no, in the service's own words
    │   │   └── NameTaken    a specification with this name exists
    │   └── Uncertain        it may or may not have happened
    ├── SlackTrouble         Slack delivery failed; it is tried again, or given up
    ├── PeopleError          Slack could not say who somebody is
    ├── StoreError           the database failed; nothing was stored
    │   └── VersionConflict  another transaction changed the row first
    ├── NoDatabase           there is none yet, and only ``serve`` creates one
    └── SettingsError        every problem of the settings at once, never a value

Errors hold facts; ``bot.messages`` makes the words. ``sizing.SizingError`` stands apart, so that the grammar is useful
without the bot.
"""

from __future__ import annotations


class BotError(Exception):
    """Any expected error."""


class Refused(BotError):
    """Somebody asked for what they may not have; nothing changed.

    Args:
        code: A key of ``bot.messages.REFUSALS``.
        facts: What the sentence needs, by name.
    """

    def __init__(self, code: str, **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


class UnknownRequest(Refused):
    """There is no such request."""


class SpecsError(BotError):
    """The hardware-specification API failed or refused.

    Args:
        message: What happened, in the service's own words if it had any; no secret.
        trace: The service's trace id, if any.
        code: The service's error code, if any.
        retry_after_s: Seconds the service asks to wait, if it does.
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
        super().__init__(message)
        self.message = message
        self.status = status
        self.trace = trace
        self.code = code
        self.retry_after_s = retry_after_s


class Unavailable(SpecsError):
    """Provably nothing happened, so trying again is safe."""


class Rejected(SpecsError):
    """A definite no: the service understood and refused."""


class NameTaken(Rejected):
    """A specification with this name exists."""


class Uncertain(SpecsError):
    """The call may or may not have taken effect; only a look-up can tell."""


class SlackTrouble(BotError):
    """Slack delivery failed.

    Args:
        what: The method and its error.
        retry_after_s: Seconds to wait, by Slack or by our own pacing.
        permanent: Whether trying again cannot help before a repair or an upgrade.
        paced: Whether it was not tried, because it must wait for its budget.
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
        error: Slack's error, or the kind of the failure.
        retry_after_s: Seconds Slack asks to wait, if it does.
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
    """The database failed; nothing was stored.

    Args:
        what: ``full``, ``read-only``, ``forbidden``, ``away``, ``busy``, or ``conflict`` if another commit came first
            and the transaction may be run again.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class VersionConflict(StoreError):
    """Another transaction changed the row first: read it again and decide again."""

    def __init__(self, what: str = "conflict") -> None:
        super().__init__(what)


class NoDatabase(BotError):
    """There is no database yet; a command that reads one does not create it.

    Args:
        path: The missing SQLite file; None for a server's database without tables.
    """

    def __init__(self, path: str | None = None) -> None:
        super().__init__(path)
        self.path = path


class SettingsError(BotError):
    """The settings are invalid; every problem is one sentence that names the setting and shows no value."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
