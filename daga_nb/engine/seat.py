"""Who drives a run: one call at a time, on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from daga_nb.errors import RunBusy

__all__ = ["Seat"]


class Seat:
    """The one seat from which a run is driven.

    Attributes
    ----------
    released
        Whether nobody is to sit here any more.
    """

    def __init__(self) -> None:
        self.released = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rest = asyncio.Event()

    @property
    def taken(self) -> bool:
        """Whether a call is driving now. One whose loop was closed under it is not."""
        return self._loop is not None and not self._loop.is_closed()

    @contextmanager
    def sit(self) -> Iterator[Callable[[], bool]]:
        """Drive inside; gives what tells whether nobody has taken the seat since.

        Raises
        ------
        RunBusy
            If another call is driving, or none may any more.
        """
        self.check_free()
        self._loop = loop = asyncio.get_running_loop()
        self._rest = rest = asyncio.Event()
        try:
            yield lambda: self._rest is rest
        finally:
            if self._rest is rest:  # else another drives, since the loop was closed under this one
                self._loop = None
                if not loop.is_closed():  # else who waits there waits for ever
                    rest.set()

    def check_free(self) -> None:
        """Refuse a second driver, and any for a run that was released.

        Raises
        ------
        RunBusy
            If a call is driving now, or none may any more.
        """
        self.check_not_released()
        if self.taken:
            raise RunBusy("this run is being driven already: await that call, or hold it, first")

    def check_not_released(self) -> None:
        """Refuse to go on with a run that was released.

        Raises
        ------
        RunBusy
            If it was.
        """
        if self.released:
            raise RunBusy("this run was released: it never goes on, nor back, any more")

    def check_apart(self, inside: bool) -> None:
        """Refuse a caller who could only wait for ever; `inside` tells whether an action of this run asks.

        Raises
        ------
        RunBusy
            If one does, or somebody on another event loop than that which drives.
        """
        if inside and self.taken:
            raise RunBusy(
                "an action cannot wait for its own run: it would wait for itself. "
                "To have the run rolled back, raise an error"
            )
        if self.taken and self._loop is not asyncio.get_running_loop():
            raise RunBusy(
                "this run is being driven on another event loop: hand this call to it with "
                "asyncio.run_coroutine_threadsafe(...)"
            )

    async def free(self) -> None:
        """Wait until nobody drives."""
        while self.taken:
            await self._rest.wait()
