"""What is decided about a run: where it fails, where it stops, and what becomes of what failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from daga_nb.core.events import Event
from daga_nb.core.moves import SKIPPED, Undo
from daga_nb.core.states import NodeState, RunState
from daga_nb.engine.admission import HOLD, OnFailure, check_on_failure
from daga_nb.engine.faults import find_node
from daga_nb.engine.log import Mark
from daga_nb.engine.trial import RunTrial
from daga_nb.errors import StepError

if TYPE_CHECKING:
    from daga_nb.debug.breakpoints import Breakpoint, Breakpoints, Condition, Phase

__all__ = ["RunDecisions"]


class RunDecisions(RunTrial):
    """The part of a `FlowRun` that decides what is to happen, and starts nothing but what failed."""

    _breakpoints: Breakpoints | None = None

    # -------------------------------------------------------------- breakpoints

    @property
    def breakpoints(self) -> tuple[Breakpoint, ...]:
        """Where the run stops of itself."""
        return () if self._breakpoints is None else tuple(self._breakpoints)

    @property
    def stopped_at(self) -> tuple[Breakpoint, ...]:
        """The breakpoints at which the run stands now."""
        return () if self._breakpoints is None else self._breakpoints.stopped

    def break_at(self, name: str, phase: Phase = "forward", when: Condition | None = None) -> Breakpoint:
        """Stop before an action, or before its ``"rollback"``, each time that the run is let go.

        A step is a step: it does not stop at breakpoints, nor does a rollback after a cancel.

        Parameters
        ----------
        name
            The action.
        phase
            ``"forward"`` or ``"rollback"``.
        when
            Is given the inputs by name, and tells whether to stop.

        Raises
        ------
        StepError
            If there is no such action, or nothing to stop before.

        Examples
        --------
        >>> import asyncio
        >>> from daga_nb import DagaFlow
        >>> async def quote(results): return results[0] * 2
        >>> async def pay(results): return f"paid {results[0]}"
        >>> run = DagaFlow([(quote, pay)]).start(21)
        >>> print(run.break_at("pay", when=lambda inputs: inputs["quote"] > 40))
        before pay, if <lambda>
        >>> [str(event) for event in asyncio.run(run.go())]
        ['run RUNNING', 'quote RUNNING', 'quote SUCCEEDED']
        >>> asyncio.run(run.finish())
        ['paid 42']
        """
        from daga_nb.debug.breakpoints import Breakpoints

        self._check_stop(name, phase)
        if self._breakpoints is None:
            self._breakpoints = Breakpoints(self.plan, self._driver.performer.inputs)
        return self._breakpoints.add(name, phase, when)

    def clear_breaks(self, name: str | None = None, phase: Phase | None = None) -> tuple[Breakpoint, ...]:
        """Take out the breakpoints at one action (or all), of one phase (or both), and give them."""
        return () if self._breakpoints is None else self._breakpoints.remove(name, phase)

    def _check_stop(self, name: str, phase: Phase) -> None:
        node = find_node(self.plan, name)
        if phase == "rollback" and self.calls[node].rollback is None:
            raise StepError(f"{name!r} has no rollback to stop before")

    # ----------------------------------------------------------------- failures

    @property
    def on_failure(self) -> OnFailure:
        """What a failure does: ``"rollback"``, or ``"pause"`` until somebody decides."""
        return self._driver.on_failure

    @on_failure.setter
    def on_failure(self, what: OnFailure) -> None:
        driver = self._driver
        driver.on_failure = check_on_failure(what)
        if driver.keeping is not None:
            driver.keeping.agree(what)

    @property
    def undecided(self) -> tuple[str, ...]:
        """The actions that failed, or going back whose rollback did, and that can be tried again."""
        driver = self._driver
        if driver.too_late:
            return ()
        return tuple(self.plan.names[node] for node in driver.machine.undecided())

    async def retry(self, *names: str) -> tuple[Event, ...]:
        """Call what failed once more, as a new attempt, and give its events. Never raises for an action.

        Nothing is rolled back in between, and nothing else starts. Going back, the rollbacks that failed are
        called once more, no more at once than the flow allows; also after the run has ended with one.

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
        return await self._drive(HOLD, again=nodes)

    def skip(self, name: str, value: Any = None) -> None:
        """Go on as if a failed action had given `value`.

        It counts as succeeded, and is rolled back as a failed action is: it may have half happened. If all
        others have succeeded, that is the end of the run.

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
        if driver.keeping is not None:
            driver.keeping.keep(node, value)
        driver.outcomes.skip(node, value)
        with driver.recorder.ticking():
            driver.recorder.record(node, NodeState.SUCCEEDED, SKIPPED)
            driver.end_if_through()
        driver.recorder.write()

    def replace(self, name: str, function: Any = None, *, rollback: Any = None) -> None:
        """Use another function from now on, in this run alone: for an action, its rollback, or both.

        A `DagaAction` brings its rollback along.

        Raises
        ------
        StepError
            If the action is being called now, a rollback comes too late to be called, or what was done
            already would not be undone any more.
        FlowDefinitionError
            If the function cannot be called as an action or a rollback is.
        """
        driver = self._driver
        node = find_node(self.plan, name)
        if driver.machine.states[node] in (NodeState.RUNNING, NodeState.ROLLING_BACK):
            raise StepError(f"{name!r} is {driver.machine.states[node].word}: let it end first")
        from daga_nb.nodes import replaced

        call = replaced(driver.performer.calls[node], function, rollback, name)
        machine = driver.machine
        if call.undo is not machine.undo[node] and machine.undo[node] is not Undo.ELSEWHERE:
            if machine.run_state not in (RunState.READY, RunState.RUNNING, RunState.SUCCEEDED):
                raise StepError(f"{name!r} had no rollback when the run turned back: it is too late for one")
            if call.undo is Undo.NOTHING and machine.states[node] is not NodeState.PENDING:
                raise StepError(
                    f"{name!r} was called already, and what it did is to be undone: what says no_effect=True "
                    "cannot stand for it any more"
                )
            machine.undo[node] = call.undo
            if driver.keeping is not None:
                driver.keeping.mark(Mark(len(machine.events), "undo", node, call.undo.value))
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
        self._driver.seat.check_free()
        self._driver.recorder.check()
        if self.state.back:
            raise StepError("the run is rolling back: let it come to its end first")
        if self._driver.keeping is not None:  # else another process could undo what a fork has adopted
            self._driver.keeping.mark(Mark(len(self.events), "released"))
            self._driver.recorder.write()
        self._driver.seat.released = True

    @property
    def released(self) -> bool:
        """Whether the run will never roll back any more."""
        return self._driver.seat.released

    def _failed(self, names: tuple[str, ...]) -> list[int]:
        driver = self._driver
        driver.seat.check_free()
        driver.recorder.check()
        if driver.too_late:
            raise StepError(f"the run is about to be rolled back ({driver.too_late}): nothing is tried again")
        failed = driver.machine.undecided()
        if not names:
            if not failed:
                raise StepError("nothing has failed that could be tried again")
            return failed
        nodes = {find_node(self.plan, name): name for name in names}
        for node, name in nodes.items():
            if node not in failed:
                state = driver.machine.states[node]
                late = ", and the run has turned back" if state is NodeState.FAILED else ""
                raise StepError(f"{name!r} is {state.word}{late}: only what failed can be tried again")
        return list(nodes)
