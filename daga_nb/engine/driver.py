"""The one loop of a run: ask what is ready, let the stepper decide, call, record, turn back if need be."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from daga_nb.core.events import Event
from daga_nb.core.machine import Machine
from daga_nb.core.moves import Direction, Due, Policy, Ready, Undo
from daga_nb.core.plan import Plan
from daga_nb.core.states import RunState
from daga_nb.engine.admission import FREE, HOLD, OnFailure, Stepper, Stops
from daga_nb.engine.bell import Bell
from daga_nb.engine.calls import ActionCall
from daga_nb.engine.chronicle import Chronicle
from daga_nb.engine.effects import Effects
from daga_nb.engine.fault_plan import Faults
from daga_nb.engine.inflight import InFlight
from daga_nb.engine.inherit import NOTHING_INHERITED, Inherited
from daga_nb.engine.keeping import Keeping
from daga_nb.engine.log import Log
from daga_nb.engine.outcomes import Outcomes
from daga_nb.engine.perform import Performer
from daga_nb.engine.planted import PlantedFaults
from daga_nb.engine.recorder import Recorder
from daga_nb.engine.seat import Seat
from daga_nb.engine.turnabout import Turnabout
from daga_nb.errors import DagaError, JournalError, StepError

__all__ = ["Driver"]

T = TypeVar("T")


class Driver(Turnabout):
    """Executes one run. `FlowRun` is its face; nothing else uses it."""

    def __init__(
        self,
        plan: Plan,
        calls: Sequence[ActionCall],
        policy: Policy,
        *,
        run_id: str,
        input: Any,
        faults: Faults,
        max_parallel: int | None,
        patience: float,
        on_failure: OnFailure = "rollback",
        inherited: Inherited = NOTHING_INHERITED,
        log: Log | None = None,
    ) -> None:
        undo = [call.undo for call in calls]
        if not inherited.adopt:
            for node in inherited.results:
                undo[node] = Undo.ELSEWHERE
        self.plan = plan
        self.machine = Machine(plan, undo, policy)
        self.seat = Seat()
        own = list(calls)  # functions may be replaced in this run alone
        self.faults = PlantedFaults(self.machine, own, faults)
        self.outcomes = Outcomes(self.machine)
        self.keeping = None if log is None else Keeping(log, self.machine, self.outcomes)
        self.recorder = Recorder(self.machine, run_id, self.keeping)
        self.effects = Effects(partial(len, self.machine.events), self.recorder.now, plan)
        parts = (own, self.faults, self.outcomes, self.effects)
        self.performer = Performer(self.machine, *parts, run_id=run_id, input=input, cancel=self.cancel)
        self._bell = Bell()
        self.inflight = InFlight(
            self.performer, self.outcomes, self._bell, plan.names, patience, self.recorder
        )
        self.inflight.turning = self._turning
        if log is not None:
            log.begin(plan, undo, policy, partial(_is_busy, self.seat, self.inflight))
        self._chronicle = Chronicle(
            self.machine, self.recorder, self.outcomes, self.inflight, self.performer, self.keeping
        )
        if self.keeping is not None:
            self.keeping.agree(on_failure)
        self.closing, self.cancelled = "", False
        self.lost = ()
        self._max_parallel = max_parallel
        self._again: Sequence[int] = ()
        self._failed_before: frozenset[int] = frozenset()
        self._stops: Stops | None = None
        self._refused: Exception | None = None
        self.on_failure = on_failure
        self.adopted = False
        self.outcomes.results.update(inherited.results)
        self.effects.inherit(inherited.effects)
        if self.keeping is not None:
            self.keeping.gather(self.effects.entries)
            self.effects.observers.append(self.keeping.enter)
        for node in sorted(inherited.results):
            self.recorder.inherit(node, inherited.reason)

    # ---------------------------------------------------------------- the loop

    async def drive(
        self, stepper: Stepper = FREE, *, stops: Stops | None = None, again: Sequence[int] = ()
    ) -> tuple[Event, ...]:
        """Go on until the run ends, or the stepper or `stops` hold and what runs has finished.

        What failed and stands in `again` is called once more, before anything else starts: as many at once
        as may go, the others as soon as there is room.

        Raises
        ------
        RunBusy
            If another call is driving.
        JournalError
            If the story cannot be written; then what runs has been heard out.
        StepError
            If the stepper failed, or admitted what was not ready.
        asyncio.CancelledError
            If the awaiting task was cancelled; then only after the rollback.
        """
        first = len(self.machine.events)
        with self.seat.sit() as still_seated:
            self.inflight.reach()
            self.recorder.check()
            if self.cancelled and self.stands:  # for that it stood still, past its pivot; now it is to go on
                self.cancelled = False
                self.inflight.resume()
            self._refused = None
            self._chronicle.undo_failed = False
            self._stops = stops
            lost = self.called_again()
            if lost and stepper is not FREE:
                stepper = HOLD  # that is the step
            self._again = list(dict.fromkeys([*lost, *again]))
            self._failed_before = frozenset(self.machine.failures).difference(self._again)
            self.recorder.switch_on()
            try:
                cancelled = await self._go_on(stepper)
            except Exception:
                # Ours: the story cannot be written on. What runs is heard out: no task is left behind.
                await self._drain()
                raise
            finally:
                if still_seated():
                    self.recorder.switch_off()
                if self.machine.run_state.ended:
                    self.performer.threads.close()
        if cancelled is not None:
            raise cancelled
        if self._refused is not None:
            raise self._refused
        events = tuple(self.machine.events[first:])
        free = stepper is FREE and stops is None and self.on_failure == "rollback" and not self.stands
        if free and not events and not self.machine.run_state.ended:
            raise DagaError(f"the run is stuck while {self.machine.run_state.word}: a bug of daga_nb")
        return events

    async def _go_on(self, stepper: Stepper) -> asyncio.CancelledError | None:
        cancelled: asyncio.CancelledError | None = None
        self._chronicle.mend(self._turning)
        going = True
        while going:
            try:
                going = await self._turn(FREE if self.cancelled else HOLD if self._refused else stepper)
            except asyncio.CancelledError as error:
                # Remembered, not obeyed, until the rollback is through; then it goes on.
                cancelled = cancelled or error
                self.cancel()
        self.recorder.write()
        return cancelled

    @property
    def through(self) -> bool:
        """Whether the run has ended, and nothing of its story is still to be written."""
        return self.machine.run_state.ended and (self.keeping is None or not self.keeping.behind)

    def check_apart(self) -> None:
        """Refuse a caller who could only wait for ever.

        Raises
        ------
        RunBusy
            If an action of this very run asks, or somebody on another event loop than that which drives.
        """
        self.seat.check_apart(self.inflight.inside)

    async def at_rest(self) -> None:
        """Wait until nobody drives.

        Raises
        ------
        RunBusy
            If that would be for ever.
        """
        self.check_apart()
        await self.seat.free()

    async def _turn(self, stepper: Stepper) -> bool:
        """Make one turn of the loop; False when there is nothing left to do or to wait for."""
        machine, inflight = self.machine, self.inflight
        self._chronicle.record_ended(self._turning)
        if self.outcomes.fatal is not None:
            self._keep_that_it_was_stopped()
        if self._turning():
            inflight.withdraw_waiting()
        if machine.pivot is not None:
            self.closing = ""  # there is no way back any more
        self._repeat()
        for change in self._due():
            if change.state is RunState.ROLLING_BACK or change.state is RunState.RECOVERING:
                self.outcomes.find_cause(machine.failures)
            self.recorder.record(change.node, change.state, change.reason)
            if change.state is RunState.RUNNING:
                try:
                    self.recorder.write()  # who is told now may ask what is forgotten next
                finally:
                    self.outcomes.begin_anew()
        if machine.run_state is RunState.ROLLING_BACK:
            self.closing = ""
        if (machine.run_state.ended and not self.closing) or (self.stands and not inflight.tasks):
            return False
        limit = self._room()
        if (limit is None or limit > 0) and self._may_start():
            # Who may hold is asked about all that is ready: what it waits for may stand behind the limit.
            ready = machine.ready(limit if stepper is FREE and self._stops is None else None)
            nodes = await self._admitted(ready, stepper, limit)
            # While the stepper thought, a cancel or an abort may have come.
            direction = ready.direction
            if direction and nodes and not (self.closing and direction == "forward"):
                through = await self._start(nodes, direction, stepper)
                if through:
                    return True  # what comes after those that are through may start too
        if inflight.tasks:
            if not inflight.ended:
                self.recorder.write()
                await self._bell.wait()
            return True
        return bool(self._due())

    def _repeat(self) -> None:
        """Call once more what failed and is to be tried again, as far as there is room."""
        if not self._again:
            return
        stopped = self.closing or self.cancelled or self._fails_besides([*self._failed_before, *self._again])
        if stopped and self.machine.run_state is RunState.RUNNING:
            self._again = ()  # rollbacks are called again all the same
        room = self._room()
        nodes, self._again = self._again[:room], [] if room is None else self._again[room:]
        if nodes:
            self._chronicle.repeat(nodes, frozenset(self.lost))
            called = frozenset(nodes)
            self.lost = [node for node in self.lost if node not in called]

    def end_if_through(self) -> None:
        """Come to the end if every action has succeeded, without a drive: there is nothing left to call."""
        if not self.machine.running and self._due() == [Due(None, RunState.SUCCEEDED, "")]:
            self.recorder.record(None, RunState.SUCCEEDED)
            self.performer.threads.close()

    async def _admitted(self, ready: Ready, stepper: Stepper, limit: int | None) -> tuple[int, ...]:
        """Give what may start now, of what is ready."""
        stops = None if self.cancelled else self._stops
        if not ready.nodes or (stops is not None and stops.hit(ready)):
            return ()
        return ready.nodes[:limit] if stepper is FREE else await self._ask(stepper, ready, limit)

    async def _ask(self, stepper: Stepper, ready: Ready, limit: int | None) -> tuple[int, ...]:
        """Give what the stepper lets go, and what may still go by then."""
        self.recorder.write()
        with self.recorder.held():
            asked = await self._unless_turned(stepper.admit(ready))
        if asked is None:
            return ()
        try:
            admitted = list(asked.result())
            if not set(admitted) <= set(ready.nodes):
                raise StepError(f"the stepper admitted {admitted}, and ready are {list(ready.nodes)}")
        except asyncio.CancelledError:
            self._refused = StepError("the stepper was cancelled, and not by this run")
            return ()
        except Exception as error:
            self._refused = error  # from now on it is held; what runs is heard out
            return ()
        now = set(self.machine.ready().nodes)  # while it thought, what ran may have failed
        return tuple(node for node in dict.fromkeys(admitted) if node in now)[:limit]

    async def _start(self, nodes: tuple[int, ...], direction: Direction, stepper: Stepper) -> bool:
        """Show `nodes` as under way, then call them; give whether some needed no call."""
        held = None if stepper is FREE else self.recorder.held()
        calls = self._chronicle.show(nodes)
        self.recorder.write()
        cancelled: asyncio.CancelledError | None = None
        if held is not None and stepper.dwell and calls:
            try:
                with held:
                    await self._unless_turned(asyncio.sleep(stepper.dwell))
            except asyncio.CancelledError as error:
                cancelled = error
                self.cancel()
        if direction == "forward" and self._turning():
            self._chronicle.withdraw(calls)
        else:
            self.inflight.begin(calls, direction)
        if cancelled is not None:
            raise cancelled
        return len(calls) < len(nodes)

    async def _unless_turned(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T] | None:
        """Await what the stepper wants, while what runs is heard; None once the run is to turn back."""
        task = asyncio.ensure_future(work)
        task.add_done_callback(self._thought)
        try:
            while not (task.done() or self._turning() or self.cancelled):
                await self._bell.wait()
                self._chronicle.record_ended(self._turning)
                self.recorder.write()
        except BaseException:
            if not task.get_loop().is_closed():
                task.cancel()
            raise
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        return None if self._turning() or self.cancelled else task

    def _thought(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled():
            task.exception()  # heard here too, if nobody asks it any more
        self._bell.ring()

    async def _drain(self) -> None:
        self.inflight.drop_waiting()
        while self.inflight.running:
            try:
                await self._bell.wait()
            except asyncio.CancelledError:
                self.cancel()
            with suppress(JournalError):  # the first one is raised soon; a cancel may find its place by now
                self.recorder.write()


def _is_busy(seat: Seat, inflight: InFlight) -> bool:
    """Whether a run is being driven, or something of it still runs."""
    return seat.taken or inflight.under_way
