"""The calls of a run that are in flight: begun, and their outcome not recorded yet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from functools import partial
from logging import getLogger

from daga_nb.core.moves import Direction
from daga_nb.engine.bell import Bell
from daga_nb.engine.outcomes import Outcome, Outcomes, goes_on, lost, never_called
from daga_nb.engine.perform import Performer
from daga_nb.engine.recorder import Recorder
from daga_nb.errors import JournalError, RunBusy

__all__ = ["InFlight"]

log = getLogger(__name__)

# How long after its deadline a call that swallows its cancellation is still waited for.
_GRACE = 1.0

# The runs whose calls led here: an action that waited for one of them would wait for itself.
_inside: ContextVar[tuple[InFlight, ...]] = ContextVar("daga_nb_inside", default=())


class InFlight:
    """The calls of one run that are in flight, a task for each.

    Nothing is recorded here. A call that ends puts its outcome into `ended` and rings; the loop of the run
    takes it from there, so that what cannot be recorded now is neither lost nor reported twice.

    Attributes
    ----------
    tasks
        The task of each call, by node, until its outcome is recorded; None once that has come in.
    ended
        The outcomes that have come in and are not recorded yet, in the order in which the calls ended.
    cancelled
        Whether no action is called any more; rollbacks are.
    turning
        Tells whether the run is about to turn back.
    """

    def __init__(
        self,
        performer: Performer,
        outcomes: Outcomes,
        bell: Bell,
        names: Sequence[str],
        patience: float,
        recorder: Recorder,
    ) -> None:
        self.tasks: dict[int, asyncio.Task[Outcome] | None] = {}
        self.ended: deque[tuple[int, Outcome]] = deque()
        self.cancelled = False
        self.turning: Callable[[], bool] = lambda: False
        self._performer = performer
        self._outcomes = outcomes
        self._bell = bell
        self._names = names
        self._patience = patience
        self._recorder = recorder
        self._waiting: dict[int, asyncio.Future[bool]] = {}
        self._resting: dict[int, asyncio.Future[bool]] = {}  # the same, of rollbacks
        self._loop: asyncio.AbstractEventLoop | None = None
        self._back: set[int] = set()
        self._strays: set[asyncio.Task[Outcome]] = set()

    @property
    def running(self) -> bool:
        """Whether a call has not ended."""
        return len(self.tasks) > len(self.ended)

    @property
    def under_way(self) -> bool:
        """Whether a call goes on anywhere, also one that was given up."""
        return self._outcomes.under_way or any(map(goes_on, self.tasks.values()))

    @property
    def inside(self) -> bool:
        """Whether the caller is a call of this very run, or was begun by one."""
        return self in _inside.get()

    def begin(self, nodes: Iterable[int], direction: Direction, after: float = 0.0) -> None:
        """Call the actions, or the rollbacks, of `nodes`, in `after` seconds.

        Nothing is called of which it is not written down that it is: if that cannot be done, nothing is.
        """
        self._recorder.write()
        self._launch(nodes, direction, after)

    def _launch(self, nodes: Iterable[int], direction: Direction, after: float = 0.0) -> None:
        self._loop = asyncio.get_running_loop()
        token = _inside.set((*_inside.get(), self))  # each task copies the context
        try:
            for node in nodes:
                self._begin(node, direction, after)
        finally:
            _inside.reset(token)

    def _begin(self, node: int, direction: Direction, after: float) -> None:
        if direction == "back":
            self._back.add(node)
        call = self._undo(node, after) if direction == "back" else self._do(node, after)
        # Not by the loop's task factory: an eager task would be in the middle of its action before its run
        # knows of it, and could not be cancelled there.
        task = self.tasks[node] = asyncio.Task(call, loop=self._loop)
        task.add_done_callback(partial(self._done, node, direction))

    async def _do(self, node: int, after: float) -> Outcome:
        if self.cancelled or (after and not await self._waited(node, after, self._waiting)):
            return self._hear(node, never_called())
        if after and self.turning():  # since the wait was over, in this very turn of the loop
            return self._hear(node, never_called())
        if after and not self._is_written(node):
            return never_called()
        seconds = self._performer.calls[node].timeout
        if seconds is None:
            return self._hear(node, await self._performer.do(node))
        timer = self._timer(node, seconds)
        try:
            return self._hear(node, await self._performer.do(node))
        finally:
            timer.cancel()

    async def _undo(self, node: int, after: float) -> Outcome:
        if after and not (await self._waited(node, after, self._resting) and self._is_written(node)):
            return never_called()
        timer = self._timer(node, self._deadline(node))
        try:
            return self._hear(node, await self._performer.undo(node))
        finally:
            timer.cancel()

    def _timer(self, node: int, seconds: float) -> asyncio.TimerHandle:
        task = self.tasks[node]
        assert task is not None
        return task.get_loop().call_later(seconds, self._expire, node, task, seconds)

    def _deadline(self, node: int) -> float:
        return self._performer.calls[node].rollback_timeout or self._patience

    def _is_written(self, node: int) -> bool:
        """Write down that the wait is over; if that cannot be done, it is as if the call had not begun."""
        try:
            self._recorder.end_wait(node)
        except JournalError:  # the loop, woken here, cannot write either: it says so
            del self.tasks[node]
            self._bell.ring()
            return False
        return True

    async def _waited(self, node: int, seconds: float, waiting: dict[int, asyncio.Future[bool]]) -> bool:
        """Wait before a call; give whether it is still to be made."""
        loop = asyncio.get_running_loop()
        going: asyncio.Future[bool] = loop.create_future()
        waiting[node] = going
        timer = loop.call_later(seconds, _settle, going, True)
        try:
            return await going
        finally:
            timer.cancel()
            waiting.pop(node, None)

    def withdraw_waiting(self) -> None:
        """Do not call the actions that wait to be called again."""
        for going in self._waiting.values():
            _settle(going, False)

    def drop_waiting(self) -> None:
        """Forget the calls that wait to be made again: who goes on with the run begins them anew."""
        for node, going in [*self._waiting.items(), *self._resting.items()]:
            del self.tasks[node]
            self._back.discard(node)
            _settle(going, False)

    def _hear(self, node: int, outcome: Outcome) -> Outcome:
        if self.tasks.get(node) is asyncio.current_task():  # and not given up meanwhile
            self._enter(node, outcome)
        return outcome

    def _enter(self, node: int, outcome: Outcome) -> None:
        self.tasks[node] = None
        self.ended.append((node, outcome))
        self._bell.ring()

    def _done(self, node: int, direction: Direction, task: asyncio.Task[Outcome]) -> None:
        self._strays.discard(task)
        unheard = self.tasks.get(node) is task
        if not task.cancelled():
            error = task.exception()
            if unheard:  # outcomes are values: this is an interrupt that struck the engine, or a bug
                self._enter(node, Outcome(None, error, None, None))
        elif unheard and direction == "back":  # before its first step, so that nothing of it has run
            self._launch([node], direction)  # a rollback is shielded
        elif unheard:
            self._enter(node, never_called())

    def take(self, node: int) -> None:
        """Forget the call whose outcome came in first, once that is recorded."""
        self.ended.popleft()
        del self.tasks[node]
        self._back.discard(node)

    # --------------------------------------------------------- ending calls

    def cancel(self) -> None:
        """Stop the actions that can be stopped; a thread is waited for, as long as there is patience."""
        self.cancelled = self._performer.cancelled = True
        for node, task in self.tasks.items():
            if task is None or node in self._back or task.get_loop().is_closed():
                continue
            thread = self._outcomes.in_thread.get(node)
            if thread is None or thread.cancel():  # one that runs cannot be stopped, only waited for
                task.cancel("the run was cancelled")
            task.get_loop().call_later(self._patience, self._stop_waiting, node, task)

    def resume(self) -> None:
        """Let actions be called again, after a cancel."""
        self.cancelled = self._performer.cancelled = False

    def _expire(self, node: int, task: asyncio.Task[Outcome], seconds: float) -> None:
        if self.tasks.get(node) is task:
            self._outcomes.overdue[node] = seconds
        self._stop_waiting(node, task)

    def _stop_waiting(self, node: int, task: asyncio.Task[Outcome]) -> None:
        """Cancel a call that outlived its deadline; if it swallows even that, it is given up."""
        if self.tasks.get(node) is task:
            task.cancel("the deadline has passed")
            task.get_loop().call_later(_GRACE, self._give_up, node, task)

    def _give_up(self, node: int, task: asyncio.Task[Outcome]) -> None:
        """Go on without the outcome of a call that still runs."""
        if self.tasks.get(node) is not task:
            return
        log.error("the call of %r does not end, although it was cancelled", self._names[node])
        self._strays.add(task)
        if node in self._back:
            self._enter(node, Outcome(None, asyncio.CancelledError(), None, self._deadline(node)))
        else:
            self._outcomes.give_up(node, task)
            self._enter(node, lost("it does not end, although it was cancelled"))

    def reach(self) -> None:
        """Make sure that what is in flight can be waited for on the running loop.

        What stood still on a loop that has been closed since will never go on: its outcome is lost.

        Raises
        ------
        RunBusy
            If another loop carries it, that is still open.
        """
        loop = self._loop
        if not self.running or loop is None or loop is asyncio.get_running_loop():
            return
        if not loop.is_closed():
            raise RunBusy("actions of this run are in flight on another event loop: drive it from there")
        why = "its event loop was closed before it ended"
        waited, self._waiting = self._waiting, {}
        self._resting = {}
        for node, task in self.tasks.items():
            if task is None:
                continue
            if node in self._back:
                self._enter(node, Outcome(None, RuntimeError(why), None, 0.0))
            else:
                thread = self._outcomes.in_thread.get(node)
                if thread is not None and not thread.done():
                    self._outcomes.give_up(node, self._outcomes.in_thread.pop(node))
                self._enter(node, never_called(why) if node in waited else lost(why))


def _settle(going: asyncio.Future[bool], called: bool) -> None:
    if not going.done():  # the timer and a cancel may come in the same turn of the loop
        going.set_result(called)
