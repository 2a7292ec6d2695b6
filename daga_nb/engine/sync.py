"""Running a coroutine to its end from plain code, or from inside a running loop."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from daga_nb.errors import DagaError

__all__ = ["run_to_end"]

T = TypeVar("T")


def run_to_end(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end and give what it returns.

    A press of the stop button (SIGINT) becomes one cancel; it is raised as a `KeyboardInterrupt` when the
    rollback has ended, and further presses are remembered until then.

    Inside a running loop, as in a notebook's cell, the loop is made re-entrant by nest-asyncio2 on first
    use; it replaces ``asyncio.run`` for the whole process. Nested calls end in the reverse order of their
    beginning: one that waits for an earlier one waits for ever. There, ``await flow.run()`` is the better
    way.

    Raises
    ------
    DagaError
        If the running loop cannot be made re-entrant (uvloop's cannot).
    """
    loop: asyncio.AbstractEventLoop | None = None
    # Nothing is run inside the except block: every error of an action would seem to come of it.
    with suppress(RuntimeError):
        loop = asyncio.get_running_loop()
    if loop is None:
        # Not asyncio.run: that may be nest-asyncio2's by now, and its second interrupt strikes the rollback.
        with asyncio.Runner() as runner:
            return _to_end(runner.get_loop(), work)
    import nest_asyncio2

    try:
        nest_asyncio2.apply(loop)
    except ValueError as error:
        work.close()
        raise DagaError(
            f"run_sync cannot run inside this event loop ({error}): use `await flow.run()`"
        ) from None
    return _to_end(loop, work)


def _to_end(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    task = loop.create_task(work)
    with _interrupts_cancel(task):
        try:
            return loop.run_until_complete(task)
        except KeyboardInterrupt:
            # It struck the loop all the same. The rollback is owed, if the run is still open.
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    loop.run_until_complete(task)
            raise


@contextmanager
def _interrupts_cancel(task: asyncio.Task[Any]) -> Iterator[None]:
    """Turn the stop button into one cancel of `task`, and raise the interrupt when that has ended.

    A `KeyboardInterrupt` that strikes just anywhere in the loop would leave it, and the run, in pieces. So
    it is done as `asyncio.run` does it; further presses are remembered, not obeyed, until the rollback ends.
    """
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    pressed: list[int] = []

    def press(number: int, frame: Any) -> None:
        pressed.append(number)
        task.get_loop().call_soon_threadsafe(task.cancel)

    signal.signal(signal.SIGINT, press)
    try:
        yield
    except asyncio.CancelledError as error:
        if pressed:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
