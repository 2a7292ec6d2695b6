"""Two runs of the same flow, compared: where they went apart, and what ended differently."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from daga_nb.core.events import Event
from daga_nb.core.states import NodeState
from daga_nb.debug.side_by_side import Parting, SideBySide
from daga_nb.debug.story import Story

__all__ = ["Apart", "Comparison", "Ending"]


class Apart(NamedTuple):
    """Where two stories first differ: in what the same action, or the run itself, did next.

    Attributes
    ----------
    node
        The action; None for the run itself.
    one, other
        What it did in each of the stories; None if nothing more.
    """

    node: str | None
    one: Event | None
    other: Event | None

    @property
    def position(self) -> int:
        """After how many events the first of the two is seen."""
        return Parting(self.node, (self.one, self.other)).position

    def __str__(self) -> str:
        return str(Parting(self.node, (self.one, self.other)))


class Ending(NamedTuple):
    """How an action ended in each of two runs.

    Attributes
    ----------
    node
        The action.
    one, other
        Its states.
    took_one, took_other
        How many seconds its last call took; None if it was not called.
    other_result
        Whether it ended in the same state, and yet with another result.
    """

    node: str
    one: NodeState
    other: NodeState
    took_one: float | None
    took_other: float | None
    other_result: bool

    @property
    def differs(self) -> bool:
        """Whether it ended differently; another duration is no difference."""
        return self.one is not self.other or self.other_result


@dataclass(frozen=True)
class Comparison:
    """What is different in two runs of the same flow. ``compare`` shows it.

    What runs at once may end in any order: only the order of what the same action did is compared.

    Raises
    ------
    StoryError
        If they are not of the same flow.

    Examples
    --------
    >>> import asyncio
    >>> from daga_nb import DagaFlow, Fault
    >>> async def quote(results): return 842.0
    >>> async def pay(results): return "paid"
    >>> flow = DagaFlow([(quote, pay)])
    >>> good, bad = flow.start(), flow.start(faults=[Fault.raising(TimeoutError("no answer"), at="pay")])
    >>> _ = asyncio.run(good.go()), asyncio.run(bad.go())
    >>> found = Comparison(good.story, bad.story)
    >>> print(found.first)
    pay: succeeded | failed (TimeoutError: no answer (planted, before the effect))
    >>> [ending.node for ending in found.differing]
    ['quote', 'pay']
    """

    one: Story
    other: Story

    def __post_init__(self) -> None:
        assert self.table

    @cached_property
    def table(self) -> SideBySide:
        """The same as a table, in which the runs have the names run A and run B."""
        return SideBySide({"run A": self.one, "run B": self.other})

    @property
    def first(self) -> Apart | None:
        """Where they first differ; None if nowhere."""
        found = self.table.first
        if found is None:
            return None
        one, other = found.events
        return Apart(found.node, one, other)

    @property
    def endings(self) -> list[Ending]:
        """How each action ended, in plan order."""
        found = []
        for row in self.table.rows:
            (one, other), (took_one, took_other) = row.states, row.took
            found.append(Ending(row.node, one, other, took_one, took_other, row.other_result))
        return found

    @property
    def differing(self) -> list[Ending]:
        """The actions that ended differently, in plan order."""
        return [ending for ending in self.endings if ending.differs]

    @property
    def elapsed(self) -> tuple[float, float]:
        """How many seconds of run time each of them took, up to its last event."""
        one, other = self.table.sums
        return one.elapsed, other.elapsed
