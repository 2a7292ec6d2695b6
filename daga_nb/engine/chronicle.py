"""What is written down of the calls of a run: shown before they begin, recorded once they have ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from daga_nb.core.machine import Machine
from daga_nb.core.moves import Direction, Undo
from daga_nb.core.states import NodeState, RunState
from daga_nb.engine.inflight import InFlight
from daga_nb.engine.keeping import Keeping
from daga_nb.engine.log import Mark
from daga_nb.engine.outcomes import Outcomes
from daga_nb.engine.perform import Performer
from daga_nb.engine.recorder import Recorder
from daga_nb.engine.retries import Retry

__all__ = ["Chronicle"]

_TOO_LATE = "the run turned back before it was called"


class Chronicle:
    """Writes down what becomes of the calls of one run.

    The order is kept: shown as under way, called, ended, recorded, let go. A run that is struck between two
    of these, or that cannot write its story for a while, goes on from there.

    Attributes
    ----------
    undo_failed
        Whether a rollback has failed since somebody last went on.
    """

    def __init__(
        self,
        machine: Machine,
        recorder: Recorder,
        outcomes: Outcomes,
        inflight: InFlight,
        performer: Performer,
        keeping: Keeping | None = None,
    ) -> None:
        self._keeping = keeping
        self._performer = performer
        self.undo_failed = False
        # Which attempt waits before it is called, and how long; the journal says that it waits.
        self._delays: dict[tuple[int, Direction], tuple[int, float]] = {}
        self._machine = machine
        self._record = recorder.record
        self._outcomes = outcomes
        self._inflight = inflight

    def show(self, nodes: Sequence[int]) -> Sequence[int]:
        """Record that `nodes` are under way; settle those that need no call, and give the others."""
        machine, record = self._machine, self._record
        if machine.run_state is RunState.READY:
            record(None, RunState.RUNNING)
        if machine.run_state is RunState.RUNNING:
            for node in nodes:
                record(node, NodeState.RUNNING)
            return nodes
        calls = []
        for node in nodes:
            undo = machine.undo[node]
            if undo is Undo.CALL:
                calls.append(node)
                record(node, NodeState.ROLLING_BACK)
            elif undo is Undo.NOTHING:
                record(node, NodeState.ROLLED_BACK, "no effect")
            else:
                record(node, NodeState.KEPT, "no rollback")
        return calls

    def withdraw(self, nodes: Sequence[int]) -> None:
        """Record that `nodes` were shown and are not called after all: there is nothing to undo."""
        for node in nodes:
            if self._machine.calls(node, "forward") <= 1:
                self._record(node, NodeState.ABANDONED, _TOO_LATE)
            else:  # an earlier attempt may have half happened
                self._outcomes.recall(node)
                self._record(node, NodeState.FAILED, _TOO_LATE)

    def record_ended(self, turning: Callable[[], bool]) -> None:
        """Record what has come in; `turning` tells whether the run is about to turn back by now.

        An outcome is let go only then, so that none is ever lost.
        """
        machine, inflight = self._machine, self._inflight
        while inflight.ended:
            node, outcome = inflight.ended[0]
            again: Retry | None = None
            turns = turning()  # by what was recorded before
            state = machine.states[node]
            if state is NodeState.RUNNING and turns and not outcome.called:
                self.withdraw([node])
            elif state is NodeState.RUNNING:
                if self._keeping is not None:
                    outcome = self._keeping.fitting(node, outcome)
                ended, reason = self._outcomes.forward(node, outcome)
                self._record(node, ended, reason)
                if ended is NodeState.FAILED and not turns:
                    again = self._again(node, "forward", self._outcomes.raised(node))
            elif state is NodeState.ROLLING_BACK:
                ended, reason = self._outcomes.back(node, outcome)
                self._record(node, ended, reason)
                if ended is NodeState.ROLLBACK_FAILED:
                    again = self._again(node, "back", self._outcomes.rollback_errors[node].error)
                    self.undo_failed = self.undo_failed or again is None
            inflight.take(node)
            if again is not None:
                self._call_again(node, again)

    def _again(self, node: int, direction: Direction, error: BaseException) -> Retry | None:
        """Give how a call that failed is to be made again; None if it is not."""
        call = self._performer.calls[node]
        retries = call.retries if direction == "forward" else call.rollback_retries
        # A call that was lost with its process has not failed: it is made again besides.
        retry = self._machine.calls(node, direction) - self._outcomes.calls_lost[node, direction]
        if retries is None or retry > retries.times or not retries.covers(error) or self._outcomes.fatal:
            return None
        if node in self._outcomes.in_thread or node in self._outcomes.strays:
            return None  # it still runs
        return Retry(direction, retry, retries.times, retries.delay(retry))

    def _call_again(self, node: int, again: Retry) -> None:
        state = NodeState.RUNNING if again.direction == "forward" else NodeState.ROLLING_BACK
        self._record(node, state, str(again))
        if again.delay:
            attempt = self._machine.attempts(node, again.direction)
            self._delays[node, again.direction] = attempt, again.delay
        if self._keeping is not None and again.delay:
            self._keeping.mark(Mark(len(self._machine.events), "waits", node))
        self._begin_again([node], again.direction, again.delay)

    def _begin_again(self, nodes: Sequence[int], direction: Direction, delay: float = 0.0) -> None:
        try:
            self._inflight.begin(nodes, direction, delay)
        finally:  # only now have the observers been told, who may ask how the last call ended
            for node in nodes:
                self._outcomes.forget(node, direction)

    def repeat(self, nodes: Sequence[int], lost: frozenset[int]) -> None:
        """Call what failed, or was `lost`, once more: the actions, or going back the rollbacks."""
        forward = self._machine.run_state is RunState.RUNNING
        if self._machine.run_state is RunState.ROLLBACK_INCOMPLETE:
            self._record(None, RunState.ROLLING_BACK, "tried again")
        direction: Direction = "forward" if forward else "back"
        state = NodeState.RUNNING if forward else NodeState.ROLLING_BACK
        for node in nodes:
            unknown = node in lost and node not in self._outcomes.waited
            why = "called again: its outcome was lost" if unknown else "tried again"
            self._record(node, state, why)
        self._begin_again(nodes, direction)

    def mend(self, turning: Callable[[], bool]) -> None:
        """Call what was shown as under way and not called yet, because the engine was struck in between."""
        machine, inflight = self._machine, self._inflight
        self.record_ended(turning)
        if machine.running == len(inflight.tasks):
            return
        for node, state in enumerate(machine.states):
            if node in inflight.tasks:
                continue
            if state is NodeState.ROLLING_BACK:
                inflight.begin([node], "back", self._delay(node, "back"))
            elif state is NodeState.RUNNING and turning():
                self.withdraw([node])
            elif state is NodeState.RUNNING:
                inflight.begin([node], "forward", self._delay(node, "forward"))

    def _delay(self, node: int, direction: Direction) -> float:
        attempt, delay = self._delays.get((node, direction), (0, 0.0))
        return delay if attempt == self._machine.attempts(node, direction) else 0.0
