"""Writes a run's story: stamps each event, hands it to the machine, then tells the observers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from logging import getLogger
from time import perf_counter, time

from daga_nb.core.events import Event
from daga_nb.core.machine import Machine
from daga_nb.core.states import NodeState, State
from daga_nb.engine.keeping import Keeping
from daga_nb.engine.log import Mark

__all__ = ["Recorder"]

log = getLogger(__name__)


class Recorder:
    """The one writer of a run's story, with the run's clock.

    Attributes
    ----------
    machine
        Where the story goes.
    observers
        Who is told of each event after it has been recorded.
    started_at
        When the clock was first switched on, in seconds since the epoch.
    """

    __slots__ = ("_keeping", "_off_at", "_origin", "_run_id", "_untold", "machine", "observers", "started_at")

    def __init__(self, machine: Machine, run_id: str, keeping: Keeping | None = None) -> None:
        self.machine = machine
        self._keeping = keeping
        self._untold: deque[Event] = deque()
        self.observers: list[Callable[[Event], object]] = []
        self.started_at: float | None = None
        self._run_id = run_id
        self._origin = 0.0
        self._off_at: float | None = None

    def switch_on(self) -> None:
        """Let run time go on."""
        now = perf_counter()
        if self.started_at is None:
            self._origin, self.started_at = now, time()
        elif self._off_at is not None:
            self._origin += now - self._off_at
        self._off_at = None

    def now(self) -> float:
        """Give the seconds of run time so far."""
        if self.started_at is None:
            return 0.0
        return (perf_counter() if self._off_at is None else self._off_at) - self._origin

    def switch_off(self) -> None:
        """Let run time stand still."""
        self._off_at = perf_counter()

    @contextmanager
    def ticking(self) -> Iterator[None]:
        """Let run time go on inside, for a change that nobody has to carry out."""
        self.switch_on()
        try:
            yield
        finally:
            self.switch_off()

    def held(self) -> AbstractContextManager[None]:
        """Let run time stand still inside, unless something runs as this is called."""
        return nullcontext() if self.machine.running else self._held()

    @contextmanager
    def _held(self) -> Iterator[None]:
        self.switch_off()
        try:
            yield
        finally:
            self.switch_on()

    def go_on_from(self, started_at: float, at: float) -> None:
        """Let run time stand at `at`, in a run that began in another process."""
        self.started_at = started_at
        self._off_at = perf_counter()
        self._origin = self._off_at - at

    def tell_nobody(self) -> None:
        """Take what was recorded so far as known: there was nobody yet to be told."""
        self._untold.clear()

    def inherit(self, node: int, reason: str) -> None:
        """Write down, before the start, that another run has done an action."""
        machine = self.machine
        name = machine.plan.names[node]
        event = Event(len(machine.events) + 1, 0.0, name, NodeState.SUCCEEDED, 1, reason)
        if self._keeping is not None:
            self._keeping.take(event, node)
        machine.apply(event)

    def record(self, node: int | None, state: State, reason: str = "") -> None:
        """Take one state change down, and tell the observers; if there is a log, not before it is in there.

        Raises
        ------
        IllegalTransition
            If the machine does not allow it; then nothing is written and nobody told.
        """
        machine = self.machine
        name = None if node is None else machine.plan.names[node]
        attempt = machine.attempt(node, state)
        event = Event(len(machine.events) + 1, perf_counter() - self._origin, name, state, attempt, reason)
        keeping = self._keeping
        if keeping is not None:
            # First, as it takes longest: struck here, the machine has no such event, and none is kept.
            keeping.take(event, node, None if node is None else machine.states[node])
            machine.apply(event)
            self._untold.append(event)
            return
        machine.apply(event)
        if self.observers:
            self._tell(event)

    def check(self) -> None:
        """Make sure that the run may go on from here.

        Raises
        ------
        DagaError
            If it goes on elsewhere.
        """
        if self._keeping is not None:
            self._keeping.log.check()

    def write(self) -> None:
        """Write into the log what is not there yet, then tell the observers of it.

        Raises
        ------
        DagaError
            If it cannot be written; then nobody is told, and nothing is lost: it is tried again next time.
        """
        if self._keeping is not None:
            self._keeping.write()
            while self._untold:
                self._tell(self._untold.popleft())

    def end_wait(self, node: int) -> None:
        """Write into the log that an action, or its rollback, is called now, after its wait.

        Raises
        ------
        DagaError
            If it cannot be written.
        """
        if self._keeping is not None:
            self._keeping.mark(Mark(len(self.machine.events), "called", node))
            self.write()

    def _tell(self, event: Event) -> None:
        struck: KeyboardInterrupt | None = None
        for observer in tuple(self.observers):
            try:
                observer(event)
            except KeyboardInterrupt as error:
                struck = error  # a person's, who happened to strike here: it goes on when all are told
            except BaseException:
                log.exception("an observer of run %s failed and hears no more: %r", self._run_id, observer)
                if observer in self.observers:
                    self.observers.remove(observer)
        if struck is not None:
            raise struck
