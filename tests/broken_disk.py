"""A disk that fails at one of the writes of a journal, in one of the ways of real ones."""

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from daga_nb.journal import file

WAYS = {
    "full": (sqlite3.SQLITE_FULL, "COMMIT", "the disk is full"),
    "locked": (sqlite3.SQLITE_BUSY, "BEGIN", "in use by another process"),
    "read-only": (sqlite3.SQLITE_READONLY, "INSERT", "it is read-only"),
    "broken in the middle": (sqlite3.SQLITE_IOERR_WRITE, "last", "cannot be used: "),
    "not known whether it was done": (sqlite3.SQLITE_IOERR_FSYNC, "after", "cannot be used: "),
    "interrupted before it is done": (KeyboardInterrupt, "COMMIT", ""),
    "interrupted in the middle": (KeyboardInterrupt, "last", ""),
    "interrupted after it was done": (KeyboardInterrupt, "after", ""),
}
"""What is raised, where in the transaction, and the words that people read."""


class Disk:
    """Counts the writes into journals that are opened from now on, and fails at one of them.

    Attributes
    ----------
    writes
        How many there were.
    broken
        Whether it has failed, and was not mended since. Then every further write fails too, unless it was
        interrupted.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.writes = 0
        self.broken = False
        self._at = 0
        self._way = ""
        self.failed: Callable[[], object] = lambda: None
        real = file._connected
        monkeypatch.setattr(file, "_connected", lambda *args: _Connection(real(*args), self))

    def fail(self, at: int, way: str, failed: Callable[[], object]) -> None:
        """Fail at the write with this number, counted from now on, and call `failed` then."""
        self.writes, self.broken = 0, False
        self._at, self._way, self.failed = at, way, failed

    def mend(self) -> None:
        self._at, self.broken = 0, False

    def begin(self) -> None:
        self.writes += 1
        if self.writes == self._at:
            self.broken = True
            self.failed()

    def strike(self, place: str) -> None:
        kind, where, _ = WAYS.get(self._way, (None, "", ""))
        if not self.broken or place != where:
            return
        if kind is KeyboardInterrupt:
            self.broken = False
            raise KeyboardInterrupt
        error = sqlite3.OperationalError("as the disk says it")
        error.sqlite_errorcode = kind  # type: ignore[assignment]
        raise error


class _Connection:
    """What a journal has in place of SQLite's connection."""

    def __init__(self, real: sqlite3.Connection, disk: Disk) -> None:
        self._real = real
        self._disk = disk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def execute(self, sql: str, values: Any = ()) -> Any:
        word = sql.split()[0]
        disk = self._disk
        if word == "BEGIN":
            disk.begin()
            disk.strike("BEGIN")
        elif word == "COMMIT":
            disk.strike("last")
            disk.strike("COMMIT")
        done = self._real.execute(sql, values)
        if word == "COMMIT":
            disk.strike("after")
        return done

    def executemany(self, sql: str, rows: Any) -> Any:
        self._disk.strike("INSERT")
        return self._real.executemany(sql, rows)
