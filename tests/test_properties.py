"""Random sagas with random faults: the engine does what the reference model says, freely and step by step."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from long import LONG, base
from model import Saga, outcome
from rounds import Policies
from smaller import smallest
from strategies import MAY_NOT_FIRE, Plot, Told, ending, plots, random_plot, tell

from daga_nb import FlowRun
from daga_nb.core.events import Event
from daga_nb.core.machine import Machine, fold
from daga_nb.core.states import NodeState

pytestmark = MAY_NOT_FIRE

# How many flows are tried of the first test; the planted bugs are all caught by 60.
PLOTS = 10_000 if LONG else 1_000

FEW = {"derandomize": True, "deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


def on_a_loop(work: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end; a run that hangs is an error, and no task may be left behind."""

    async def watched() -> Any:
        before = asyncio.all_tasks()
        async with asyncio.timeout(20):
            given = await work
        assert asyncio.all_tasks() == before
        return given

    return asyncio.run(watched())


def test_the_engine_does_what_the_model_says(counts: Callable[..., None]):
    seen: Counter[str] = Counter()
    for number in range(PLOTS):
        plot = random_plot(Random(f"{base()} {number}"), policies=0.6)
        try:
            run = on_a_loop(tell(plot))
        except BaseException as error:
            error.add_note(f"plot {number} of DAGA_NB_SEED={base()}; as small as it gets:")
            error.add_note(f"asyncio.run(tell({smallest(plot, goes_wrong)!r}))")
            raise
        seen.update(
            ["plots", str(run.state), "eager" if plot.saga.eager else "batch", f"max {plot.max_parallel}"]
        )
        seen.update({name: int(there) for name, there in _features(plot, run).items()})
    print(dict(seen))
    seldom = {"threads": 4, "RECOVERING": 1, "an undo fails while recovering past a pivot": 1}
    rare = {name: count for name, count in seen.items() if count < seldom.get(name, 10)}
    assert not rare, f"hardly ever tried: {rare}"
    counts(f"random flows (seed {base()})", plots=seen["plots"])


def goes_wrong(plot: Plot) -> bool:
    try:
        on_a_loop(tell(plot))
    except BaseException:
        return True
    return False


def test_what_goes_wrong_is_told_as_small_as_it_gets(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Machine, "_owes", lambda self, node: False)  # nothing is undone
    small = smallest(random_plot(Random("small 3"), faults=1.0), goes_wrong)
    assert len(small.saga.parents) <= 2
    assert repr(eval(repr(small))) == repr(small)  # so that it can be pasted


def _features(plot: Plot, run: FlowRun) -> dict[str, bool]:
    states = set(map(str, run.states.values()))
    return {
        "threads": bool(plot.threaded),
        "plain": bool(plot.plain),
        "an undo fails": "ROLLBACK_FAILED" in states,
        "stopped": plot.saga.stop and "SUCCEEDED" in states and str(run.state) != "SUCCEEDED",
        "kept": "KEPT" in states,
        "abandoned": "ABANDONED" in states,
        "aborted": plot.saga.abort_before is not None,
        "two errors": len(run.errors) > 1,
        "textbook": not plot.saga.rollback_failed and bool(run.errors),
        "before": any(plot.places.get(name) == "before" for name in run.errors),
        "after": any(plot.places.get(name) == "after" for name in run.errors),
        **_policies_at_work(plot, run),
    }


def _policies_at_work(plot: Plot, run: FlowRun) -> dict[str, bool]:
    policies = plot.policies
    turns = [str(event.state) for event in run.events if event.node is None]
    retried = [str(event.state) for event in run.events if event.reason.startswith("retry")]
    back = "RECOVERING" in turns or "ROLLING_BACK" in turns
    ways_back = [two for two in pairwise(turns) if two[0] == "RECOVERING"]
    failed = [str(event.node) for event in run.events if event.state is NodeState.FAILED]
    return {
        "retried": "RUNNING" in retried,
        "retried, and it worked": "RUNNING" in retried and str(run.state) == "SUCCEEDED",
        "rollback retried": "ROLLING_BACK" in retried,
        "back to a save point": "RECOVERING" in turns,
        "back to a save point, then through": bool(ways_back) and str(run.state) == "SUCCEEDED",
        "back to a save point twice": turns.count("RECOVERING") > 1,
        "back to a save point eagerly": plot.saga.eager and "RECOVERING" in turns,
        "an undo fails while recovering": ("RECOVERING", "ROLLING_BACK") in ways_back,
        "an undo fails while recovering past a pivot": str(run.state) == "RECOVERING",
        "stands past a pivot": str(run.state) == "RUNNING",
        "back to a save point past a pivot": "RECOVERING" in turns and run.pivot is not None,
        "rolled back before a pivot": bool(policies.pivots) and "ROLLING_BACK" in turns,
        "failed, and the other way round": back and bool(policies.otherwise.intersection(failed)),
        "in the order of completion": back and policies.order == "completion",
        "in batches, though eager": back and policies.order == "batches" and plot.saga.eager,
        "by the graph, though in batches": back and policies.order == "graph" and not plot.saga.eager,
    }


def timeless(events: Any) -> list[Event]:
    return [event._replace(at=0.0) for event in events]


def test_stepping_batch_by_batch_tells_the_same_story():
    seen: Counter[str] = Counter()

    @settings(max_examples=400, **FEW)
    @given(plots(threads=False, policies=0.5))
    def check(plot: Plot) -> None:
        free, stepped, events = on_a_loop(both(plot))
        assert timeless(events) == timeless(stepped.events)
        # Elsewhere it is a matter of single turns of the loop who ends first and whom that lets start.
        in_batches = not plot.saga.eager and plot.policies.order != "graph"
        if in_batches and plot.max_parallel != 2:
            seen["the same"] += 1
            assert timeless(stepped.events) == timeless(free.events)
        seen["plots"] += 1

    async def both(plot: Plot) -> tuple[FlowRun, FlowRun, list[Event]]:
        plot = _not_aborted(plot)
        told = Told(plot)
        run = told.flow.start(7, faults=told.faults)
        events: list[Event] = []
        while run.next.direction:
            events += await _one_step(run)
        told.judge(run, await ending(run))
        return await tell(plot), run, events

    async def _one_step(run: FlowRun) -> tuple[Event, ...]:
        promised = run.next
        events = await run.step()
        began = {
            e.node for e in events if e.state in ("RUNNING", "ROLLING_BACK", "KEPT", "ROLLED_BACK") and e.node
        }
        assert events
        if run.flow.max_parallel is None and run.flow.policy.on_rollback_error == "continue":
            assert began == set(promised.actions)
        assert began <= set(promised.actions)
        assert {run.plan.batch_of[run.plan.ids[str(name)]] + 1 for name in began} == {promised.batch}
        return events

    check()
    assert seen["plots"] >= 400
    print(dict(seen))
    assert seen["the same"] >= 100


def test_stepping_action_by_action_in_any_order_ends_as_the_model_says():
    seen: Counter[str] = Counter()

    @settings(max_examples=400, **FEW)
    @given(plots(threads=False, policies=0.5))
    def check(plot: Plot) -> None:
        on_a_loop(one_by_one(plot))
        seen["plots"] += 1

    async def one_by_one(plot: Plot) -> None:
        plot = _not_aborted(plot)
        rng = Random(plot.seed)
        told = Told(plot)
        run = told.flow.start(7, faults=told.faults)
        while run.next.direction:
            name = rng.choice([*run.next.actions, None])
            events = await run.step_action(name)
            began = {
                e.node
                for e in events
                if e.state in ("RUNNING", "ROLLING_BACK", "KEPT", "ROLLED_BACK") and e.node
            }
            assert len(began) == 1, f"{name}: {events}"
            assert name in began or name is None
        finished = await ending(run)
        # Step by step, a batch does not start together: what had started is up to the steps.
        told.judge(run, finished, witness=True)
        if not run.errors and plot.policies == Policies():
            assert dict(run.states) == dict((await tell(plot)).states)

    check()
    assert seen["plots"] >= 400


def _not_aborted(plot: Plot) -> Plot:
    return Plot(**{**plot.__dict__, "saga": Saga(**{**plot.saga.__dict__, "abort_before": None})})


def test_every_prefix_of_a_story_folds_to_what_was_seen_then():
    @settings(max_examples=100, **FEW)
    @given(plots(threads=False, policies=0.7))
    def check(plot: Plot) -> None:
        run, seen = on_a_loop(watched(plot))
        undo = [call.undo for call in run.flow.calls]
        for count, (states, state) in enumerate(seen, 1):
            machine = fold(run.plan, undo, run.events[:count], run.flow.policy)
            assert (machine.states, machine.run_state) == (states, state)

    async def watched(plot: Plot) -> tuple[FlowRun, list[Any]]:
        told = Told(_not_aborted(plot))
        run = told.flow.start(7, faults=told.faults)
        seen: list[Any] = []
        run.subscribe(lambda event: seen.append((list(run.node_states), run.state)))
        await ending(run)
        assert len(seen) == len(run.events)
        return run, seen

    check()


@pytest.mark.parametrize("kind", ["debug", "eager tasks"])
def test_other_kinds_of_loops_end_the_same(kind: str):
    """In debug mode; and with tasks that run at once until they first wait, where Python (3.12) has them."""

    async def all_of_them() -> None:
        if kind == "eager tasks":
            asyncio.get_running_loop().set_task_factory(getattr(asyncio, "eager_task_factory", None))
        before = asyncio.all_tasks()
        for seed in range(300):
            await tell(random_plot(Random(seed), threads=seed % 10 == 0, policies=0.5))
        assert asyncio.all_tasks() == before

    asyncio.run(all_of_them(), debug=kind == "debug")


def test_the_model_by_hand():
    # py-daga's own counter-example: A -> (B, C) -> D, and B fails.
    saga = Saga({"A": (), "B": ("A",), "C": ("A",), "D": ("B", "C")}, fails=frozenset("B"))
    states, state, did, undone, order = outcome(saga)
    assert states == {"A": "ROLLED_BACK", "B": "ROLLED_BACK", "C": "ROLLED_BACK", "D": "ABANDONED"}
    assert (state, did, undone) == ("ROLLED_BACK", set("ABC"), set("ABC"))
    assert {(("undo-", "B"), ("undo+", "A")), (("undo-", "C"), ("undo+", "A"))} <= order
    textbook = Saga({**saga.parents}, fails=frozenset("B"), no_undo=frozenset("A"), rollback_failed=False)
    assert outcome(textbook)[:2] == (
        {"A": "KEPT", "B": "FAILED", "C": "ROLLED_BACK", "D": "ABANDONED"},
        "ROLLBACK_INCOMPLETE",
    )
