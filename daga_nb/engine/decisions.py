"""What is decided about a run: which failures are planted, and what becomes of what failed."""

from __future__ import annotations

from typing import Any

from daga_nb.core.events import Event
from daga_nb.core.moves import Undo
from daga_nb.core.states import NodeState, RunState
from daga_nb.engine.admission import HOLD, OnFailure, check_on_failure
from daga_nb.engine.faults import Fault, Where, find_node
from daga_nb.engine.look import RunLook
from daga_nb.errors import StepError

__all__ = ["RunDecisions"]


class RunDecisions(RunLook):
    """The half of a `FlowRun` that decides what is to happen, and starts nothing but what failed."""

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

    # ----------------------------------------------------------------- failures

    @property
    def on_failure(self) -> OnFailure:
        """What a failure does: ``"rollback"``, or ``"pause"`` until somebody decides."""
        return self._driver.on_failure

    @on_failure.setter
    def on_failure(self, what: OnFailure) -> None:
        self._driver.on_failure = check_on_failure(what)

    @property
    def undecided(self) -> tuple[str, ...]:
        """The actions that failed, or going back whose rollback did, and that can be tried again."""
        return tuple(self.plan.names[node] for node in self._driver.machine.undecided())

    async def retry(self, *names: str) -> tuple[Event, ...]:
        """Call what failed once more, as a new attempt, and give its events. Never raises for an action.

        Nothing is rolled back in between, and nothing else starts. Going back, the rollbacks that failed are
        called once more; also after the run has ended with one.

        Parameters
        ----------
        names
            The actions; all that failed if none is named.

        Raises
        ------
        StepError
            If one of them has not failed, or the run has turned back already.
        """
        nodes = self._failed(names)
        return await self._driver.drive(HOLD, again=nodes)

    def skip(self, name: str, value: Any = None) -> None:
        """Go on as if a failed action had given `value`.

        It counts as succeeded, and is rolled back as a failed action is: it may have half happened.

        Raises
        ------
        StepError
            If it has not failed, or the run has turned back already.
        """
        driver = self._driver
        (node,) = self._failed((name,))
        if driver.machine.run_state is not RunState.RUNNING:
            raise StepError(
                f"the rollback of {name!r} cannot be skipped; mend it (run.replace) and try again"
            )
        driver.outcomes.skip(node, value)
        with driver.recorder.ticking():
            driver.recorder.record(node, NodeState.SUCCEEDED, "skipped, with a value given by hand")

    def replace(self, name: str, function: Any = None, *, rollback: Any = None) -> None:
        """Use another function from now on, in this run alone: for an action, its rollback, or both.

        A `DagaAction` brings its rollback along.

        Raises
        ------
        StepError
            If the action is being called now, or a rollback comes too late to be called.
        FlowDefinitionError
            If the function cannot be called as an action or a rollback is.
        """
        driver = self._driver
        node = find_node(self.plan, name)
        if driver.machine.states[node] in (NodeState.RUNNING, NodeState.ROLLING_BACK):
            raise StepError(f"{name!r} is {driver.machine.states[node].word}: let it end first")
        from daga_nb.action import replaced

        call = replaced(driver.performer.calls[node], function, rollback, name)
        machine = driver.machine
        if call.undo is not machine.undo[node] and machine.undo[node] is not Undo.ELSEWHERE:
            if machine.run_state not in (RunState.READY, RunState.RUNNING, RunState.SUCCEEDED):
                raise StepError(f"{name!r} had no rollback when the run turned back: it is too late for one")
            machine.undo[node] = call.undo
        driver.performer.calls[node] = call

    def release(self) -> None:
        """Never roll back any more: what this run has done stays, and may be adopted by a fork.

        Raises
        ------
        StepError
            If the run is in the middle of a rollback.
        RunBusy
            If a call is driving the run.
        """
        self._driver.check_free()
        if self.state is RunState.ROLLING_BACK:
            raise StepError("the run is rolling back: let it come to its end first")
        self._driver.released = True

    @property
    def released(self) -> bool:
        """Whether the run will never roll back any more."""
        return self._driver.released

    def _failed(self, names: tuple[str, ...]) -> list[int]:
        driver = self._driver
        driver.check_free()
        failed = driver.machine.undecided()
        if not names:
            if not failed:
                raise StepError("nothing has failed that could be tried again")
            return failed
        nodes = [find_node(self.plan, name) for name in names]
        for name, node in zip(names, nodes, strict=True):
            if node not in failed:
                state = driver.machine.states[node]
                late = ", and the run has turned back" if state is NodeState.FAILED else ""
                raise StepError(f"{name!r} is {state.word}{late}: only what failed can be tried again")
        return nodes
