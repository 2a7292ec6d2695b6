"""Looks at the world before a run and after it: for worlds that can be read, like a database or a folder."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

from daga_nb.engine.changes import changes_between
from daga_nb.errors import DagaError, ObserveError, describe, kind_of

__all__ = ["Observation", "Observe", "World", "check_observe"]

Observe = Callable[[], Any]
"""Gives what the world is like; plain, or async."""


@dataclass(frozen=True)
class World:
    """What ``observe`` saw: the world before the first action of a run, and after its last one.

    ``run.world`` makes it.

    Attributes
    ----------
    before, after
        What was seen. `after` is None until the run has ended.
    changes
        What is other than before, as texts; of very many the first, and how many more there are.
    ended
        Whether `after` has been seen.
    rolled_back
        Whether the run was rolled back by then, so that nothing should be other than before.
    error
        Why the world could not be seen at the end.

    Examples
    --------
    >>> import asyncio
    >>> from daga_nb import DagaFlow
    >>> accounts = {"ann": 100, "bob": 0}
    >>> async def pay(results): accounts["ann"] -= 42
    >>> run = DagaFlow([(pay, print)]).start(observe=lambda: accounts)
    >>> _ = asyncio.run(run.step())
    >>> _ = asyncio.run(run.rollback())
    >>> print(run.world)
    the world is not as it was before, although the run was rolled back:
      ann: 100 → 58
    """

    before: Any
    after: Any = None
    changes: tuple[str, ...] = ()
    ended: bool = False
    rolled_back: bool = False
    error: ObserveError | None = None

    @property
    def same(self) -> bool:
        """Whether it was seen at the end, and is as it was before."""
        return self.ended and self.error is None and not self.changes

    @property
    def left(self) -> bool:
        """Whether something is left behind: the run was rolled back, and the world is not as it was."""
        return self.rolled_back and bool(self.changes)

    @property
    def verdict(self) -> str:
        """What is to be said of it, in words."""
        if self.error is not None:
            return str(self.error)
        if not self.ended:
            return "the world was looked at before the run, which has not ended yet"
        if self.same:
            return "the world is as it was before the run"
        if self.left:
            return "the world is not as it was before, although the run was rolled back:"
        return "the run has changed the world:"

    def __str__(self) -> str:
        return "\n".join([self.verdict, *(f"  {change}" for change in self.changes)])

    def _repr_html_(self) -> str:
        mark = "⚑ " if self.left else ""
        items = "".join(f"<li><code>{escape(change)}</code></li>" for change in self.changes)
        return f"<p>{mark}{escape(self.verdict)}</p>{f'<ul>{items}</ul>' if items else ''}"


class Observation:
    """Looks at the world for one run: before anything is called, and each time that the run has ended.

    Attributes
    ----------
    world
        What was seen; None before the first look.
    """

    def __init__(self, observe: Observe) -> None:
        self.observe = observe
        self.world: World | None = None
        self._seen = -1

    async def begin(self) -> None:
        """Look before the run, if nobody has yet.

        Raises
        ------
        ObserveError
            If it cannot be seen.
        """
        if self.world is None:
            self.world = World(await self._look("before the run; nothing was started"))

    def due(self, events: int) -> bool:
        """Whether a run that has ended with so many events is to be looked at again."""
        return self.world is not None and self._seen != events

    async def end(self, events: int, rolled_back: bool) -> None:
        """Look after the run. What goes wrong is kept in the world: the run's own outcome goes first."""
        assert self.world is not None
        before = self.world.before
        try:
            after = await self._look("at the end of the run")
            found = changes_between(before, after)
            self.world = World(before, after, found, True, rolled_back)
        except ObserveError as error:
            self.world = World(before, None, (), True, rolled_back, error)
        self._seen = events

    async def _look(self, when: str) -> Any:
        try:
            seen = self.observe()
            if inspect.isawaitable(seen):
                seen = await seen
            # A world that is changed in place would always be as it was.
            return copy.deepcopy(seen)
        except Exception as error:
            raise ObserveError(f"observe failed {when}: {describe(error)}") from error


def check_observe(observe: Any) -> Observation | None:
    """Give what looks at the world with `observe`; None without.

    Raises
    ------
    DagaError
        If it cannot be called.
    """
    if observe is None:
        return None
    if not callable(observe):
        raise DagaError(f"observe is a function that gives what the world is like, not {kind_of(observe)}")
    return Observation(observe)
