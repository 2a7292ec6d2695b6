"""A journal's file: opened by one process at a time, and only ever added to."""

from __future__ import annotations

import atexit
import gc
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakValueDictionary

from daga_nb.errors import JournalBusy, JournalError
from daga_nb.journal.foreign import check_head, check_pages, checked_path, has_format, is_blank, is_empty
from daga_nb.journal.guard import WAIT, Guard, busy
from daga_nb.journal.schema import APPLICATION, PAGE, SCHEMA, VERSION

__all__ = ["LARGEST_TEXT", "LONGEST_TEXT", "Holder", "Journal", "close_idle", "opened"]

LARGEST_TEXT = 64 * 2**20
"""Bytes of the longest text that is read from a journal: the shape of a very large flow."""

LONGEST_TEXT = 4 * 2**20
"""Bytes of the longest of all other texts."""

_SETTINGS = (
    "trusted_schema=OFF", "cell_size_check=ON", "foreign_keys=ON", "locking_mode=EXCLUSIVE",
    "recursive_triggers=ON",  # else INSERT OR REPLACE deletes without asking
)  # fmt: skip
_OLDEST = (3, 37)  # the first with STRICT tables

Statement = tuple[str, Sequence[Sequence[Any]]]
"""SQL, and the rows that it is carried out with."""


class Holder(Protocol):
    """What works with one run of a journal, in this process."""

    @property
    def used(self) -> bool:
        """Whether it has written anything."""

    def busy(self) -> bool:
        """Whether the run is being driven by it now."""

    def give_up(self) -> None:
        """Write nothing more: another one does."""


class Journal:
    """The one connection of this process to one file. `opened` gives it.

    SQLite's own lock, and that of the `Guard`, keep other processes out for as long as it is open, and end
    with this process, however that ends. So no two kernels can both go on with a run.

    Attributes
    ----------
    path
        Where the file is.
    leases
        How many work with it just now.
    holders
        What in this process works with each run, by its id, as long as that is there.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = path
        self.leases = 0
        self.holders: WeakValueDictionary[str, Holder] = WeakValueDictionary()
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._guard = Guard(path)
        with ExitStack() as undone:
            undone.callback(self._guard.let_go)
            self._guard.take()
            self._connection = _connected(path, create)
            undone.callback(self._connection.close)
            with _told(path):
                _prepare(self._connection, path, check=not create)
            self._guard.settle()
            undone.pop_all()

    def write(self, statements: Sequence[Statement]) -> None:
        """Carry out all the statements in one commit, or none.

        Raises
        ------
        JournalError
            If it cannot be written.
        """
        self._check_ours()
        connection = self._connection
        with self._lock:
            self._guard.check()
            try:
                connection.execute("BEGIN IMMEDIATE")
                for sql, rows in statements:
                    connection.executemany(sql, rows)
                connection.execute("COMMIT")
            except BaseException as error:
                if connection.in_transaction:
                    # What is wrong is being raised; that it cannot be taken back either adds nothing to it.
                    with suppress(sqlite3.Error):
                        connection.execute("ROLLBACK")
                if isinstance(error, _REFUSED):
                    raise _in_words(self.path, error) from error
                raise

    def read(
        self, sql: str, values: Sequence[Any] | Mapping[str, Any] = (), *, longest: int = LONGEST_TEXT
    ) -> list[tuple[Any, ...]]:
        """Give the rows that a query finds, of which none has a text of more bytes than `longest`.

        Raises
        ------
        JournalError
            If one has, or the file is damaged.
        """
        self._check_ours()
        with self._lock, _told(self.path):
            before = self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, longest)
            try:
                return self._connection.execute(sql, values).fetchall()
            finally:
                self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, before)

    def _check_ours(self) -> None:
        if os.getpid() != self._process:
            # SQLite's locks are not those of a child; its writes would ruin the file.
            raise JournalBusy(f"{self.path} was opened by the process that this one was forked from")

    def close(self) -> None:
        """Let other processes have the file."""
        with self._lock:
            if os.getpid() == self._process:
                self._connection.close()
                self._guard.let_go()


_open: dict[Path, Journal] = {}
_opening = threading.RLock()


@contextmanager
def opened(path: str | os.PathLike[str], *, create: bool) -> Iterator[Journal]:
    """Have the journal in a file inside, for all of this process the same.

    Behind, it stays open if something holds a run of it.

    Raises
    ------
    JournalBusy
        If another process has it.
    JournalError
        If it is none, or cannot be read and written.
    """
    found = checked_path(path)
    with _opening:
        journal = _open.get(found)
        if journal is None:
            journal = _open[found] = Journal(found, create=create)
        journal.leases += 1  # what is collected as garbage meanwhile may have been its last holder
    try:
        yield journal
    finally:
        with _opening:
            journal.leases -= 1
            close_idle(journal)


def close_idle(journal: Journal) -> None:
    """Let other processes have the file, unless something here still works with it."""
    with _opening:
        if not journal.leases and not list(journal.holders.values()) and _open.get(journal.path) is journal:
            del _open[journal.path]
            journal.close()


@atexit.register
def _close_all() -> None:
    for journal in list(_open.values()):
        journal.close()


def _leave_to_the_parent() -> None:
    """Keep a forked child from ever closing what its parent has open.

    Closing is what frees a connection, at the latest when the child ends, and it would remove the file's WAL
    under the parent, whose further commits would go nowhere. So it is never freed: it stands in a cycle, and
    the collector is told to leave alone all that was inherited.
    """
    global _opening
    _opening = threading.RLock()  # a thread that is not here may have it
    if _open:
        inherited: list[Any] = list(_open.values())
        for journal in _open.values():
            journal._guard.let_go()
        inherited.append(inherited)
        _open.clear()
        gc.freeze()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_the_parent)


def _connected(path: Path, create: bool) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < _OLDEST:
        raise JournalError(f"a journal needs SQLite 3.37, and this Python has {sqlite3.sqlite_version}")
    try:
        _check_place(path, create)
        uri = f"{path.as_uri()}?mode={'rwc' if create else 'rw'}"
        return sqlite3.connect(
            uri, uri=True, timeout=WAIT, isolation_level=None, check_same_thread=False, cached_statements=64
        )
    except (sqlite3.Error, OSError) as error:
        raise JournalError(f"the journal {path} cannot be opened: {error}") from error


def _check_place(path: Path, create: bool) -> None:
    if path.exists():
        if not path.is_file():
            raise JournalError(f"{path} is no file: a journal is one")
        if not create and is_blank(path):
            raise JournalError(f"{path} is empty: no run was ever written there")
        check_head(path)
    elif not create:
        raise JournalError(f"there is no journal {path}")
    elif not path.parent.is_dir():
        raise JournalError(f"there is no folder {path.parent} for the journal {path.name}")


def _prepare(connection: sqlite3.Connection, path: Path, *, check: bool) -> None:
    """Take the lock, check that it is a journal or make it one; `check` its pages if they are to be read."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_TEXT)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    for pragma in _SETTINGS:
        connection.execute(f"PRAGMA {pragma}")
    if has_format(connection, path) and check:
        check_pages(connection, path)
    # NORMAL could lose the last commits when the power fails: a saga that forgets what it did undoes nothing.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA page_size={PAGE}")
    connection.execute("BEGIN IMMEDIATE")  # from here on the file is this process's
    if is_empty(connection):
        connection.execute(f"PRAGMA application_id={APPLICATION}")
        connection.execute(f"PRAGMA user_version={VERSION}")
        for statement in SCHEMA:
            connection.execute(statement)
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode=WAL")  # only now, so that the file itself says what it is
    is_empty(connection)  # whoever asks anything makes the WAL, which is to be guarded


# Also what SQLite says of a damaged file need not be text.
_REFUSED = (sqlite3.Error, OverflowError, UnicodeError)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except _REFUSED as error:
        raise _in_words(path, error) from error


def _in_words(path: Path, error: Exception) -> JournalError:
    """Say for people what SQLite finds wrong."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return busy(path)
    if primary == sqlite3.SQLITE_FULL:
        return JournalError(f"the journal {path} cannot be written: the disk is full")
    if primary == sqlite3.SQLITE_READONLY:
        return JournalError(f"the journal {path} cannot be written: it is read-only")
    if primary == sqlite3.SQLITE_INTERRUPT:
        return JournalError(f"{path} takes too long to read: it is no journal of daga-nb")
    if primary == sqlite3.SQLITE_TOOBIG:
        return JournalError(f"the journal {path} has a text that is longer than what a journal keeps")
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or isinstance(error, UnicodeError):
        return JournalError(f"{path} is no journal, or a damaged one: {error}")
    return JournalError(f"the journal {path} cannot be used: {error}")
