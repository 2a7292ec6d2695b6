"""The ledger of effects: what a run says it has done to the world, and what became of that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from daga_nb.core.entries import Entry
from daga_nb.core.plan import Plan
from daga_nb.core.states import RunState
from daga_nb.core.tally import Row, Tally, Verdict

if TYPE_CHECKING:
    from daga_nb.render.ledger import LedgerTable

__all__ = ["ROLLED_BACK", "Ledger"]

ROLLED_BACK = (RunState.ROLLED_BACK, RunState.ROLLBACK_INCOMPLETE)
"""The states of a run in which nothing should be in the world any more."""


@dataclass(frozen=True)
class Ledger:
    """What the actions of a run said about their effects, counted.

    ``run.ledger`` and ``story.at(position).ledger`` make it. It knows what was told with ``context.effect``
    and ``context.undo_effect``, and nothing else.

    Attributes
    ----------
    entries
        What was said, in order.
    plan
        The shape of the flow; without it, the order of the rollbacks is not looked at.
    state
        The state of the run: what is in the world once it was rolled back has been left behind.

    Examples
    --------
    >>> import asyncio
    >>> from daga_nb import DagaAction, DagaFlow, Fault
    >>> @DagaAction
    ... async def pay(results, context): context.effect("charge", 17)
    >>> @pay.on_rollback
    ... async def refund(results, context): pass
    >>> run = DagaFlow([(pay, print)]).start(faults=[Fault.raising(TimeoutError, at="pay", where="after")])
    >>> _ = asyncio.run(run.go())
    >>> print(run.ledger)
    effect  key  in the world  done  undone  by   verdict
    charge  17              1     1       0  pay  ⚑ left behind
    >>> run.ledger.clean
    False
    """

    entries: tuple[Entry, ...] = ()
    plan: Plan | None = field(default=None, repr=False, compare=False)
    state: RunState = RunState.RUNNING

    def __repr__(self) -> str:
        counts = Counter(row.verdict for row in self.rows)
        told = ", ".join(f"{counts[one]} {one}" for one in Verdict if counts[one])
        return f"<Ledger of {len(self.rows)} effect{'s' * (len(self.rows) != 1)}{': ' * bool(told)}{told}>"

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """A row for each effect, in the order in which they were first spoken of."""
        tally = Tally(self.plan)
        for entry in self.entries:
            tally.add(entry)
        if self.state in ROLLED_BACK:
            return tuple(row.at_the_end() for row in tally.rows)
        return tuple(tally.rows)

    @property
    def in_world(self) -> tuple[Row, ...]:
        """What is in the world now."""
        return tuple(row for row in self.rows if row.in_world > 0)

    @property
    def left(self) -> tuple[Row, ...]:
        """What is in the world although the run was rolled back; nothing as long as it was not."""
        return self._with(Verdict.LEFT)

    @property
    def done_twice(self) -> tuple[Row, ...]:
        """What was done again while it was in the world."""
        return self._with(Verdict.DONE_TWICE)

    @property
    def undone_twice(self) -> tuple[Row, ...]:
        """What was undone again although it was not in the world any more."""
        return self._with(Verdict.UNDONE_TWICE)

    @property
    def undone_never_done(self) -> tuple[Row, ...]:
        """What was undone without having been done before."""
        return self._with(Verdict.NEVER_DONE)

    @property
    def wrong_order(self) -> tuple[Row, ...]:
        """What was undone before an effect of an action downstream of it was undone."""
        return self._with(Verdict.TOO_EARLY)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong: nothing left behind, done or undone too often, or in the wrong order."""
        return not any(row.flaws for row in self.rows)

    @property
    def flaws(self) -> str:
        """What is wrong, counted and in words, the worst first; nothing if nothing is.

        >>> entry = Entry(2, 0.1, "pay", 1, "back", "undone", "charge", "17")
        >>> Ledger((entry, entry)).flaws
        '1 effect undone, never done'
        """
        counts = Counter(row.verdict for row in self.rows if row.flaws)
        told = [(counts[verdict], verdict) for verdict in Verdict if counts[verdict]]
        words = [f"{count} {verdict}" for count, verdict in told]
        if words:
            count, verdict = told[0]
            words[0] = f"{count} effect{'s' * (count > 1)} {verdict}"
        return ", ".join(words)

    def count(self, name: str, key: object) -> int:
        """Give how often an effect is in the world now; `key` as it was given to ``context.effect``."""
        text = str(tuple(key) if isinstance(key, list) else key)
        return sum(row.in_world for row in self.rows if row.name == name and row.key == text)

    def _with(self, flaw: Verdict) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if flaw in row.flaws)

    def to_frame(self) -> Any:
        """Give the rows as a `pandas.DataFrame`.

        Raises
        ------
        DagaError
            If pandas is not installed.
        """
        return self._table().to_frame()

    def __str__(self) -> str:
        return str(self._table())

    def _repr_html_(self) -> str:
        return self._table().html

    def _table(self) -> LedgerTable:
        from daga_nb.render.ledger import LedgerTable

        return LedgerTable(self.rows)

    @classmethod
    def until(cls, entries: Iterable[Entry], position: int, plan: Plan | None, state: RunState) -> Ledger:
        """Give the ledger as it was after the first `position` events."""
        return cls(tuple(entry for entry in entries if entry.seq <= position), plan, state)
