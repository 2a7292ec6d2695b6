"""Where a plain function runs: in a thread of the run's own, so that the event loop stays alive."""

from __future__ import annotations

import concurrent.futures
import contextvars
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

__all__ = ["Threads", "called"]

Outcome = tuple[Any, BaseException | None]


class Threads:
    """The threads of one run, made when first needed.

    Each run has its own: with a pool shared by all, plain actions that run flows of plain actions could wait
    for each other's threads for ever.
    """

    __slots__ = ("_pool", "_size")

    def __init__(self) -> None:
        # As many as are asked for; it is the run that bounds how many actions go at once. What waited for a
        # thread would begin after another has failed, or never, behind threads that do not end.
        self._size = sys.maxsize
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None

    def submit(
        self, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]
    ) -> concurrent.futures.Future[Outcome]:
        """Call `function` in a thread, in a copy of the present context. The outcome is a value.

        Raises
        ------
        RuntimeError
            If there is no room for another thread; then it is never called.
        """
        if self._pool is None:
            self._pool = concurrent.futures.ThreadPoolExecutor(self._size, "daga_nb")
        future: concurrent.futures.Future[Outcome] = concurrent.futures.Future()
        work = partial(contextvars.copy_context().run, called, function, args, named)
        try:
            self._pool.submit(_carry_out, future, work)
        except RuntimeError as error:
            # It stands in the pool's queue all the same, for whichever thread comes free.
            if future.cancel():
                error.add_note(
                    "one more thread than there is room for: max_parallel bounds how many go at once"
                )
                raise
        return future

    def close(self) -> None:
        """Let the threads go once they are through; do not wait for them."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None


def _carry_out(future: concurrent.futures.Future[Outcome], work: Callable[[], Outcome]) -> None:
    if future.set_running_or_notify_cancel():
        future.set_result(work())


def called(function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Outcome:
    """Call a plain function, and give what it returns and what it raises, of which one is None."""
    # A StopIteration set on a future would never reach who waits for it, so no exception leaves the thread.
    try:
        return function(*args, **named), None
    except BaseException as error:
        return None, error
