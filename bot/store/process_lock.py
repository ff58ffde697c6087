"""One serving process for each SQLite file: a second one would take over work in progress."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bot.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TAKEN = (
    "PEFTSIZE_DATABASE_URL: another peftsize serves this SQLite file; stop it first, or use PostgreSQL "
    "to run several."
)
_NO_LOCK = (
    "PEFTSIZE_DATABASE_URL: a lock beside the SQLite file cannot be made ({why}); "
    "put the file into a folder of a local disk that this user may write to."
)


@contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold the exclusive right to serve a SQLite file, with a lock on ``<file>.lock`` beside it.

    The operating system releases it however the process ends; the file stays. Links to the database lead to the same
    lock. A folder that is not writable is refused, since SQLite itself must write beside the file.

    Args:
        path: The database file; it need not exist yet.

    Raises:
        SettingsError: Another process holds the lock, or the file cannot be locked.
    """
    real = path.resolve()
    try:
        fd = os.open(real.with_name(real.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SettingsError((_NO_LOCK.format(why=error.strerror),)) from error
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            taken = error.errno in {errno.EWOULDBLOCK, errno.EACCES}
            raise SettingsError((_TAKEN if taken else _NO_LOCK.format(why=error.strerror),)) from error
        yield
    finally:
        os.close(fd)
