"""What the faults do to one call of an action or a rollback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from daga_nb.engine.fault_tasks import PLACES, Cancel, Delay, Hang, Raise, Task, Where
from daga_nb.engine.planted import PlantedFaults

__all__ = ["Strikes"]


class Strikes:
    """The faults that strike one call, and what there is to tell of them.

    Parameters
    ----------
    faults
        Those of the run.
    node
        Whose call it is.
    cancel
        Cancels the run.
    """

    def __init__(self, faults: PlantedFaults, node: int, cancel: Callable[[], None]) -> None:
        self._faults = faults
        self._node = node
        self._cancel = cancel
        self._told: list[str] = []
        self._only_place = ""

    async def at(self, where: Where, inputs: Sequence[Any]) -> Task | None:
        """Wait or cancel here, if a fault says so, and give what it does.

        What is left to the caller is to raise, to corrupt a value, and to call again.
        """
        task = self._faults.strike(self._node, where, inputs)
        if task is None:
            return None
        self._only_place = PLACES[where] if isinstance(task, Raise) else ""
        self.add(task.told(where))
        if isinstance(task, Delay):
            await asyncio.sleep(task.seconds)
        elif isinstance(task, Hang):
            await asyncio.get_running_loop().create_future()
        elif isinstance(task, Cancel):
            self._cancel()
            await asyncio.sleep(0)  # the cancel arrives here, and not where the action could catch it
        return task

    def add(self, words: str) -> None:
        """Add something to tell."""
        self._told.append(words)

    @property
    def words(self) -> str:
        """What was planted and struck, in words; nothing if nothing did."""
        if self._only_place and len(self._told) == 1:
            return f"planted, {self._only_place}"
        return f"planted: {'; '.join(self._told)}" if self._told else ""
