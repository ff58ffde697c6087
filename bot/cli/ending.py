"""How a command ends: expected errors with a sentence, unexpected ones with a reference.

Exit codes: 0 done, 1 refused or not found, 2 the request or the settings could not be read, 3 watsonx, Slack or the
database failed, 70 bug, 130 interrupted.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bot.cli.output import complain, on_the_command_line, sizing_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REFUSED, UNREADABLE, OUTSIDE_FAILED, BUG, INTERRUPTED = 1, 2, 3, 70, 130
LARGEST_PORT = 65_535


class UsageProblem(Exception):
    """Unknown commands or options.

    Args:
        what: What is wrong, in a sentence.
        command: The command whose help to read, such as ``peftsize requests list``.
    """

    def __init__(self, what: str, command: str) -> None:
        super().__init__(what)
        self.what = what
        self.command = command


def no_option(given: str, near: Iterable[str]) -> str:
    """Say that there is no such option, and name similar ones."""
    meant = " or ".join(sorted(near))
    return f"There is no option {given}." + (f" Did you mean {meant}?" if meant else "")


@contextmanager
def reported() -> Iterator[None]:
    """Turn an exception into a sentence on standard error and an exit code."""
    # libraries must not log to the terminal; `serve` and the sandbox set up their own logs
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # the reader, such as `head`, has closed the pipe, and the interpreter must not flush into it again
        # https://docs.python.org/3/library/signal.html#note-on-sigpipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - the outermost edge of the command line
        code, words = ending(error)
        complain(words)
        sys.exit(code)


def ending(error: Exception) -> tuple[int, str]:
    """Return the exit code and the sentence for an error."""
    from bot import errors, messages
    from sizing import ConfigError, SizingError

    if isinstance(error, UsageProblem):
        return UNREADABLE, f"{error.what}\nTry: {error.command} --help"
    if isinstance(error, SizingError):
        return UNREADABLE, sizing_error(error)
    if isinstance(error, ConfigError):
        return UNREADABLE, messages.explain(error)
    if isinstance(error, errors.BotError):
        code = OUTSIDE_FAILED
        if isinstance(error, errors.Refused):
            code = REFUSED
        elif isinstance(error, errors.SettingsError | errors.NoDatabase):
            code = UNREADABLE
        return code, on_the_command_line(messages.explain(error))
    if isinstance(error, ModuleNotFoundError):
        missing = (error.name or "").partition(".")[0]
        if missing in messages.MISSING:
            return UNREADABLE, messages.MISSING[missing]
    reference = secrets.token_hex(4)
    _log_bug(error, reference)
    return BUG, messages.unexpected(reference)


def _log_bug(error: Exception, reference: str) -> None:
    """Print the traceback, without secrets, if no log was set up."""
    from bot.runtime import logs

    if all(isinstance(handler, logging.NullHandler) for handler in logging.getLogger().handlers):
        logs.set_up("text", ())
    logging.getLogger(__name__).error("unexpected", exc_info=error, extra={"facts": {"reference": reference}})
