"""What the views of a lab are told of its present run: the rows that they have not heard yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from daga_nb.page.effects import LedgerTape
from daga_nb.page.tape import Tape

if TYPE_CHECKING:
    from daga_nb.core.entries import Entry
    from daga_nb.core.events import Event
    from daga_nb.debug.history import History
    from daga_nb.engine.run import FlowRun

__all__ = ["Tapes"]


class Tapes:
    """The story and the ledger of a run as rows.

    Parameters
    ----------
    run
        The run.
    history
        Its notes.
    touch
        Told that there are more rows of the ledger, on any thread; once until they are taken.

    Examples
    --------
    >>> from daga_nb import DagaFlow
    >>> run = DagaFlow([(abs, max)]).start()
    >>> Tapes(run, run.take_notes(), touch=lambda: None).all()
    {'events': [], 'effects': []}
    """

    def __init__(self, run: FlowRun, history: History, touch: Callable[[], object]) -> None:
        self.events = Tape(run.plan, run.events, history.notes)
        self._run = run
        self._ledger = LedgerTape(run.plan)
        self._ledger.catch_up(run.effects, run.events)
        self._fresh: list[list[Any]] = []
        self._touch = touch
        self._touched = False
        run.subscribe_effects(self._hear)

    def _hear(self, entry: Entry) -> None:
        if not self._touched:  # there may be thousands, and one message tells of them all
            self._touched = True
            self._touch()

    def add(self, event: Event, note: Any) -> None:
        """Add an event."""
        self._fresh.append(self.events.add(event, note))

    def all(self) -> dict[str, list[list[Any]]]:
        """Give every row that has been taken."""
        return {"events": [*self.events.rows], "effects": [*self._ledger.rows]}

    def take(self) -> dict[str, list[list[Any]]]:
        """Give the rows that were not taken yet."""
        self._touched = False
        fresh, self._fresh = self._fresh, []
        return {"events": fresh, "effects": self._ledger.catch_up(self._run.effects, self._run.events)}
