"""A loop whose clock the test moves: time passes only when nothing else can happen, and then in one leap."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class ClockedLoop(asyncio.SelectorEventLoop):
    """A loop on which waiting takes no time: when all wait, the clock leaps to the next timer."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Leaping(self))

    def time(self) -> float:
        """Give the seconds since the loop was made, as this loop counts them."""
        return self._now

    def leap(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds


class _Leaping(selectors.DefaultSelector):
    """Looks without waiting; instead of waiting for a timer it moves the clock to it."""

    def __init__(self, loop: ClockedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        found = super().select(0)
        if found or timeout == 0:
            return found
        if timeout is None:  # only a thread, or nobody, can bring news
            return super().select(10)
        self._loop.leap(timeout)
        return []


def clocked(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on such a loop; no task may be left when it ends, and the loop complains of nothing."""
    complaints: list[dict[str, Any]] = []

    async def main() -> T:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        try:
            return await work
        finally:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks left behind: {left}"

    with asyncio.Runner(loop_factory=ClockedLoop) as runner:
        given = runner.run(main())
    assert not complaints
    return given


def now() -> float:
    """Give the time on the running loop, rounded to what a person would write."""
    return round(asyncio.get_running_loop().time(), 6)
