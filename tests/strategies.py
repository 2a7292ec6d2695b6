"""Random plots: a saga, what goes wrong in it, and how it is carried out; and the engine carrying it out.

A plot is a value whose repr can be pasted: `asyncio.run(tell(Plot(...)))` plays it again.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from random import Random
from typing import Any

import networkx as nx
import pytest
from hypothesis import strategies as st
from model import Saga, outcome
from rounds import EVER, Policies, Round, Rounds

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
    policies: Policies = field(default_factory=Policies)
    seed: int = 0  # of how long each call takes, and of the order of the graph; 0: as written


def random_plot(rng: Random, *, faults: float = 0.6, threads: bool = True, policies: float = 0.0) -> Plot:
    """Make up a plot of 1 to 12 nodes with at most 3 parents each; `policies`: how often it has some."""
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
    planted = some(sorted(undo_fails), 0.5)
    max_parallel = rng.choice([None, None, None, 1, 2])
    seed = rng.randint(0, 999)
    chosen = Policies()
    if policies and rng.random() < policies:
        saga = replace(saga, abort_before=None)
        chosen = random_policies(rng, names, no_undo)
        if rng.random() < 0.5:  # else hardly a run gets through to a save point, and back to it
            saga = replace(saga, fails=frozenset(), never_called=frozenset())
            saga = saga if rng.random() < 0.3 else replace(saga, no_undo=saga.no_effect)
            saga = replace(saga, undo_fails=some(sorted(undo_fails), 0.3))
            places, planted = {}, planted & saga.undo_fails
            points = {name: rng.randint(1, 2) for name in names[: len(names) // 2 + 1] if rng.random() < 0.7}
            late = {name: rng.randint(1, 3) for name in names[len(names) // 2 :] if rng.random() < 0.5}
            if rng.random() < 0.2:  # several that fail past the pivot
                chosen = replace(chosen, pivots=frozenset(names[:1]))
                points = {}
            chosen = replace(chosen, save_points=points, flaky=late)
    return Plot(saga, places, planted, plain, threaded - plain, max_parallel, chosen, seed)


def random_policies(rng: Random, names: list[str], no_undo: frozenset[str]) -> Policies:
    """Make up who is tried again, where the run goes back to, and from where on it goes only forward."""

    def some(share: float, most: int, often: float = 1.0) -> dict[str, int]:
        there = rng.random() < often
        return {name: rng.randint(1, most) for name in names if there and rng.random() < share}

    undo_flaky = some(0.4, 2, often=0.5)
    return Policies(
        retries=some(0.6, 3, often=0.8),
        undo_retries=some(0.6, 3, often=0.6),
        flaky=some(rng.choice([0.2, 0.5]), 4),
        undo_flaky={name: count for name, count in undo_flaky.items() if name not in no_undo},
        pivots=frozenset(some(0.2, 1, often=0.5)),
        save_points=some(0.3, 2, often=0.6),
        otherwise=frozenset(some(0.3, 1, often=0.3)),
        order=rng.choice([None, None, "batches", "graph", "completion"]),
    )


def plots(**options: Any) -> st.SearchStrategy[Plot]:
    return st.builds(lambda rng: random_plot(rng, **options), st.randoms(use_true_random=False))


class Told:
    """A plot on the engine: the flow, the faults, and what its calls did, were handed and raised."""

    def __init__(self, plot: Plot, pause: Callable[[Mark], Any] | None = None) -> None:
        self.plot, self.saga = plot, plot.saga
        self.marks: list[Mark] = []
        self.handed: dict[Mark, list[Any]] = {}
        policies = plot.policies
        self.errors = {name: Failure(f"do {name}") for name in self.saga.fails | policies.flaky.keys()}
        self.undo_errors = {
            name: Failure(f"undo {name}") for name in self.saga.undo_fails | policies.undo_flaky.keys()
        }
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
            rollback_order=self.plot.policies.order,
        )

    def _action(self, name: str) -> DagaAction[Any, Any]:
        policies = self.plot.policies
        own = name in self.saga.fails and self.plot.places.get(name, "own") == "own"
        failing = EVER if own else policies.flaky.get(name, 0)
        undo_failing = EVER if name in self.saga.undo_fails else policies.undo_flaky.get(name, 0)
        plain = name in self.plot.plain | self.plot.threaded
        do, undo = ("do", name), ("undo", name)
        if plain:

            def act(results: Any) -> str:
                return self._call(do, results, failing)

            def take_back(results: Any, result: Any, error: Any, context: Any) -> str:
                return self._call(undo, (results, result, error, context), undo_failing)
        else:

            async def act(results: Any) -> str:
                return await self._acall(do, results, failing)

            async def take_back(results: Any, result: Any, error: Any, context: Any) -> str:
                return await self._acall(undo, (results, result, error, context), undo_failing)

        action: DagaAction[Any, Any] = DagaAction(
            act,
            name=name,
            no_effect=name in self.saga.no_effect,
            in_thread=name in self.plot.threaded,
            retries=policies.retries.get(name),
            rollback_retries=policies.undo_retries.get(name),
            rollback_failed=not self.saga.rollback_failed if name in policies.otherwise else None,
            pivot=name in policies.pivots,
            save_point=policies.save_points.get(name),
        )
        if name not in self.saga.no_undo:
            action.on_rollback(take_back)
        return action

    def _begin(self, call: Mark, handed: Any) -> None:
        self.marks.append((f"{call[0]}+", call[1]))
        self.handed.setdefault(call, []).append(handed)

    def _end(self, call: Mark, failing: int) -> str:
        self.marks.append((f"{call[0]}-", call[1]))
        if len(self.handed[call]) <= failing:
            raise (self.errors if call[0] == "do" else self.undo_errors)[call[1]]
        return f"{call[0]} {call[1]}"

    def _call(self, call: Mark, handed: Any, failing: int) -> str:
        self._begin(call, handed)
        return self._end(call, failing)

    async def _acall(self, call: Mark, handed: Any, failing: int) -> str:
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
        failed = [name for name in run.plan.names if name in run.errors]
        if saga.abort_before is None and saga.cancel_in is None:
            failed = self._judge_rounds(run, saga, witness)
        if self.plot.policies == Policies():
            self._judge_one_round(run, saga, witness)
        self._judge_story(run)
        self._judge_handed(run)
        self._judge_errors(run, saga, failed, ended)

    def _judge_one_round(self, run: FlowRun, saga: Saga, witness: bool) -> None:
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
        assert all(len(calls) == 1 for calls in self.handed.values()), "something is called twice"
        assert states == want, f"states: {states}, and the model says {want}"
        assert str(run.state) == ending, f"the run: {run.state}, and the model says {ending}"
        assert done == did, f"called: {sorted(done)}, and the model says {sorted(did)}"
        unfired = {fault.at for fault in run.unfired if fault.where == "rollback"}
        assert unfired == {n for n in self.plot.planted if "ROLLING_BACK" not in stories[n]}, "unfired"
        undone -= self.plot.planted
        assert taken_back == undone, f"undone: {sorted(taken_back)}, and the model says {sorted(undone)}"
        self._judge_order(run, {((*one, 1), (*other, 1)) for one, other in order})

    def _judge_rounds(self, run: FlowRun, saga: Saga, witness: bool) -> list[str]:
        free = witness or self.plot.max_parallel is not None
        model = Rounds(saga, self.plot.policies, rounds_of(run), free=free)
        states = {name: str(state) for name, state in run.states.items()}
        assert states == model.states, f"states: {states}, and the model says {model.states}"
        assert str(run.state) == model.state, f"the run: {run.state}, and the model says {model.state}"
        dos = {name: count for name, count in model.did.items() if name not in saga.never_called}
        undos = {name: count for name, count in model.undid.items() if name not in self.plot.planted}
        for kind, counts in (("do", dos), ("undo", undos)):
            called = {name: len(calls) for (one, name), calls in self.handed.items() if one == kind}
            assert called == counts, f"{kind}: {called}, and the model says {counts}"
        self._judge_order(run, model.order)
        self._judge_retries(run)
        failed = [n for n in run.plan.names if n in model.failed and str(run.state) != "SUCCEEDED"]
        assert list(run.errors) == failed
        return failed

    def _judge_retries(self, run: FlowRun) -> None:
        """A retry is written down at once: nothing else begins before it."""
        for one, other in pairwise(run.events):
            words = other.reason.partition(" of ")[0]
            if words.startswith("retry"):
                assert (one.node, one.state) == (other.node, _FAILED_BEFORE[str(other.state)])
                assert other.attempt == one.attempt + 1

    def _judge_order(self, run: FlowRun, order: set[tuple[Any, Any]]) -> None:
        story = numbered((kind, e.node) for e in run.events if e.node and (kind := _kind(run, e)))
        place = {mark: number for number, mark in enumerate(story)}
        for one, other in order:
            assert {one, other} <= place.keys(), f"{one} or {other} is missing in the story"
            assert place[one] < place[other], f"{one} after {other} in the story"
        called = {mark: number for number, mark in enumerate(numbered(self.marks))}
        for one, other in order:
            # A call begins a moment after its start is written down: who is first there is no rule.
            loose = one[0].endswith("+") and other[0].endswith("-")
            if not loose and one in called and other in called:
                assert called[one] < called[other], f"{one} after {other} in the calls"

    def _judge_story(self, run: FlowRun) -> None:
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
        told = undone_in(run)
        for (kind, name), calls in self.handed.items():
            before = [f"do {one}" for one in self.saga.parents[name]] or [7]
            if kind == "do":
                assert calls == [before] * len(calls)
                continue
            for (results, result, error, context), (attempt, suffix, ended, turned_by) in zip(
                calls, told[name], strict=True
            ):
                assert results == before
                assert result == (None if ended == "FAILED" else f"do {name}")
                cause = name if ended == "FAILED" else turned_by
                assert error == self.errors.get(cause, run.errors.get(cause))
                assert (context.run_id, context.node, context.attempt) == (run.id, name, attempt)
                assert (context.key, context.outcome) == (f"{run.id}/{name}/undo{suffix}", ended)

    def _judge_errors(self, run: FlowRun, saga: Saga, failed: list[str], ended: Any) -> None:
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
                attempt = next(e.attempt for e in reversed(run.events) if str(e) == f"{name} FAILED")
                assert error.__notes__[-1] == f"in action {name!r}, batch {batch}, attempt {attempt}"
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


_FAILED_BEFORE = {"RUNNING": "FAILED", "ROLLING_BACK": "ROLLBACK_FAILED"}


def numbered(marks: Iterable[tuple[str, Any]]) -> list[tuple[str, Any, int]]:
    """Give each mark with how often it has been there, from 1."""
    seen: Counter[Any] = Counter()
    found = []
    for mark in marks:
        seen[mark] += 1
        found.append((*mark, seen[mark]))
    return found


def rounds_of(run: FlowRun) -> list[Round]:
    """Give what the run has chosen, in each round."""
    rounds: list[Round] = []
    ended: dict[Any, None] = {}
    for event in run.events:
        state, node = str(event.state), event.node
        if node is None:
            if state == "RUNNING":
                rounds.append(Round(Counter(), set(), []))
            elif state in ("RECOVERING", "ROLLING_BACK"):
                rounds[-1].ended = list(ended)
        elif state == "RUNNING":
            rounds[-1].calls[node] += 1
        elif state in ("SUCCEEDED", "FAILED"):
            ended.pop(node, None)
            ended[node] = None
        elif state != "ABANDONED":
            rounds[-1].settled.add(node)
        elif rounds:
            rounds[-1].calls[node] = 0  # at most shown, and taken back
    return rounds


def undone_in(run: FlowRun) -> dict[str, list[tuple[int, str, str, str]]]:
    """Give of each call of a rollback its attempt, the end of its key, how its action ended, the cause."""
    told: dict[str, list[tuple[int, str, str, str]]] = {}
    ends: dict[str, str] = {}
    turn, failing = 0, ""
    for number, event in enumerate(run.events):
        state, node = str(event.state), event.node
        if node is None:
            turn, failing = (turn + 1, "") if state == "RUNNING" else (turn, failing)
        elif state in ("SUCCEEDED", "FAILED"):
            ends[node] = state
            again = run.events[number + 1 : number + 2]
            retried = bool(again) and again[0].node == node and str(again[0].state) == "RUNNING"
            if state == "FAILED" and not retried:
                failing = failing or node
        elif state == "ROLLING_BACK":
            suffix = f"/{turn}" if turn > 1 else ""
            told.setdefault(node, []).append((event.attempt, suffix, ends[node], failing))
    return told


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
