"""What a timeline shows, read out of a run's story: bars, failures, and the turn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from daga_nb.core.events import Event
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState, RunState
from daga_nb.render.text import elide, seconds

__all__ = ["Bar", "Course", "bars_of"]

_N = NodeState
_BUSY = (_N.RUNNING, _N.ROLLING_BACK)


@dataclass(frozen=True)
class Bar:
    """What a node did from `start` to `end`, in seconds of run time.

    Attributes
    ----------
    back
        Whether it is a rollback.
    state
        How it ended; RUNNING or ROLLING_BACK if it has not.
    """

    node: int
    start: float
    end: float
    back: bool
    state: NodeState


def bars_of(plan: Plan, events: Iterable[Event], now: float = 0.0) -> list[Bar]:
    """Give the bars of a story, in the order in which they began. What has not ended lasts until `now`.

    >>> import networkx as nx
    >>> plan = Plan.compile(nx.DiGraph([("a", "b")]), str)
    >>> story = [Event(1, 0.0, "a", NodeState.RUNNING), Event(2, 0.5, "a", NodeState.SUCCEEDED)]
    >>> bars_of(plan, story)[0].end
    0.5
    """
    begun: dict[int, Event] = {}
    ended: list[tuple[int, Bar]] = []

    def close(node: int, end: float, state: NodeState) -> None:
        start = begun.pop(node)
        back = start.state is _N.ROLLING_BACK
        ended.append((start.seq, Bar(node, start.at, end, back, state)))

    for event in events:
        now = max(now, event.at)
        if event.node is None or not isinstance(event.state, NodeState):
            continue
        node = plan.ids[event.node]
        if node in begun:
            close(node, event.at, event.state)
        if event.state in _BUSY:
            begun[node] = event
    for node, start in list(begun.items()):
        close(node, now, NodeState(start.state))
    return [bar for _, bar in sorted(ended, key=lambda pair: pair[0])]


class Course:
    """What a timeline shows of a run's course: read out of its events, and out of what is left of it.

    Attributes
    ----------
    end
        How far it has come, in seconds of run time: its last event, or while something runs, now.
    turn
        When the run turned back for the first time; None if never.
    saved
        Whether that was only to a save point.
    left
        What is left after an incomplete rollback, in words.
    """

    def __init__(
        self,
        plan: Plan,
        events: Sequence[Event],
        state: RunState,
        name: str,
        *,
        now: float = 0.0,
        left: str = "",
    ) -> None:
        self.plan, self.events, self.run_state, self.name, self.left = plan, events, state, name, left
        self.bars = bars_of(plan, events, now)
        self.states = [_N.PENDING] * len(plan)
        self.points: list[tuple[float, int]] = []
        self.failures: list[tuple[int, float]] = []
        self.turn: float | None = None
        self.saved = False
        for event in events:
            if event.node is None:
                if isinstance(event.state, RunState) and event.state.back and self.turn is None:
                    self.turn = event.at  # later ones are rollbacks that are tried again
                    self.saved = event.state is RunState.RECOVERING
            elif isinstance(event.state, NodeState):
                node = plan.ids[event.node]
                if event.state not in _BUSY and self.states[node] not in _BUSY:
                    self.points.append((event.at, node))
                self.states[node] = event.state
                if event.state is _N.FAILED:
                    self.failures.append((node, event.at))
        self.end = max((*(event.at for event in events), *(bar.end for bar in self.bars)), default=0.0)

    @property
    def caption(self) -> str:
        """The picture in one line."""
        undone = sum(bar.back for bar in self.bars)
        words = f"{self.run_state.word} ({self.left})" if self.left else self.run_state.word
        lasted = seconds(self.end) if self.events else "0 s"
        calls = len(self.bars) - undone
        return f"timeline of {elide(self.name, 60)}: {words}, {calls} calls, {undone} rollbacks, {lasted}"
