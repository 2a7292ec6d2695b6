"""What a run needs of a log that outlives its process. The journal is one; the engine knows no other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from daga_nb.core.entries import Entry
from daga_nb.core.events import Event
from daga_nb.core.moves import Direction, Policy, Undo
from daga_nb.core.plan import Plan

__all__ = ["Log", "Mark", "Row"]


class Row(NamedTuple):
    """One event, with what is kept beside it.

    Attributes
    ----------
    event
        What happened.
    node
        The number of its action; None for a change of the run.
    outcome
        Of which call it is the outcome: of the action's, or of its rollback's; None if of none.
    value
        What the call gave, as the text that `Log.encode` makes.
    error
        What it raised, as JSON: the name of the class, the message, the traceback; and ``"lost"`` if how it
        ended is not known because its process ended before.
    seconds
        How long it took.
    """

    event: Event
    node: int | None
    outcome: Direction | None = None
    value: str | None = None
    error: str | None = None
    seconds: float | None = None


class Mark(NamedTuple):
    """Something about a run that is no event of it.

    Attributes
    ----------
    after
        After how many events.
    kind
        ``"resumed"``; ``"released"``; ``"turning"``: it will be rolled back; ``"on_failure"``: what
        a failure does from now on; ``"undo"``: `node` is undone in another way from now on; ``"waits"``: its
        retry, or that of its rollback, is still to come; ``"called"``: that has come.
    node
        The number of the action, of the last three.
    value
        What undoing it takes, of ``"undo"``; why, of ``"turning"``;
        ``"rollback"`` or ``"pause"``, of ``"on_failure"``.
    """

    after: int
    kind: Literal["resumed", "released", "turning", "on_failure", "undo", "waits", "called"]
    node: int | None = None
    value: str = ""


class Log(Protocol):
    """Where a run is written down.

    Attributes
    ----------
    run_id
        The run's id.
    path
        Where people find the log.
    """

    @property
    def run_id(self) -> str: ...  # noqa: D102

    @property
    def path(self) -> Path: ...  # noqa: D102

    def begin(self, plan: Plan, undo: Sequence[Undo], policy: Policy, busy: Callable[[], bool]) -> None:
        """Take note of what run this is, before anything of it is written.

        `busy` tells whether it is being driven.

        Raises
        ------
        JournalError
            If it could not be written.
        """
        ...

    def encode(self, value: Any) -> str:
        """Give a value as text.

        Raises
        ------
        JournalValueError
            If it could not be read back as it is.
        """
        ...

    def check(self) -> None:
        """Make sure that this run may go on.

        Raises
        ------
        JournalError
            If another one has taken it over.
        """
        ...

    def append(self, rows: Sequence[Row], entries: Sequence[Entry], marks: Sequence[Mark]) -> None:
        """Write all of this down, or nothing. Any thread may.

        Raises
        ------
        JournalError
            If it cannot be written. The next call then begins with the same things, and with what has come
            since: it may be that they were written all the same.
        """
        ...

    def rest(self) -> None:
        """Take note that all is written and nobody goes on with the run: others may have the log."""
        ...
