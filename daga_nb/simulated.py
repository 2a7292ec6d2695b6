"""Actions that only pretend: each leaves an effect with a name behind, and its rollback takes it away."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from daga_nb.engine.calls import ActionCall, Context

__all__ = ["Simulated", "SimulatedRollback", "is_simulated", "kept_in_place"]


@dataclass(frozen=True)
class Simulated:
    """What a sketch calls in place of an action that is not written yet.

    Attributes
    ----------
    name
        The name of the action, and of its effect.
    seconds
        How long it takes.
    has_effect
        Whether it leaves anything behind.
    """

    name: str
    seconds: float = 0.0
    has_effect: bool = True

    @property
    def __name__(self) -> str:
        return f"{self.name} (simulated)"

    async def __call__(self, results: list[Any], context: Context) -> str:
        """Take the time, leave the effect behind, and say so."""
        if self.seconds:
            await asyncio.sleep(self.seconds)
        if self.has_effect:
            _do(context, self.name)
        return f"{self.name} done"


@dataclass(frozen=True)
class SimulatedRollback:
    """What undoes a simulated action: by the key of its effect, so that a lost reply is undone too.

    It takes away only what is there: called twice, it does no more than once.
    """

    name: str
    seconds: float = 0.0

    @property
    def __name__(self) -> str:
        return f"undo {self.name} (simulated)"

    async def __call__(self, results: list[Any], context: Context) -> str:
        """Take the time, take the effect away if it is there, and say so."""
        if self.seconds:
            await asyncio.sleep(self.seconds)
        return f"{self.name} undone" if _undo(context, self.name) else f"{self.name}: nothing was there"


def is_simulated(call: ActionCall) -> bool:
    """Whether an action is a simulated one."""
    return isinstance(call.action.function, Simulated)


def kept_in_place(call: ActionCall, new: ActionCall) -> bool:
    """Whether the rollback of an action can undo another one in its place: a simulated one nothing real."""
    pretended = call.rollback is not None and isinstance(call.rollback.function, SimulatedRollback)
    return not pretended or is_simulated(new)


def _do(context: Context, name: str) -> None:
    context.effect(name, context.node, once=True)


def _undo(context: Context, name: str) -> bool:
    there = context.has_effect(name, context.node)
    if there:
        context.undo_effect(name, context.node, once=True)
    return there
