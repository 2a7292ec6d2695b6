"""Steppers: who decides how many of the ready actions may go. A run asks its stepper before it starts any.

Paused is not a state of a run: it is a stepper that holds the next step back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from daga_nb.core.moves import Ready
from daga_nb.core.plan import Plan
from daga_nb.debug.breakpoints import Phase

__all__ = ["TURN", "BatchStep", "OneAction", "Pacer", "Until"]

TURN = 1.5
"""Delays that a run is held where it turns back: what failed is to be seen before its rollback begins."""


class BatchStep:
    """Lets one batch go, forward or back, and holds what comes after it."""

    dwell = 0.0

    def __init__(self, plan: Plan) -> None:
        self._batch_of = plan.batch_of
        self._step: tuple[str | None, int] | None = None
        self._nodes: set[int] = set()

    async def admit(self, ready: Ready) -> Sequence[int]:
        """Let through what belongs to the batch of this step."""
        if self._step is None:
            self._step = (ready.direction, ready.round)
            self._nodes = {node for node in ready.nodes if self._batch_of[node] == ready.batch}
        if (ready.direction, ready.round) != self._step:
            return ()
        return [node for node in ready.nodes if node in self._nodes]


class OneAction:
    """Lets one action go, forward or back, and holds everything else."""

    dwell = 0.0

    def __init__(self, node: int) -> None:
        self._node: int | None = node

    async def admit(self, ready: Ready) -> Sequence[int]:
        """Let the one action through, once."""
        if self._node not in ready.nodes:
            return ()
        node, self._node = self._node, None
        return (node,) if node is not None else ()


class Until:
    """Lets everything go until one action, or its rollback, may start; then holds everything."""

    dwell = 0.0

    def __init__(self, node: int, phase: Phase) -> None:
        self._node = node
        self._direction = "back" if phase == "rollback" else "forward"

    async def admit(self, ready: Ready) -> Sequence[int]:
        """Let all through, as long as the one is not among them."""
        return () if ready.direction == self._direction and self._node in ready.nodes else ready.nodes


class Pacer:
    """Lets everything go, as fast as it goes or slowly enough for the eye, until it is paused.

    Attributes
    ----------
    delay
        Seconds to hold each batch before it starts; 0 for no holding. May be changed at any time.

    Examples
    --------
    >>> pacer = Pacer(delay=0.8)
    >>> pacer.pause()
    >>> pacer.paused
    True
    """

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay
        self._paused = False
        self._place: tuple[str | None, int] | None = None
        self._hold: asyncio.Future[None] | None = None

    @property
    def paused(self) -> bool:
        """Whether nothing more is let through."""
        return self._paused

    @property
    def dwell(self) -> float:
        """Seconds between showing an action as running and calling it."""
        return self.delay / 2

    def pause(self) -> None:
        """Let nothing more through; what runs, finishes. A batch that is being held is not waited for."""
        self._paused = True
        hold = self._hold
        if hold is not None:
            hold.get_loop().call_soon_threadsafe(hold.cancel)

    def resume(self) -> None:
        """Let everything through again."""
        self._paused = False

    async def admit(self, ready: Ready) -> Sequence[int]:
        """Let all through, after the delay where a new batch begins; longer where the run turns."""
        place = (ready.direction, ready.batch)
        if self.delay and not self._paused and place != self._place and self._place is not None:
            turned = ready.direction != self._place[0]
            await self._wait(self.delay * (TURN if turned else 0.5))
        if self._paused:
            return ()
        self._place = place
        return ready.nodes

    async def _wait(self, seconds: float) -> None:
        """Wait, or until a pause."""
        hold = self._hold = asyncio.ensure_future(asyncio.sleep(seconds))
        try:
            await asyncio.wait({hold})
        finally:
            self._hold = None
            hold.cancel()
            await asyncio.wait({hold})
