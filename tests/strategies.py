"""Random plots: a saga, what goes wrong in it, and how it is carried out; and the engine carrying it out.

A plot is a value whose repr can be pasted: `asyncio.run(tell(Plot(...)))` plays it again.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import networkx as nx
import pytest
from hypothesis import strategies as st
from model import Saga, outcome

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault, FlowRun
from daga_nb.core.machine import Machine
from daga_nb.core.states import NodeState
from daga_nb.errors import RollbackError, RunAborted

START = {"RUNNING": "do+", "SUCCEEDED": "do-", "FAILED": "do-", "ROLLING_BACK": "undo+"}
END = {"ROLLED_BACK": "undo-", "ROLLBACK_FAILED": "undo-"}

Mark = tuple[str, str]

# A run that turns back early never comes to all that is planted at random; the judge looks at what fired.
MAY_NOT_FIRE = pytest.mark.filterwarnings("ignore::daga_nb.errors.FaultNotFired")


class Failure(RuntimeError):
    """Equal to its copies: what a fault raises is one."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.args == other.args  # type: ignore[attr-defined]

    __hash__ = RuntimeError.__hash__


@dataclass(frozen=True)
class Plot:
    """A saga and the way it is carried out."""

    saga: Saga
    places: dict[str, str] = field(
        default_factory=dict
    )  # of those that fail: "own" (unless said), "before", "after"
    planted: frozenset[str] = (
        frozenset()
    )  # those whose failing undo is a planted fault, so that it is not called
    plain: frozenset[str] = frozenset()  # plain functions, called on the loop
    threaded: frozenset[str] = frozenset()  # plain functions, called in a thread
    max_parallel: int | None = None
    seed: int = 0  # of how long each call takes, and of the order of the graph; 0: as written


def random_plot(rng: Random, *, faults: float = 0.6, threads: bool = True) -> Plot:
    """Make up a plot of 1 to 12 nodes with at most 3 parents each."""
    names = [f"n{number}" for number in range(rng.randint(1, 12))]
    parents: dict[str, tuple[str, ...]] = {}
    for name in names:
        known = list(parents)
        count = rng.choice([0, 1, 1, 1, 2, 2, 3])
        parents[name] = tuple(rng.sample(known, min(count, len(known))))

    def some(of: list[str], share: float) -> frozenset[str]:
        return frozenset(name for name in of if rng.random() < share)

    wrong = rng.random() < faults
    fails = some(names, rng.choice([0.1, 0.2, 0.5])) if wrong else frozenset()
    places = {name: rng.choice(["own", "own", "before", "after"]) for name in sorted(fails)}
    no_undo = some(names, 0.2) if rng.random() < 0.5 else frozenset()
    undo_fails = some(names, 0.3) - no_undo if rng.random() < 0.4 else frozenset()
    plain = some(names, 0.3) if rng.random() < 0.3 else frozenset()
    threaded = some(names, 0.2) if threads and rng.random() < 0.05 else frozenset()
    saga = Saga(
        parents,
        fails=fails,
        never_called=frozenset(name for name in fails if places[name] == "before"),
        undo_fails=undo_fails,
        no_undo=no_undo,
        no_effect=some(sorted(no_undo), 0.4),
        rollback_failed=rng.random() < 0.75,
        stop=rng.random() < 0.4,
        eager=rng.random() < 0.4,
        abort_before=rng.randint(0, 4) if not wrong and rng.random() < 0.6 else None,
    )
    return Plot(
        saga,
        places,
        some(sorted(undo_fails), 0.5),
        plain,
        threaded - plain,
        rng.choice([None, None, None, 1, 2]),
        rng.randint(0, 999),
    )


def plots(**options: Any) -> st.SearchStrategy[Plot]:
    return st.builds(lambda rng: random_plot(rng, **options), st.randoms(use_true_random=False))


class Told:
    """A plot on the engine: the flow, the faults, and what its calls did, were handed and raised."""

    def __init__(self, plot: Plot, pause: Callable[[Mark], Any] | None = None) -> None:
        self.plot, self.saga = plot, plot.saga
        self.marks: list[Mark] = []
        self.handed: dict[Mark, Any] = {}
        self.errors = {name: Failure(f"do {name}") for name in self.saga.fails}
        self.undo_errors = {name: Failure(f"undo {name}") for name in self.saga.undo_fails}
        self.faults = [
            Fault.raising(self.errors[name], at=name, where=where)  # type: ignore[arg-type]
            for name, where in plot.places.items()
            if where != "own"
        ]
        self.faults += [
            Fault.raising(self.undo_errors[name], at=name, where="rollback") for name in plot.planted
        ]
        self._rng = Random(plot.seed)
        self._pause = pause or self._some_turns
        self.flow = self._flow()

    async def _some_turns(self, mark: Mark) -> None:
        for _ in range(self._rng.choice([0, 0, 1, 1, 2, 5])):
            await asyncio.sleep(0)

    def _flow(self) -> DagaFlow[Any, Any]:
        order = list(self.saga.parents)
        if self.plot.seed:
            Random(self.plot.seed).shuffle(order)
        actions = {name: self._action(name) for name in order}
        graph: nx.DiGraph[Any] = nx.DiGraph()
        graph.add_nodes_from(actions.values())
        graph.add_edges_from((actions[one], actions[n]) for n in order for one in self.saga.parents[n])
        return DagaFlow(
            graph,
            max_parallel=self.plot.max_parallel,
            schedule="eager" if self.saga.eager else "batch",
            rollback_failed=self.saga.rollback_failed,
            on_rollback_error="stop" if self.saga.stop else "continue",
        )

    def _action(self, name: str) -> DagaAction[Any, Any]:
        own = name in self.saga.fails and self.plot.places.get(name, "own") == "own"
        failing = self.errors[name] if own else None
        plain = name in self.plot.plain | self.plot.threaded
        do, undo = ("do", name), ("undo", name)
        if plain:

            def act(results: Any) -> str:
                return self._call(do, results, failing)

            def take_back(results: Any, result: Any, error: Any, context: Any) -> str:
                return self._call(undo, (results, result, error, context), self.undo_errors.get(name))
        else:

            async def act(results: Any) -> str:
                return await self._acall(do, results, failing)

            async def take_back(results: Any, result: Any, error: Any, context: Any) -> str:
                return await self._acall(undo, (results, result, error, context), self.undo_errors.get(name))

        action: DagaAction[Any, Any] = DagaAction(
            act, name=name, no_effect=name in self.saga.no_effect, in_thread=name in self.plot.threaded
        )
        if name not in self.saga.no_undo:
            action.on_rollback(take_back)
        return action

    def _begin(self, call: Mark, handed: Any) -> None:
        self.marks.append((f"{call[0]}+", call[1]))
        assert call not in self.handed, f"{call} is called twice"
        self.handed[call] = handed

    def _end(self, call: Mark, failing: Exception | None) -> str:
        self.marks.append((f"{call[0]}-", call[1]))
        if failing is not None:
            raise failing
        return f"{call[0]} {call[1]}"

    def _call(self, call: Mark, handed: Any, failing: Exception | None) -> str:
        self._begin(call, handed)
        return self._end(call, failing)

    async def _acall(self, call: Mark, handed: Any, failing: Exception | None) -> str:
        self._begin(call, handed)
        await self._pause(call)
        return self._end(call, failing)

    # ------------------------------------------------------------------ judging

    def judge(
        self, run: FlowRun, ended: Any = None, saga: Saga | None = None, *, witness: bool = False
    ) -> None:
        """Hold the run, and how its `finish` ended (results or an error), against the model.

        `witness`: which actions had started when the first one failed was up to who drove the run.
        """
        saga = saga or self.saga
        states = {name: str(state) for name, state in run.states.items()}
        stories = {name: [str(e.state) for e in run.events if e.node == name] for name in run.plan.names}
        started = reached = None
        if witness or saga.eager or self.plot.max_parallel is not None:
            started = {n for n, told in stories.items() if "RUNNING" in told and "ABANDONED" not in told}
            failed = {name for name, story in stories.items() if "FAILED" in story}
            assert started == set(states) or failed or saga.abort_before is not None, "stopped for no reason"
            if saga.stop and str(run.state) != "SUCCEEDED":
                reached = {name for name in started if len(stories[name]) > 2}
                settles = started - (failed & saga.no_undo if saga.rollback_failed else failed)
                assert reached <= settles
                assert reached == settles or "ROLLBACK_FAILED" in states.values(), "stopped for no reason"
        want, ending, did, undone, order = outcome(saga, started, reached)
        done = {name for kind, name in self.handed if kind == "do"}
        taken_back = {name for kind, name in self.handed if kind == "undo"}
        assert states == want, f"states: {states}, and the model says {want}"
        assert str(run.state) == ending, f"the run: {run.state}, and the model says {ending}"
        assert done == did, f"called: {sorted(done)}, and the model says {sorted(did)}"
        unfired = {fault.at for fault in run.unfired if fault.where == "rollback"}
        assert unfired == {n for n in self.plot.planted if "ROLLING_BACK" not in stories[n]}, "unfired"
        undone -= self.plot.planted
        assert taken_back == undone, f"undone: {sorted(taken_back)}, and the model says {sorted(undone)}"
        self._judge_order(run, order)
        self._judge_story(run, stories)
        self._judge_handed(run)
        self._judge_errors(run, saga, ended)

    def _judge_order(self, run: FlowRun, order: set[tuple[Mark, Mark]]) -> None:
        story = [(kind, e.node) for e in run.events if e.node and (kind := _kind(run, e))]
        place = {mark: number for number, mark in enumerate(story)}
        assert len(place) == len(story), "something happened twice"
        for one, other in order:
            assert {one, other} <= place.keys(), f"{one} or {other} is missing in the story"
            assert place[one] < place[other], f"{one} after {other} in the story"
        called = {mark: number for number, mark in enumerate(self.marks)}
        assert len(called) == len(self.marks), "something was called twice"
        for one, other in order:
            # A call begins a moment after its start is written down: who is first there is no rule.
            loose = one[0].endswith("+") and other[0].endswith("-")
            if not loose and one in called and other in called:
                assert called[one] < called[other], f"{one} after {other} in the calls"

    def _judge_story(self, run: FlowRun, stories: dict[str, list[str]]) -> None:
        assert [event.seq for event in run.events] == list(range(1, len(run.events) + 1))
        times = [event.at for event in run.events]
        assert times == sorted(times)
        assert times[0] >= 0
        machine = Machine(run.plan, [call.undo for call in self.flow.calls], self.flow.policy)
        for number, event in enumerate(run.events):
            machine.apply(event)  # every prefix is a legal story
            if number % 5 == 0:
                running = {
                    n
                    for n in run.plan.names
                    if machine.states[run.plan.ids[n]] in ("RUNNING", "ROLLING_BACK")
                }
                assert machine.running == len(running)
                if self.plot.max_parallel:
                    assert len(running) <= self.plot.max_parallel
        assert machine.states == list(run.node_states)
        assert machine.run_state is run.state
        assert not machine.running
        assert run.next.direction is None

    def _judge_handed(self, run: FlowRun) -> None:
        turned_by = run.errors.get(next((str(e.node) for e in run.events if e.state is NodeState.FAILED), ""))
        for (kind, name), handed in self.handed.items():
            before = [f"do {one}" for one in self.saga.parents[name]] or [7]
            if kind == "do":
                assert handed == before
                continue
            results, result, error, context = handed
            assert results == before
            ended = "FAILED" if name in run.errors else "SUCCEEDED"
            assert result == (None if name in run.errors else f"do {name}")
            assert error is run.errors.get(name, turned_by)
            assert (context.run_id, context.node, context.attempt) == (run.id, name, 1)
            assert (context.key, context.outcome) == (f"{run.id}/{name}/undo", ended)

    def _judge_errors(self, run: FlowRun, saga: Saga, ended: Any) -> None:
        failed = [name for name in run.plan.names if name in run.errors]
        assert {n: run.errors[n] for n in failed if n in self.errors} == {
            n: self.errors[n] for n in failed if n in self.errors
        }
        for name in failed:
            if name in self.errors and self.plot.places.get(name, "own") == "own":
                assert run.errors[name] is self.errors[name]
        undos = [name for name in run.plan.names if run.states[name] is NodeState.ROLLBACK_FAILED]
        assert list(run.rollback_errors) == undos
        if ended is None:
            return
        if run.state == "SUCCEEDED":
            assert ended == [f"do {name}" for name in run.batches[-1]]
            assert list(run.outputs) == [name for name in run.plan.names if name in _sinks(saga)]
            assert dict(run.results) == {name: f"do {name}" for name in run.plan.names}
            return
        assert type(ended) is DagaFlowError
        assert ended.message == "DagaFlowError"
        assert ended.run is run
        own, rollbacks = ended.exceptions[: len(failed) or 1], ended.exceptions[len(failed) or 1 :]
        if failed:
            assert set(failed) <= set(self.errors), "failed for no reason"
            assert list(own) == [self.errors[name] for name in failed]
            for name, error in zip(failed, own, strict=True):
                batch = run.plan.batch_of[run.plan.ids[name]] + 1
                assert error.__notes__ == [f"in action {name!r}, batch {batch}, attempt 1"]
        else:
            assert [type(error) for error in own] == [RunAborted]
        assert [(type(one), one.node, one.error) for one in rollbacks] == [  # type: ignore[attr-defined]
            (RollbackError, name, self.undo_errors[name]) for name in undos
        ]


def _kind(run: FlowRun, event: Any) -> str:
    state = str(event.state)
    if state == "ROLLED_BACK" and event.reason == "no effect":
        return ""
    return START.get(state) or END.get(state, "")


def _sinks(saga: Saga) -> set[str]:
    return set(saga.parents) - {one for parents in saga.parents.values() for one in parents}


async def ending(run: FlowRun) -> Any:
    """Finish a run, and give its results or its error."""
    try:
        return await run.finish()
    except DagaFlowError as error:
        return error


async def tell(plot: Plot) -> FlowRun:
    """Play a plot freely, and judge it."""
    told = Told(plot)
    run = told.flow.start(7, faults=told.faults)
    if plot.saga.abort_before is None:
        told.judge(run, await ending(run))
        return run
    for _ in range(plot.saga.abort_before):
        await run.step()
    failures: tuple[Any, ...] = ()
    try:
        await run.rollback()
    except DagaFlowError as error:
        failures = error.exceptions
    assert [one.node for one in failures] == list(run.rollback_errors)
    told.judge(run, await ending(run))
    return run
