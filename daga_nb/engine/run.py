"""One execution of a flow, as people handle it: step it, watch it, break it, undo it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from daga_nb.core.events import Event
from daga_nb.core.next_step import NextStep, next_step
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState, RunState
from daga_nb.engine.driver import FREE, Driver, Stepper
from daga_nb.engine.faults import Fault, Where, find_node
from daga_nb.engine.views import ByName, ReadOnly, Subscription
from daga_nb.errors import DagaFlowError, FaultError, RollbackError, RunAborted, StepError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from daga_nb.flow import DagaFlow
    from daga_nb.render.picture import Picture

__all__ = ["FlowRun"]


class FlowRun:
    """One execution of a flow: a state for each action, results, errors, and the story.

    `DagaFlow.start` makes it. It has run nothing yet, has made no task, and needs no event loop until
    it is awaited.

    Examples
    --------
    >>> import asyncio
    >>> from daga_nb import DagaFlow
    >>> async def quote(results): return results[0] * 2
    >>> async def pay(results): return f"paid {results[0]}"
    >>> run = DagaFlow([(quote, pay)]).start(21)
    >>> print(run.next)
    next: batch 1, 1 action: quote
    >>> [str(event) for event in asyncio.run(run.step())]
    ['run RUNNING', 'quote RUNNING', 'quote SUCCEEDED']
    >>> asyncio.run(run.finish())
    ['paid 42']
    """

    def __init__(self, flow: DagaFlow[Any, Any], input: Any = None, faults: Iterable[Fault] = ()) -> None:
        self._flow = flow
        self._id = secrets.token_hex(6)
        self._driver = Driver(
            flow.plan,
            flow.calls,
            flow.policy,
            run_id=self._id,
            input=input,
            faults=faults,
            max_parallel=flow.max_parallel,
            rollback_timeout=flow.rollback_timeout,
        )

    def __repr__(self) -> str:
        return f"<FlowRun {self._id} of {self._flow.name}: {self.state}, {len(self.events)} events>"

    # ------------------------------------------------------------------ looking

    @property
    def id(self) -> str:
        """A name for this run that no other run has."""
        return self._id

    @property
    def flow(self) -> DagaFlow[Any, Any]:
        """The flow that is executed."""
        return self._flow

    @property
    def plan(self) -> Plan:
        """The shape of the flow."""
        return self._driver.plan

    @property
    def input(self) -> Any:
        """What the actions without predecessors get."""
        return self._driver.performer.input

    @property
    def state(self) -> RunState:
        """The state of the run."""
        return self._driver.machine.run_state

    @property
    def states(self) -> Mapping[str, NodeState]:
        """The state of each action, live, by display name."""
        return ByName(self.plan, self._driver.machine.states)

    @property
    def node_states(self) -> ReadOnly[NodeState]:
        """The state of each action, live, by its number in the plan."""
        return ReadOnly(self._driver.machine.states)

    @property
    def results(self) -> Mapping[str, Any]:
        """The results so far, live, by display name; those of undone actions stay here."""
        return ByName(self.plan, self._driver.performer.results)

    @property
    def errors(self) -> Mapping[str, Exception]:
        """What the failed actions raised, live, by display name."""
        return ByName(self.plan, self._driver.performer.errors)

    @property
    def rollback_results(self) -> Mapping[str, Any]:
        """What the rollbacks returned, live, by display name."""
        return ByName(self.plan, self._driver.rollback_results)

    @property
    def rollback_errors(self) -> Mapping[str, RollbackError]:
        """The rollbacks that failed, live, by display name."""
        return ByName(self.plan, self._driver.rollback_errors)

    @property
    def outputs(self) -> dict[str, Any]:
        """The results of the actions without successors, as far as there are any, by display name."""
        results = self._driver.performer.results
        return {self.plan.names[sink]: results[sink] for sink in self.plan.sinks if sink in results}

    @property
    def events(self) -> ReadOnly[Event]:
        """The story, live."""
        return ReadOnly(self._driver.machine.events)

    @property
    def batches(self) -> tuple[tuple[str, ...], ...]:
        """The display names batch by batch; ``batches[0]`` is batch 1."""
        names = self.plan.names
        return tuple(tuple(names[node] for node in batch) for batch in self.plan.batches)

    @property
    def next(self) -> NextStep:
        """What the next step would do, forward or back; as text, in words."""
        return next_step(self._driver.machine)

    @property
    def busy(self) -> bool:
        """Whether a call is driving this run now."""
        return self._driver.driving

    @property
    def running(self) -> int:
        """How many actions and rollbacks are being carried out now."""
        return self._driver.machine.running

    @property
    def started_at(self) -> float | None:
        """When the run was first driven, in seconds since the epoch; None before."""
        return self._driver.recorder.started_at

    def duration(self, name: str, *, rollback: bool = False) -> float | None:
        """Give how many seconds the call of an action (or of its rollback) took; None if it has not ended."""
        taken = self._driver.rollback_durations if rollback else self._driver.durations
        return taken.get(find_node(self.plan, name))

    def inputs_of(self, name: str) -> list[Any]:
        """Give the list that an action is called with; None stands for a result that is not there yet."""
        return list(self._driver.performer.inputs(find_node(self.plan, name)).values())

    def subscribe(self, observer: Callable[[Event], object]) -> Subscription:
        """Have `observer` called with each event from now on, on the thread of the event loop.

        An observer that raises is logged and hears no more; it never hurts the run.
        """
        observers = self._driver.recorder.observers
        observers.append(observer)

        def close() -> None:
            if observer in observers:
                observers.remove(observer)

        return Subscription(close)

    # ------------------------------------------------------------------- faults

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The planted faults, in plan order."""
        return self._driver.faults.all()

    def inject(self, fault: Fault) -> Fault:
        """Plant a failure, and give it back.

        Raises
        ------
        FaultError
            If it could never fire: no such action, or no rollback to fail.
        """
        self._driver.faults.add(fault)
        return fault

    def clear_faults(self, at: Any = None, where: Where | None = None) -> tuple[Fault, ...]:
        """Take out the faults at one action (or all), at one place (or all), and give them."""
        return self._driver.faults.remove(at, where)

    # ------------------------------------------------------------------ driving

    async def step(self) -> tuple[Event, ...]:
        """Run one batch, forward or back, and give its events. Never raises for an action.

        Raises
        ------
        RunBusy
            If another call is driving the run.
        """
        from daga_nb.debug.stepper import BatchStep

        return await self._driver.drive(BatchStep(self.plan))

    async def step_action(self, name: str | None = None) -> tuple[Event, ...]:
        """Run one action, or one rollback, and give its events: the named one, or the next in plan order.

        Raises
        ------
        StepError
            If it is not its turn; the message says what it waits for.
        RunBusy
            If another call is driving the run.
        """
        from daga_nb.debug.stepper import OneAction

        self._driver.check_free()
        ready = self._driver.machine.ready()
        if name is None:
            if not ready.nodes:
                return ()
            return await self._driver.drive(OneAction(ready.nodes[0]))
        try:
            node = find_node(self.plan, name)
        except FaultError as error:
            raise StepError(str(error)) from None
        if node not in ready.nodes:
            raise StepError(self._why_not(node, ready.nodes))
        return await self._driver.drive(OneAction(node))

    def _why_not(self, node: int, ready: tuple[int, ...]) -> str:
        name, names = self.plan.names[node], self.plan.names
        state = self._driver.machine.states[node]
        now = ", ".join(names[one] for one in ready) or "nothing"
        return f"{name!r} is {state.word}, and it is not its turn. What can step now: {now}"

    async def drive(self, stepper: Stepper) -> tuple[Event, ...]:
        """Go on until the run ends, or `stepper` holds and what runs has finished.

        Never raises for an action. Gives the events of this drive.
        """
        return await self._driver.drive(stepper)

    async def finish(self) -> list[Any]:
        """Run to the end, and give the results of the last batch.

        If another call is driving, it is waited for first.

        Raises
        ------
        DagaFlowError
            If an action or a rollback failed, or the run was rolled back by request.
        asyncio.CancelledError
            If the run was cancelled; then only after the rollback.
        """
        driver = self._driver
        while True:
            await driver.at_rest()
            if self.state.ended and not driver.closing:
                break
            try:
                await driver.drive(FREE)
            except asyncio.CancelledError as error:
                self._note_rollback(error)
                raise
        return self._verdict()

    def _note_rollback(self, error: BaseException) -> None:
        error.add_note(f"run {self._id} of {self._flow.name!r} was cancelled: {self.state.word}")
        for failed in self._driver.rollback_errors.values():
            error.add_note(str(failed))

    def _verdict(self) -> list[Any]:
        driver = self._driver
        if driver.fatal is not None:
            raise driver.fatal
        if driver.cancelled:
            error = asyncio.CancelledError()
            self._note_rollback(error)
            raise error
        if self.state is RunState.SUCCEEDED:
            return [driver.performer.results[node] for node in self.plan.batches[-1]]
        found: list[Exception] = [driver.performer.errors[node] for node in sorted(driver.performer.errors)]
        if not found:
            found.append(RunAborted(f"run {self._id} of {self._flow.name!r} was rolled back by request"))
        raise self._failure(found)

    def _failure(self, found: list[Exception]) -> DagaFlowError:
        rollbacks = self._driver.rollback_errors
        group = DagaFlowError("DagaFlowError", [*found, *(rollbacks[node] for node in sorted(rollbacks))])
        group.run = self
        return group

    async def rollback(self, stepper: Stepper = FREE) -> tuple[Event, ...]:
        """Abort: let what runs finish, then undo what is done; also after the run has succeeded.

        Gives the events from now on. What was undone already is left alone.

        Raises
        ------
        DagaFlowError
            If a rollback failed; the others have been tried all the same.
        """
        driver = self._driver
        first = len(self.events)
        driver.close("rolled back by request")
        while True:
            await driver.at_rest()
            if self.state.ended and not driver.closing:
                break
            before = len(self.events)
            await driver.drive(stepper)
            if len(self.events) == before:
                break  # the stepper holds
        if self.state is RunState.ROLLBACK_INCOMPLETE and driver.rollback_errors:
            raise self._failure([])
        return self.events[first:]

    async def cancel(self) -> tuple[Event, ...]:
        """Stop what can be stopped, undo what is done, and give the events from now on.

        Running async actions are cancelled; a thread cannot be stopped, so it is waited for, up to the
        deadline. Who awaits the run gets a `CancelledError`. A run that has ended stays as it is.
        """
        driver = self._driver
        first = len(self.events)
        driver.cancel()
        while True:
            await driver.at_rest()
            if self.state.ended:
                break
            await driver.drive(FREE)
        return self.events[first:]

    # ------------------------------------------------------------------ showing

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return self.picture()._repr_mimebundle_(include, exclude)

    def picture(self) -> Picture:
        """Give the graph with its present states as a picture: the last cell of a notebook."""
        from daga_nb.render.picture import picture_of_run

        return picture_of_run(self)

    def timeline(self) -> Figure:
        """Give a timeline: a bar for each action and each rollback, batches and failure marked."""
        from daga_nb.render.timeline import timeline

        return timeline(self)
