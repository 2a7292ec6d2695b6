"""What the loop of a run waits for."""

from __future__ import annotations

import asyncio

__all__ = ["Bell"]


class Bell:
    """Wakes the one that waits. A ring that nobody waits for is not heard later."""

    __slots__ = ("_waiter",)

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Wait for the next ring."""
        self._waiter = waiter = asyncio.get_running_loop().create_future()
        try:
            await waiter
        finally:
            if self._waiter is waiter:
                self._waiter = None

    def ring(self) -> None:
        """Wake the one that waits."""
        waiter = self._waiter
        if waiter is not None and not waiter.done() and not waiter.get_loop().is_closed():
            waiter.set_result(None)
