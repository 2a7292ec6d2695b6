"""Who decides how many of the ready actions may go. The debugger's steppers stand in `daga_nb.debug`."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from daga_nb.core.moves import Ready

__all__ = ["FREE", "HOLD", "Stepper"]


class Stepper(Protocol):
    """Who decides how many of the ready actions may go.

    Attributes
    ----------
    dwell
        Seconds between showing the admitted actions as running and calling them.
    """

    @property
    def dwell(self) -> float: ...  # noqa: D102

    def admit(self, ready: Ready) -> Coroutine[Any, Any, Sequence[int]]:
        """Give the nodes of `ready` that may start now; none to hold. Cancelled if the run turns back."""
        ...


class _Free:
    dwell = 0.0

    async def admit(self, ready: Ready) -> Sequence[int]:
        return ready.nodes


FREE: Stepper = _Free()
"""The stepper that holds nothing."""


class _Hold:
    dwell = 0.0

    async def admit(self, ready: Ready) -> Sequence[int]:
        return ()


HOLD: Stepper = _Hold()
"""The stepper that lets nothing go."""
