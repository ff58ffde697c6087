"""How a command ends: expected errors with a sentence, unexpected ones with a reference.

Exit codes: 0 done, 1 refused or not found, 2 could not read the request or the settings,
3 watsonx, Slack or the database failed, 70 bug, 130 interrupted.
"""

from __future__ import annotations

import secrets
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED, UNREADABLE, OUTSIDE_FAILED, BUG, INTERRUPTED = 1, 2, 3, 70, 130


@contextmanager
def told() -> Iterator[None]:
    """Turn whatever ends the block into a sentence on standard error and an exit code."""
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()  # or the interpreter would complain of the closed pipe once more
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - the outermost edge of the command line
        code, words = ending(error)
        print(words, file=sys.stderr)  # noqa: T201 - the command line prints
        sys.exit(code)


def ending(error: Exception) -> tuple[int, str]:
    """Return exit code and sentence for an error."""
    from bot import errors, messages
    from sizing import ConfigError, SizingError

    if isinstance(error, errors.Refused):
        return REFUSED, messages.explain(error)
    if isinstance(error, errors.SettingsError | SizingError | ConfigError):
        return UNREADABLE, messages.explain(error)
    if isinstance(error, errors.BotError):
        return OUTSIDE_FAILED, messages.explain(error)
    import logging

    reference = secrets.token_hex(4)
    logging.getLogger(__name__).error("unexpected", exc_info=error, extra={"facts": {"reference": reference}})
    return BUG, messages.unexpected(reference)
