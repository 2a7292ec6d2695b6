"""A gate at which every call stops, so that a test decides who goes on: order is chosen, never waited for."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

Mark = tuple[str, str]

# How often the loop turns until whatever can move has moved: an action ends, the run wakes, the next starts.
_TURNS = 12


class Gate:
    """Calls stop here, each under its mark; `opened` tells in which order they were let through.

    Attributes
    ----------
    waiting
        The marks that stand before the gate now.
    opened
        The marks that were let through, in order.
    """

    def __init__(self) -> None:
        self.waiting: dict[Mark, asyncio.Future[None]] = {}
        self.opened: list[Mark] = []
        self._wide_open = False

    async def stop(self, mark: Mark) -> None:
        """Stand before the gate until it is opened for this mark, or the call is cancelled."""
        if self._wide_open:
            return
        self.waiting[mark] = asyncio.get_running_loop().create_future()
        try:
            await self.waiting[mark]
        finally:
            del self.waiting[mark]

    def open(self, mark: Mark) -> None:
        self.opened.append(mark)
        if not self.waiting[mark].done():
            self.waiting[mark].set_result(None)

    def open_wide(self) -> None:
        """Let everybody through, now and from now on."""
        self._wide_open = True
        for mark in sorted(self.waiting):
            self.open(mark)

    async def settle(self) -> list[Mark]:
        """Let everything move that can, and give who stands before the gate then."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        return sorted(self.waiting)

    async def conduct(
        self,
        work: Awaitable[Any],
        choose: Callable[[Sequence[Mark]], Mark],
        look: Callable[[Sequence[Mark]], None] = lambda waiting: None,
    ) -> Any:
        """Let one call after the other through until the work ends; `look` sees who waits each time."""
        task = asyncio.ensure_future(work)
        try:
            while True:
                waiting = await self.settle()
                if task.done():
                    assert not waiting, f"left behind: {waiting}"
                    return await task
                look(waiting)
                assert waiting, "nothing runs, and the run has not ended"
                self.open(choose(waiting))
        finally:
            self.open_wide()


def watched(work: Awaitable[Any]) -> Any:
    """Run to the end on a loop of its own: no task is left behind, and the loop complains of nothing."""
    complaints: list[dict[str, Any]] = []

    async def main() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        before = asyncio.all_tasks()
        async with asyncio.timeout(30):
            given = await work
        assert asyncio.all_tasks() == before, "a task is left behind"
        return given

    given = asyncio.run(main())
    gc.collect()  # what nobody retrieved is reported when it is thrown away
    assert not complaints
    return given
