"""The calls of a simulated run that are in flight: when each will end, and how. Nothing is executed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from heapq import heapify, heappop, heappush

from daga_nb.core.moves import Direction
from daga_nb.engine.calls import ActionCall, Target

__all__ = ["Calendar", "Draw", "End", "Part"]

Draw = Callable[[int, Direction], tuple[float, bool]]
"""Gives the seconds that the next call of an action, or of its rollback, takes, and whether it fails."""

Part = tuple[int, Direction]
"""An action, or its rollback."""


class End(Enum):
    """How a call ends."""

    WELL = "well"
    BADLY = "failed, as drawn"
    LATE = "stopped at its deadline"
    LOST = "not stopped at its deadline: it still runs, and is not made again"
    UNCALLED = "not made: the run turned back while it waited to be made again"


_WELL, _BADLY, _LATE, _LOST, _UNCALLED = End


class Calendar:
    """When the calls of one run end, in virtual time.

    Attributes
    ----------
    now
        Seconds of virtual time since the run began.
    ended
        The calls that have ended at this moment, in the order in which they were planned.

    Examples
    --------
    >>> from daga_nb import DagaFlow
    >>> calendar = Calendar(DagaFlow([(len, max)]).calls, 30.0, lambda node, direction: (2.0, False))
    >>> calendar.call(0, "forward")
    >>> calendar.go_on()
    >>> calendar.now, [(node, end.value) for node, end in calendar.ended]
    (2.0, [(0, 'well')])
    """

    __slots__ = (
        "_calls",
        "_draw",
        "_mended",
        "_order",
        "_patience",
        "_planned",
        "_strays",
        "ended",
        "now",
        "waiting",
    )

    def __init__(
        self, calls: Sequence[ActionCall], patience: float, draw: Draw, mended: Part | None = None
    ) -> None:
        self.now = 0.0
        self.ended: list[tuple[int, End]] = []
        self.waiting: set[int] = set()
        self._calls = calls
        self._patience = patience
        self._draw = draw
        self._mended = mended  # never fails, whatever is drawn
        self._planned: list[tuple[float, int, int, Direction, End | None]] = []  # None: it is to be called
        self._order = 0
        self._strays: dict[int, float] = {}  # when the actions that were given up will really end

    def __bool__(self) -> bool:
        return bool(self._planned or self.ended)

    def call(self, node: int, direction: Direction, after: float = 0.0) -> None:
        """Call an action, or its rollback, in `after` seconds."""
        if after:
            self._plan(after, node, direction, None)
            if direction == "forward":
                self.waiting.add(node)
        elif direction == "forward":
            self._do(node)
        else:
            self._undo(node)

    def _do(self, node: int) -> None:
        call = self._calls[node]
        seconds, fails = self._draw(node, "forward")
        threaded = _in_thread(call.action)
        end = self._finish(node, "forward", seconds, fails, call.timeout, threaded)
        if end is _LOST:
            self._strays[node] = self.now + seconds

    def _undo(self, node: int) -> None:
        call = self._calls[node]
        deadline = call.rollback_timeout or self._patience
        waits = max(0.0, self._strays.get(node, 0.0) - self.now)
        if waits > deadline:  # its action still runs, and must not be overtaken
            self._plan(deadline, node, "back", _LOST)
            return
        self._strays.pop(node, None)
        seconds, fails = self._draw(node, "back")
        threaded = call.rollback is not None and _in_thread(call.rollback)
        self._finish(node, "back", waits + seconds, fails, deadline, threaded)

    def _finish(
        self,
        node: int,
        direction: Direction,
        seconds: float,
        fails: bool,
        deadline: float | None,
        threaded: bool,
    ) -> End:
        late = deadline is not None and seconds > deadline
        if self._mended == (node, direction):
            end = _WELL
        elif late:
            end = _LOST if threaded else _LATE
        else:
            end = _BADLY if fails else _WELL
        self._plan(deadline if late and deadline is not None else seconds, node, direction, end)
        return end

    def _plan(self, after: float, node: int, direction: Direction, end: End | None) -> None:
        self._order += 1
        heappush(self._planned, (self.now + after, self._order, node, direction, end))

    def go_on(self) -> None:
        """Go on to the next moment at which a call ends; all that end then have ended at once."""
        planned = self._planned
        while planned and (not self.ended or planned[0][0] == self.now):
            self.now, _, node, direction, end = heappop(planned)
            if end is None:
                self.waiting.discard(node)
                self.call(node, direction)
            else:
                self.ended.append((node, end))

    def withdraw_waiting(self) -> None:
        """Do not call the actions that wait to be called again."""
        waiting = [one for one in self._planned if one[4] is None and one[2] in self.waiting]
        self._planned = [one for one in self._planned if one not in waiting]
        heapify(self._planned)
        self.waiting.clear()
        self.ended += [(node, _UNCALLED) for _, _, node, *_ in sorted(waiting, key=lambda one: one[1])]


def _in_thread(target: Target) -> bool:
    return target.in_thread and not target.is_async
