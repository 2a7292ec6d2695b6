"""Threads, loops, guarded callbacks and prints: the kernel's peculiarities in one room.

A message from the page may arrive on any thread, with another event loop running there. An exception in its
handler is shown nowhere, a task that nobody holds may vanish, and what a task prints belongs to no cell.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = [
    "Home",
    "Throttle",
    "capture_prints",
    "running_loop",
]

_log = logging.getLogger(__name__)


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Give the event loop that runs in this thread, or None.

    >>> running_loop() is None
    True
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Home:
    """The event loop where a widget lives: its commands run there, whatever thread they come from.

    Attributes
    ----------
    complain
        Is told every exception that a callback or a command ends with. Nothing is swallowed.

    Examples
    --------
    >>> seen = []
    >>> async def main():
    ...     home = Home(seen.append)
    ...     home.call(lambda: 1 / 0)
    ...     await asyncio.sleep(0)
    >>> asyncio.run(main())
    >>> seen
    [ZeroDivisionError('division by zero')]
    """

    def __init__(self, complain: Callable[[BaseException], None]) -> None:
        self.complain = complain
        self._loop = running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop; where there was none at the start (a script), the first one that runs."""
        if self._loop is None or self._loop.is_closed():
            self._loop = running_loop()
        return self._loop

    def call(self, function: Callable[..., None], *args: Any) -> bool:
        """Have ``function(*args)`` called soon on the loop, from any thread; False if there is no loop."""
        loop = self.loop
        if loop is None:
            return False
        loop.call_soon_threadsafe(self._guarded, function, *args)
        return True

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task on the loop of this thread and hold it; what it raises is complained about.

        Raises
        ------
        RuntimeError
            If no event loop runs in this thread.
        """
        if running_loop() is None:
            work.close()
            raise RuntimeError(
                "there is no running event loop: use this in a notebook, or inside an async function"
            )
        task = asyncio.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _guarded(self, function: Callable[..., None], *args: Any) -> None:
        try:
            function(*args)
        except Exception as error:
            self.complain(error)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            # KeyboardInterrupt and SystemExit too: out of a task they would stop the kernel's own loop.
            self.complain(error)


class Throttle:
    """Calls `flush` soon after a request, at most once in `interval` seconds. The last request is never lost.

    The timer runs on the loop of the thread that asks; without one `flush` is called at once.

    Parameters
    ----------
    flush
        What is called, with nothing.
    interval
        Seconds between two calls.
    delay
        Seconds at least between a request and the call.
    """

    def __init__(self, flush: Callable[[], None], interval: float, delay: float = 0.0) -> None:
        self._flush = flush
        self._interval = interval
        self._delay = delay
        self._next = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._lock = threading.Lock()

    def request(self) -> None:
        """Ask for a call of `flush`."""
        loop = running_loop()
        if loop is not None:
            with self._lock:
                if self._timer is not None and self._loop is not None and not self._loop.is_closed():
                    return
                if loop is not self._loop:
                    self._loop, self._next = loop, 0.0
                due = max(loop.time() + self._delay, self._next)
                self._timer = loop.call_at(due, self._fire)
            return
        self._flush()

    def flush_now(self) -> None:
        """Call `flush` without waiting; a request that waits is served by it."""
        with self._lock:
            timer, self._timer = self._timer, None
            if timer is not None and self._loop is running_loop():
                timer.cancel()
        self._flush()

    def _fire(self) -> None:
        with self._lock:
            self._timer = None
            if self._loop is not None:
                self._next = self._loop.time() + self._interval
        self._flush()


_sink: ContextVar[Callable[[str], None] | None] = ContextVar("daga_nb_sink", default=None)
_installed = 0
_install_lock = threading.Lock()


class _Tap:
    """A stream that hands what is written to the sink of the writer's context, and else passes it on."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        sink = _sink.get()
        if sink is None:
            return int(self._stream.write(text) or 0)
        sink(text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def capture_prints(sink: Callable[[str], None]) -> Iterator[None]:
    r"""Hand what is printed, logged or warned in this context (and in its tasks and threads) to `sink`.

    What other cells and tasks print goes where it went. The taps stand only while someone captures.

    >>> heard = []
    >>> with capture_prints(heard.append):
    ...     print("charged")
    >>> heard
    ['charged', '\n']
    """
    global _installed
    with _install_lock:
        if not _installed:
            _tap_streams()
        _installed += 1
    token = _sink.set(sink)
    try:
        yield
    finally:
        _sink.reset(token)
        with _install_lock:
            _installed -= 1
            if not _installed:
                _untap_streams()


def _tap_streams() -> None:
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _Tap):
            tap = _Tap(stream)
            setattr(sys, name, tap)
            _point_handlers(stream, tap)


def _untap_streams() -> None:
    for name in ("stdout", "stderr"):
        tap = getattr(sys, name)
        if isinstance(tap, _Tap):
            setattr(sys, name, tap._stream)
            _point_handlers(tap, tap._stream)


def _point_handlers(old: Any, new: Any) -> None:
    """Point the log handlers that write to `old` at `new`: they hold the stream itself."""
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    for logger in loggers:
        for handler in getattr(logger, "handlers", ()):
            if isinstance(handler, logging.StreamHandler) and handler.stream is old:
                handler.stream = new
