"""Sees to it that a journal stays where it is, and with whom: what SQLite does not notice while it has it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import IO

from daga_nb.errors import JournalBusy, JournalError

__all__ = ["WAIT", "Guard", "busy"]

WAIT = 0.5
"""Seconds that the lock of a process which is just ending is waited for."""

_PAUSE = 0.02


def busy(path: Path) -> JournalBusy:
    """Give the error for a file that another process has.

    >>> print(busy(Path("runs.db")))
    the journal runs.db is in use by another process (another notebook's kernel?): end that one, or take ...
    """
    return JournalBusy(
        f"the journal {path} is in use by another process (another notebook's kernel?): "
        "end that one, or take another file"
    )


def _gone(path: str) -> JournalError:
    return JournalError(
        f"{path} was moved, deleted or replaced while it was in use: nothing more is written there, "
        "nor called. Put it back; or restart this kernel, and resume from what is there"
    )


class Guard:
    """Watches over a journal's file and the WAL beside it.

    SQLite's lock on a file is lost as soon as anything in this process has opened and closed that file, be it
    to copy it: that is what POSIX says. So the WAL is locked too, in a way (`flock`) that stands that;
    Windows has no need of it. And SQLite goes on writing to a file that has been deleted or replaced.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = Path(f"{path}-wal")
        self._locked: IO[bytes] | None = None
        self._known: list[tuple[str, int, int]] = []  # what is asked before each commit is plain numbers

    def take(self) -> None:
        """Lock the WAL that is there, before SQLite touches it, and would clear it away in the end.

        Raises
        ------
        JournalBusy
            If another process has it.
        """
        until = monotonic() + WAIT
        while not self._lock():
            if monotonic() > until:
                raise busy(self._path)
            sleep(_PAUSE)

    def settle(self) -> None:
        """Take note of which files they are, now that SQLite has them, and lock the WAL that it has made.

        Raises
        ------
        JournalBusy, JournalError
            If another process has it, or it is not there.
        """
        found = [self._found(str(path)) for path in (self._path, self._wal)]
        self._known = [
            (str(path), now.st_ino, now.st_dev)
            for path, now in zip((self._path, self._wal), found, strict=True)
        ]
        if self._locked is None or not os.path.samestat(os.fstat(self._locked.fileno()), found[1]):
            self.let_go()
            self.take()

    def check(self) -> None:
        """Make sure that what is written now is in the file that others will find.

        Raises
        ------
        JournalError
            If it is another one, or none.
        """
        for path, inode, device in self._known:
            found = self._found(path)
            if found.st_ino != inode or found.st_dev != device:
                raise _gone(path)

    def let_go(self) -> None:
        """Unlock the WAL. In a forked child that leaves the parent's lock alone."""
        if self._locked is not None:
            self._locked.close()
            self._locked = None

    @staticmethod
    def _found(path: str) -> os.stat_result:
        try:
            return os.stat(path)
        except OSError as error:
            raise _gone(path) from error

    def _lock(self) -> bool:
        if sys.platform == "win32":
            return True
        import fcntl

        try:
            file = open(self._wal, "rb")  # noqa: SIM115 (it is held)
        except OSError:
            return True  # there is none yet; or SQLite will say what is wrong
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        except OSError:  # not in this file system: then there is SQLite's lock alone
            file.close()
            return True
        self._locked = file
        return True
