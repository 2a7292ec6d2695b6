"""Running a coroutine to its end from plain code, or from inside a running loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

from daga_nb.errors import DagaError

__all__ = ["run_to_end"]

T = TypeVar("T")


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end and give what it returns.

    Inside a running loop, as in a notebook's cell, the loop is made re-entrant by nest-asyncio2 on first
    use. Nested calls end in the reverse order of their beginning: one that waits for an earlier one waits
    for ever. There, ``await flow.run()`` is the better way.

    Raises
    ------
    DagaError
        If the running loop cannot be made re-entrant (uvloop's cannot).
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    import nest_asyncio2

    try:
        nest_asyncio2.apply(loop)
    except ValueError as error:
        work.close()
        raise DagaError(
            f"run_sync cannot run inside this event loop ({error}): use `await flow.run()`"
        ) from None
    task = loop.create_task(work)
    try:
        return loop.run_until_complete(task)
    except KeyboardInterrupt:
        # The stop button struck the loop. The rollback is owed all the same, if the run is still open.
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                loop.run_until_complete(task)
        raise
