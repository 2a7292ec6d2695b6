"""Where a plain function runs: in a thread of the run's own, so that the event loop stays alive."""

from __future__ import annotations

import concurrent.futures
import contextvars
from collections.abc import Callable
from typing import Any

__all__ = ["Threads", "called"]

Outcome = tuple[Any, BaseException | None]


class Threads:
    """The threads of one run, made when first needed.

    Each run has its own: with a pool shared by all, plain actions that run flows of plain actions could wait
    for each other's threads for ever.
    """

    __slots__ = ("_pool", "_size")

    def __init__(self, size: int | None) -> None:
        # Never few: an action that waits for a thread would begin after another has failed, and a thread
        # that does not end would hold up the rollbacks of others.
        self._size = 1000 if size is None else max(size, 64)
        self._pool: concurrent.futures.ThreadPoolExecutor | None = None

    def submit(
        self, function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]
    ) -> concurrent.futures.Future[Outcome]:
        """Call `function` in a thread, in a copy of the present context. The outcome is a value."""
        if self._pool is None:
            self._pool = concurrent.futures.ThreadPoolExecutor(self._size, "daga_nb")
        return self._pool.submit(contextvars.copy_context().run, called, function, args, named)

    def close(self) -> None:
        """Let the threads go once they are through; do not wait for them."""
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None


def called(function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Outcome:
    """Call a plain function, and give what it returns and what it raises, of which one is None."""
    # A StopIteration set on a future would never reach who waits for it, so no exception leaves the thread.
    try:
        return function(*args, **named), None
    except BaseException as error:
        return None, error
