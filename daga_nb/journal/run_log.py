"""One run in a journal, as the engine writes it down."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any
from weakref import finalize

from daga_nb.core.entries import Entry
from daga_nb.core.moves import Policy, Undo
from daga_nb.core.plan import Plan
from daga_nb.core.shape import check_parts
from daga_nb.engine.log import Mark, Row
from daga_nb.engine.preview import whole
from daga_nb.errors import JournalBusy, JournalError, JournalValueError, StoryError
from daga_nb.journal.codec import encode
from daga_nb.journal.file import Journal, Statement, close_idle, opened
from daga_nb.journal.head import Shape, hash_of

if TYPE_CHECKING:
    from daga_nb.engine.run import FlowRun

__all__ = ["Counts", "RunLog", "let_go"]

Counts = tuple[int, int, int]
"""How many events, entries of the ledger, and marks of a run are in the file."""

_NOTHING: Counts = (0, 0, 0)

_RUN = "INSERT INTO run VALUES (?, ?, ?, ?, ?, ?)"
_EVENT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ENTRY = "INSERT INTO entry VALUES (?, ?, ?)"
_MARK = "INSERT INTO mark VALUES (?, ?, ?, ?, ?, ?, ?)"
_COUNT = """
SELECT (SELECT count(*) FROM event WHERE run_id = :id), (SELECT count(*) FROM entry WHERE run_id = :id),
  (SELECT count(*) FROM mark WHERE run_id = :id), (SELECT count(*) FROM run WHERE run_id = :id)
"""


class RunLog:
    """Writes one run into a journal.

    It holds the file from the beginning until the run has ended, and again while an ended run is rolled back
    by request.

    Attributes
    ----------
    path
        The journal's file.
    run_id
        The run's id.
    used
        Whether anything was written by this object.
    """

    used = False

    def __init__(self, path: str | os.PathLike[str], flow: str, input: Any) -> None:
        self._flow = whole(flow)
        try:
            self._input = encode(input)  # before there is a file
        except JournalValueError as error:
            raise JournalValueError(f"the input cannot be kept in the journal: {error}") from None
        with opened(path, create=True) as journal:
            self._name(journal.path, secrets.token_hex(6))
            self._take(journal)
        self._head: tuple[str, str] | None = None  # the shape and the input, until they are written
        self._counts = _NOTHING
        self._resumed = False

    @classmethod
    def resumed(cls, path: Path, run_id: str, counts: Counts) -> RunLog:
        """Give what goes on writing a run that is in the journal, as soon as it is to `take_over`."""
        log = cls.__new__(cls)
        log._name(path, run_id)
        log._head, log._counts, log._resumed = None, counts, True
        return log

    def take_over(self, journal: Journal) -> None:
        """Be the one who writes the run; what wrote it before, in this process, is not any more."""
        before = journal.holders.get(self.run_id)
        if before is not None:
            before.give_up()
        self._take(journal)

    def _name(self, path: Path, run_id: str) -> None:
        self.path = path
        self.run_id = run_id
        self._journal: Journal | None = None
        self._given_up = False
        self._busy: Callable[[], bool] = lambda: False
        self._unsure = False  # whether the last write was broken off, and may have been done

    def _take(self, journal: Journal) -> None:
        self._journal = journal
        journal.holders[self.run_id] = self
        self._let_go = finalize(self, close_idle, journal)

    def give_up(self) -> None:
        """Write nothing more: another one does."""
        self._given_up = True
        self._journal = None

    def begin(self, plan: Plan, undo: Sequence[Undo], policy: Policy, busy: Callable[[], bool]) -> None:
        """Take note of what run this is, unless the journal knows."""
        self._busy = busy
        if self._resumed:
            return
        shape = Shape(plan, tuple(undo), policy).to_text()
        try:
            check_parts(shape)  # what is written can be read again
        except StoryError as error:
            raise JournalError(f"the flow {self._flow[:60]!r} is too large for a journal: {error}") from None
        self._head = (shape, self._input)

    def busy(self) -> bool:
        """Whether the run is being driven here now."""
        return self._busy()

    def encode(self, value: Any) -> str:
        """Give a value as text."""
        return encode(value)

    def check(self) -> None:
        """Make sure that this run may go on from here."""
        if self._given_up:
            raise JournalBusy(
                f"run {self.run_id} was resumed since, and goes on there: this one does nothing more"
            )

    def append(self, rows: Sequence[Row], entries: Sequence[Entry], marks: Sequence[Mark]) -> None:
        """Write all of this down, or nothing."""
        self.check()
        journal = self._held()
        events, noted, marked = self._counts
        if self._unsure:
            written = self._in_file(journal)
            skipped = [now - before for now, before in zip(written, self._counts, strict=True)]
            rows, entries, marks = rows[skipped[0] :], entries[skipped[1] :], marks[skipped[2] :]
            events, noted, marked = written  # the counts stay: what comes next begins where this began
        counts = (events + len(rows), noted + len(entries), marked + len(marks))
        run_id, statements = self.run_id, list[Statement]()
        if self._head is not None:
            shape, input = self._head
            statements.append((_RUN, [(run_id, self._flow, time(), shape, hash_of(shape), input)]))
        if rows:
            statements.append((_EVENT, [self._event(row) for row in rows]))
        if entries:
            texts = enumerate([json.dumps(entry.to_json()) for entry in entries], noted + 1)
            statements.append((_ENTRY, [(run_id, number, text) for number, text in texts]))
        if marks:
            told = [
                (run_id, number, mark.after, mark.kind, mark.node, whole(mark.value), time())
                for number, mark in enumerate(marks, marked + 1)
            ]
            statements.append((_MARK, told))
        self._unsure = True
        journal.write(statements)
        self._unsure = False
        self.used = True
        self._head, self._counts = None, counts

    def _event(self, row: Row) -> tuple[Any, ...]:
        event = row.event
        return (
            self.run_id,
            event.seq,
            event.at,
            row.node,
            event.state.value,
            event.attempt,
            whole(event.reason),
            row.outcome,
            row.seconds,
            row.value,
            row.error,
        )

    def _in_file(self, journal: Journal) -> Counts:
        ((events, entries, marks, head),) = journal.read(_COUNT, {"id": self.run_id})
        if head:
            self._head = None
        return events, entries, marks

    def _held(self) -> Journal:
        """Give the journal, opened again if others could have had it meanwhile."""
        if self._journal is None:
            if self._unsure:
                raise JournalError(
                    f"run {self.run_id}: its file was let go of while nobody knew whether the last write was "
                    "done; flow.resume(...) shows how it stands"
                )
            with opened(self.path, create=False) as journal:
                if self._in_file(journal) != self._counts:
                    raise JournalError(
                        f"run {self.run_id} was gone on with elsewhere: flow.resume(...) shows how it stands"
                    )
                self._take(journal)
        assert self._journal is not None
        return self._journal

    def rest(self) -> None:
        """Let others have the file, until there is something to write."""
        journal = self._journal
        if journal is not None and not self._given_up:
            self._journal = None
            self._let_go.detach()
            journal.holders.pop(self.run_id, None)
            close_idle(journal)


def let_go(run: FlowRun) -> None:
    """Let others have the file of a run that nobody drives now; when it is driven again, it is taken again.

    >>> from daga_nb import DagaFlow
    >>> let_go(DagaFlow([(abs, max)]).start())  # it has none
    """
    keeping = run._driver.keeping
    if keeping is not None and not run.busy:
        keeping.log.rest()
