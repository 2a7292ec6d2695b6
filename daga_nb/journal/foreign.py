"""Whether a file is a journal of daga-nb: data of others, looked at before anything is written to it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from daga_nb.errors import JournalError
from daga_nb.journal.schema import APPLICATION, SCHEMA, VERSION

__all__ = ["check_head", "check_pages", "checked_path", "has_format", "is_blank", "is_empty"]

_LONGEST_LOOK = 1.0  # seconds that it may take to see whether a file is a journal
_LARGEST_CHECKED = 64 * 2**20  # bytes of the largest file that is checked as a whole


def checked_path(path: str | os.PathLike[str]) -> Path:
    """Give the path of a file, resolved.

    Raises
    ------
    JournalError
        If it is none.
    """
    try:
        text = os.fspath(path)
    except TypeError:
        raise JournalError(f"journal={path!r}: it is the path of a file, like 'runs.db'") from None
    if not isinstance(text, str) or not text or "\0" in text or text == ":memory:":
        raise JournalError(f"journal={path!r}: it is the path of a file, like 'runs.db'")
    try:
        return Path(text).resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise JournalError(f"journal={path!r}: no file can be there: {error}") from error


def check_head(path: Path) -> None:
    """Refuse what is no journal of this version by its first bytes: SQLite would write to it as it opens it.

    Raises
    ------
    JournalError
        If it is none, or cannot be read. An empty file may become one.
    """
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except OSError as error:
        raise JournalError(f"the journal {path} cannot be opened: {error}") from error
    if not head:
        return
    if len(head) < 100 or not head.startswith(b"SQLite format 3\0"):
        raise JournalError(f"{path} is no journal: it is not even a database")
    version, application = int.from_bytes(head[60:64], "big"), int.from_bytes(head[68:72], "big")
    if application != APPLICATION:
        raise JournalError(f"{path} is a database, and no journal of daga-nb")
    if version != VERSION:
        raise JournalError(f"{path} is a journal of version {version}; this daga_nb reads version {VERSION}")


def is_blank(path: Path) -> bool:
    """Whether there is a file without a single byte."""
    try:
        return path.is_file() and not path.stat().st_size
    except OSError:  # who opens it says what is wrong
        return False


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether a database has no tables."""
    return not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]


def has_format(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether it has the tables of a journal; if not, it has none.

    Raises
    ------
    JournalError, sqlite3.Error
        If it has others, or more of them than can be looked through.
    """
    with _in_time(connection, _LONGEST_LOOK):  # very many parts take SQLite minutes to read
        if is_empty(connection):
            return False
        _check_format(connection, path)
        return True


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    found = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    # A trigger or a view of somebody else's would be carried out with the next write.
    if sorted(str(sql) for (sql,) in found) != sorted(SCHEMA):
        raise JournalError(f"{path} has other tables than a journal: it is not opened")


def check_pages(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a damaged file, as far as that can be seen in a short time.

    Raises
    ------
    JournalError, sqlite3.Error
        If it is damaged.
    """
    if path.stat().st_size > _LARGEST_CHECKED:
        return  # that would take too long; what is read is checked anyway
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise JournalError(f"the journal {path} is damaged: {found}")


@contextmanager
def _in_time(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Let SQLite break off what takes longer than that inside."""
    until = monotonic() + seconds
    connection.set_progress_handler(lambda: monotonic() > until, 1_000)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)
