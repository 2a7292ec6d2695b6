"""The simulation does what the engine does, and what probability says; and it compares without luck."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from itertools import pairwise
from math import prod
from random import Random
from time import process_time
from types import SimpleNamespace
from typing import Any

import networkx as nx
import pytest
from helpers import action, flow_of, play, told
from simulated_cases import DRAWN, executed, random_case, simulated

from daga_nb import DagaAction, DagaFlow, simulate
from daga_nb.core.events import Event
from daga_nb.core.states import RunState
from daga_nb.debug.simulated import Simulation
from daga_nb.debug.simulation import Exponential, Lognormal, Normal, Uniform, setup_of
from daga_nb.debug.story import Story
from daga_nb.debug.virtual import VirtualRun
from daga_nb.engine.retries import Retries
from daga_nb.errors import DagaError, SimulationError

R = RunState

REASONS = ("retry", "TimeoutError", "before it was called", "save point")


def chain(length: int, *, how: Any = None, **options: Any) -> DagaFlow[Any, Any]:
    names = [f"a{number}" for number in range(length)]
    made = [action([], name, **(how or {}).get(name, {})) for name in names]
    graph: nx.DiGraph[Any] = nx.DiGraph(list(pairwise(made)))
    graph.add_nodes_from(made)
    return DagaFlow(graph, **options)


def outcome(flow: DagaFlow[Any, Any], *failing: tuple[str, str], **seconds: float) -> VirtualRun:
    """Tell one run, in which these calls fail always and each action takes the given seconds (or 1)."""
    names = flow.plan.names
    return VirtualRun(
        setup_of(flow), lambda node, way: (seconds.get(names[node], 1.0), (names[node], way) in failing)
    ).finish()


def undone(events: Any) -> list[str]:
    """Give the actions that were rolled back, in the order in which their rollbacks ended."""
    return [event.node for event in events if event.node and event.state == "ROLLED_BACK"]


def timeless(events: Any) -> list[Event]:
    """Give events without their times, and drawn failures without their words."""
    return [event._replace(at=0.0, reason=event.reason * (event.reason not in DRAWN)) for event in events]


# ------------------------------------------------------------------- agreement with what is executed


def test_the_simulation_tells_what_the_engine_does():
    seen: Counter[str] = Counter()
    for seed in range(300):
        case = random_case(seed)
        run, times = executed(case)
        virtual = simulated(case)
        machine = virtual.machine
        assert timeless(machine.events) == timeless(run.events), case
        assert [event.at for event in machine.events] == pytest.approx(times), case
        assert machine.states == list(run.node_states)
        assert machine.run_state is run.state
        assert virtual.failed.keys() >= {(run.plan.ids[name], "forward") for name in run.errors}
        reasons = " ".join(event.reason for event in run.events)
        seen.update({str(event.state) for event in run.events})
        seen.update([str(run.state) if run.state.ended else "stands still", *map(str, case.options.values())])
        seen.update(word for word in REASONS if word in reasons)
    often = ("ROLLBACK_FAILED", "ROLLED_BACK", "ABANDONED", "eager", "stop", "completion", "graph", "1")
    rare = dict.fromkeys((*often, *REASONS[:2]), 20)
    rare |= dict.fromkeys(("RECOVERING", "KEPT", "stands still", "save point"), 5)
    rare["before it was called"] = 2
    assert {word: seen[word] for word, least in rare.items() if seen[word] < least} == {}


def test_a_thread_that_outlives_its_deadline_is_told_as_it_happens():
    go_on = threading.Event()

    def work(results: Any) -> None:
        go_on.wait(20)

    async def undo(results: Any) -> None: ...

    slow = DagaAction[Any, Any](work, name="slow", timeout=0.02, retries=3)
    slow.on_rollback(undo)
    flow = DagaFlow([(action([], "first"), slow)])

    async def main() -> Any:
        run = flow.start()
        run.subscribe(lambda event: go_on.set() if event.state == "ROLLING_BACK" and event.node else None)
        await run.go()
        return run

    run = play(main())
    virtual = outcome(flow, slow=5.0)
    assert timeless(virtual.machine.events) == timeless(run.events)
    assert told(run.events)[4:] == [
        "slow UNKNOWN",
        "run ROLLING_BACK",
        "slow ROLLING_BACK",
        "slow ROLLED_BACK",
        "first ROLLING_BACK",
        "first ROLLED_BACK",
        "run ROLLED_BACK",
    ]
    assert virtual.now == 1 + 5 + 5 + 1  # the rollback waits for the thread


def test_a_rollback_in_a_thread_that_outlives_its_deadline_is_not_made_again():
    go_on = threading.Event()
    slow = DagaAction[Any, Any](asyncio.sleep, name="slow", rollback_timeout=0.02, rollback_retries=2)
    slow.on_rollback(lambda results: go_on.wait(20))
    flow = DagaFlow([(action([], "first"), slow)])

    async def main() -> Any:
        run = flow.start()  # asyncio.sleep fails: it is handed a list
        await run.go()
        go_on.set()
        return run

    run = play(main())
    virtual = outcome(flow, ("slow", "forward"))
    assert told(virtual.machine.events) == told(run.events)
    assert told(run.events)[5:8] == ["run ROLLING_BACK", "slow ROLLING_BACK", "slow ROLLBACK_FAILED"]
    assert undone(run.events) == ["first"]
    assert run.state is R.ROLLBACK_INCOMPLETE


def test_a_rollback_that_waits_for_a_thread_too_long_fails_and_is_not_called():
    slow = DagaAction[Any, Any](lambda results: None, name="slow", timeout=1, rollback_timeout=2)
    slow.on_rollback(print)
    virtual = outcome(DagaFlow([(action([], "first"), slow)]), slow=60.0)
    assert told(virtual.machine.events)[5:] == [
        "run ROLLING_BACK",
        "slow ROLLING_BACK",
        "slow ROLLBACK_FAILED",
        "first ROLLING_BACK",
        "first ROLLED_BACK",
        "run ROLLBACK_INCOMPLETE",
    ]
    assert virtual.now == 1 + 1 + 2 + 1


def test_what_goes_back_is_undone_in_order_and_timed():
    virtual = outcome(flow_of([]), ("d", "forward"), a=1, b=2, c=4, d=8)
    assert undone(virtual.machine.events) == ["d", "b", "c", "a"]
    assert (virtual.now, virtual.back, virtual.turned) == (26.0, 13.0, True)


def test_a_failure_past_the_pivot_stands_still():
    flow = chain(3, how={"a1": {"pivot": True}})
    simulation = simulate(flow, 1.0, {"a2": 1.0}, n=5)
    assert (simulation.stuck, simulation.ends[0]) == (5, R.RUNNING)
    assert simulation.durations == (3.0,) * 5
    assert str(simulation.shares["stands still"]) == "100.0 % (56.6 to 100.0)"
    assert simulation.rollback_cost == (0.0, 0.0, 0.0)


def test_a_save_point_is_gone_back_to():
    flow = chain(3, how={"a1": {"save_point": 1}})
    story = simulate(flow, 1.0, {"a2": 1.0}, n=1).story(0)
    assert [str(event) for event in story.events if event.node is None] == [
        "run RUNNING",
        "run RECOVERING",
        "run RUNNING",
        "run ROLLING_BACK",
        "run ROLLED_BACK",
    ]
    assert undone(story.events) == ["a2", "a2", "a1", "a0"]


# ------------------------------------------------------------------------- what probability says


def test_a_chain_of_independent_failures_comes_out_as_computed():
    rates = {"a0": 0.05, "a1": 0.1, "a2": 0.2, "a3": 0.02}
    simulation = simulate(chain(4), Exponential(2), rates, rollback_failure_rates=0.1, n=8000, seed=3)
    well = [1 - rate for rate in rates.values()]
    fails_at = [prod(well[:at]) * rate for at, rate in enumerate(rates.values())]
    clean = sum(share * 0.9 ** (at + 1) for at, share in enumerate(fails_at))
    forward = sum(prod(well[:at]) for at in range(4))
    back = sum(share * (at + 1) for at, share in enumerate(fails_at))
    expected = {
        "succeeded": prod(well),
        "rolled back": clean,
        "rollback incomplete": 1 - prod(well) - clean,
        "stands still": 0.0,
    }
    for word, share in simulation.shares.items():
        assert share.low <= expected[word] <= share.high, word
    assert simulation.mean == pytest.approx(2 * (forward + back), rel=0.03)
    assert simulation.rollback_cost.runs == pytest.approx(1 - prod(well), abs=0.015)


def test_retries_make_failures_rarer_and_runs_longer():
    flow = chain(1, how={"a0": {"retries": Retries(2, wait=1, factor=3)}})
    simulation = simulate(flow, 1.0, 0.5, n=8000)
    assert simulation.shares["succeeded"].low <= 1 - 0.5**3 <= simulation.shares["succeeded"].high
    # 1; then a wait of 1, and 1; then a wait of 3, and 1, and if that fails, 1 back
    assert set(simulation.durations) == {1.0, 3.0, 7.0, 8.0}


@pytest.mark.parametrize(
    ("span", "mean"),
    [
        (Exponential(3), 3),
        (Normal(5, 1), 5),
        (Uniform(1, 3), 2),
        ((1, 3), 2),
        (Lognormal(2, 0.5), 2.266),
        (lambda rng: rng.choice([1, 2]), 1.5),
        (4, 4),
    ],
)
def test_durations_are_drawn_as_said(span, mean):
    simulation = simulate(chain(1), span, n=4000)
    assert simulation.mean == pytest.approx(mean, rel=0.05)
    assert min(simulation.durations) >= 0


@pytest.mark.parametrize("sd", [0, 100])
def test_what_would_end_before_it_began_takes_no_time(sd):
    assert min(simulate(chain(1), Normal(0, sd), n=50).durations) == 0


# --------------------------------------------------------------------------- comparing without luck


def test_the_same_seed_gives_the_same_and_another_one_another():
    def once(seed: int) -> Simulation:
        return simulate(flow_of([]), Lognormal(1, 0.5), 0.2, rollback_failure_rates=0.1, n=300, seed=seed)

    assert once(1) == once(1)
    assert str(once(1)) == str(once(1))
    assert once(1).durations != once(2).durations


def test_more_runs_begin_with_the_same():
    few = simulate(flow_of([]), Exponential(1), 0.3, n=50)
    many = simulate(flow_of([]), Exponential(1), 0.3, n=100)
    assert many.durations[:50] == few.durations


def test_the_rate_of_one_action_shifts_nothing_for_the_others():
    rare = simulate(chain(4), Exponential(1), {"a1": 0.1, "a3": 0.2}, n=500)
    often = simulate(chain(4), Exponential(1), {"a1": 0.4, "a3": 0.2}, n=500)
    for number, (one, other) in enumerate(zip(rare.durations, often.durations, strict=True)):
        if rare.ends[number] == often.ends[number] == R.SUCCEEDED:
            assert one == other
        if often.ends[number] == R.SUCCEEDED:
            assert rare.ends[number] == R.SUCCEEDED


def test_an_action_more_shifts_nothing_for_the_others():
    short, long = (simulate(chain(length), {"a1": Exponential(1)}, n=100) for length in (2, 3))
    assert [seconds + 1 for seconds in short.durations] == pytest.approx(long.durations)


@pytest.mark.parametrize("options", [{}, {"schedule": "eager", "max_parallel": 2}, {"retries": 1}])
def test_what_matters_is_what_another_simulation_without_the_failure_gives(options):
    rates = {"a": 0.05, "b": 0.2, "c": 0.3, "d": 0.1}
    undo_rates = {"a": 0.3, "b": 0.1}
    flow = flow_of([], **options)

    def with_rates(rates: Any, undo_rates: Any) -> Simulation:
        return simulate(flow, Exponential(1), rates, rollback_failure_rates=undo_rates, n=600)

    base = with_rates(rates, undo_rates)
    assert {(row.action, row.part) for row in base.matters} == {
        *((name, "action") for name in rates),
        *((name, "rollback") for name in undo_rates),
    }
    for row in base.matters:
        if row.part == "action":
            better = with_rates({**rates, row.action: 0.0}, undo_rates)
        else:
            better = with_rates(rates, {**undo_rates, row.action: 0.0})
        assert row.succeeded * 600 == pytest.approx(better.succeeded - base.succeeded)
        clean = better.succeeded + better.rolled_back - base.succeeded - base.rolled_back
        assert row.clean * 600 == pytest.approx(clean)
        assert row.seconds == pytest.approx(better.mean - base.mean)
    gains = [row.succeeded + row.clean for row in base.matters]
    assert gains == sorted(gains, reverse=True)


def test_a_deadline_that_passes_is_a_failure_that_matters():
    simulation = simulate(chain(2, how={"a1": {"timeout": 2.0}}), {"a1": (1, 3)}, n=400)
    (row,) = simulation.matters
    assert (row.action, row.failures, row.spoiled) == ("a1", simulation.rolled_back, simulation.rolled_back)
    assert simulation.succeeded + row.succeeded * 400 == pytest.approx(400)


# -------------------------------------------------------------------------------- what is assumed


def test_durations_as_they_were_measured():
    async def quick(results: Any) -> int:
        return 1

    flow = DagaFlow([(DagaAction(quick, name="a"), DagaAction(quick, name="b"))])
    run = flow.start()
    asyncio.run(run.finish())
    took = [run.duration("a"), run.duration("b")]
    assert simulate(flow, run, n=1).durations == (pytest.approx(sum(took)),)  # type: ignore[arg-type]
    assert simulate(flow, run.story, n=1).durations == simulate(flow, run, n=1).durations


def test_a_simulated_run_is_a_story_like_any_other(tmp_path):
    flow = flow_of([], retries=1)
    simulation = simulate(flow, {"b": 2, "c": 3}, {"d": 0.6}, rollback_durations={"a": 5}, n=50)
    story = simulation.story(R.ROLLED_BACK)
    assert Story.load(story.save(tmp_path / "run.json")) == story
    assert story.at(len(story)).state is R.ROLLED_BACK
    assert story.events[-1].at == simulation.durations[simulation.ends.index(R.ROLLED_BACK)]
    assert simulation.story(7) == simulation.story(7)
    again = simulate(flow, story, n=1, failure_rates={"d": 1.0})
    assert again.durations == (1 + 3 + 1 + 1 + 1 + 3 + 5,)
    with pytest.raises(SimulationError, match="run 50: this simulation has the runs 0 to 49"):
        simulation.story(50)
    with pytest.raises(SimulationError, match="no run ended so"):
        simulation.story(R.ROLLBACK_INCOMPLETE)


def test_a_rollback_takes_as_long_as_its_action_unless_it_is_said():
    flow = chain(2)
    fails = {"a1": 1.0}
    assert simulate(flow, {"a0": 2, "a1": 3}, fails, n=1).durations == (2 + 3 + 3 + 2,)
    assert simulate(flow, {"a0": 2, "a1": 3}, fails, rollback_durations=7, n=1).durations == (2 + 3 + 7 + 7,)
    assert simulate(flow, {"a0": 2}, fails, default_duration=5, n=1).durations == (2 + 5 + 5 + 2,)


def test_an_action_stands_for_its_name():
    first, second = action([], "pay"), action([], "ship")
    flow = DagaFlow([(first, second)])
    assert simulate(flow, {first: 2, "ship": 3}, n=1).durations == (5,)


@pytest.mark.parametrize(
    ("assumed", "message"),
    [
        ({"durations": {"x": 1}}, "durations: the flow has no action 'x'. Did you mean"),
        ({"durations": {"a": -1}}, "durations: 'a': -1 is no duration; it is a number of seconds from 0"),
        ({"durations": {"a": float("nan")}}, "durations: 'a': nan is no duration"),
        ({"durations": float("inf")}, "durations: inf is no duration"),
        ({"durations": {"a": "1"}}, "durations: 'a': a str is no duration"),
        ({"durations": {"a": True}}, "durations: 'a': a bool is no duration"),
        ({"durations": {"a": (3, 1)}}, r"\(3, 1\): the lower bound comes first"),
        ({"durations": {"a": lambda rng: -1}}, "durations: 'a': -1 is no duration"),
        ({"durations": {"a": lambda: 1}}, "durations: 'a': the function of its duration raised TypeError"),
        ({"failure_rates": {"x": 0.1}}, "failure_rates: the flow has no action 'x'"),
        ({"failure_rates": {"a": 1.1}}, "failure_rates: 'a': 1.1 is no rate; it is a number from 0 to 1"),
        ({"failure_rates": -0.1}, "failure_rates: -0.1 is no rate"),
        ({"failure_rates": "often"}, "failure_rates: a str is no rate"),
        ({"rollback_durations": {"free": 1}}, "rollback_durations: 'free' has no rollback"),
        ({"rollback_failure_rates": {"free": 1}}, "rollback_failure_rates: 'free' has no rollback"),
        ({"rollback_failure_rates": {"a": 2}}, "rollback_failure_rates: 'a': 2 is no rate"),
        ({"default_duration": -2}, "the default duration: -2 is no duration"),
        ({"n": 0}, "n=0: it is a whole number from 1"),
        ({"n": 1.5}, "n=1.5: it is a whole number"),
        ({"seed": None}, "seed=None: it is a whole number"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_simulated(assumed, message):
    flow = flow_of([], [("a", "free")], how={"free": {"undo": False}})
    told: list[Any] = []
    with pytest.raises(SimulationError, match=message):
        simulate(flow, **assumed, progress=lambda done, of: told.append(done))
    assert told == []


@pytest.mark.parametrize(
    "make", [lambda: Exponential(-1), lambda: Normal("1", 1), lambda: Lognormal(1, -1), lambda: Uniform(2, 1)]
)
def test_a_distribution_that_makes_no_sense_cannot_be_made(make):
    with pytest.raises(SimulationError):
        make()


def test_a_function_that_fails_later_is_told_by_its_action():
    calls = iter([1.0, 1.0, -5.0])
    with pytest.raises(SimulationError, match=r"durations: 'a0': -5\.0 is no duration"):
        simulate(chain(1), {"a0": lambda rng: next(calls)}, n=10)


def test_the_same_action_named_twice_is_refused():
    made = action([], "pay")
    with pytest.raises(SimulationError, match="durations: 'pay' stands there twice"):
        simulate(DagaFlow([(made, action([], "ship"))]), {made: 1, "pay": 2})


def test_nothing_is_called_and_progress_is_told():
    done: list[str] = []
    told: list[tuple[int, int]] = []
    simulate(flow_of(done), 1.0, 0.5, n=1000, progress=lambda *so_far: told.append(so_far))
    assert done == []
    assert told[0] == (10, 1000)
    assert told[-1] == (1000, 1000)
    assert len(told) == 100


# ------------------------------------------------------------------------------------- the result


@pytest.fixture(scope="module")
def trip() -> Simulation:
    flow = chain(3, name="trip", how={"a2": {"undo": False}})
    rates = {"a0": 0.1, "a1": 0.2, "a2": 0.1}
    return simulate(flow, {"a0": 1, "a1": (1, 2), "a2": 4}, rates, rollback_failure_rates={"a0": 0.5}, n=2000)


def test_the_summary(trip):
    lines = str(trip).splitlines()
    assert lines[0] == "2,000 simulated runs of trip, seed 0"
    assert [line.split()[0] for line in lines[1:4]] == ["succeeded", "rolled", "rollback"]
    assert lines[4].startswith("duration: ")
    assert lines[5].startswith("going back: in ")
    assert [line.split("  ")[1].strip() for line in lines[7:]] == list(map(str, trip.matters))
    assert "the rollback of a0" in str(trip)
    assert repr(trip) == "Simulation(flow='trip', n=2000, seed=0)"


def test_counts_shares_and_cost_belong_together(trip):
    assert trip.succeeded + trip.rolled_back + trip.incomplete + trip.stuck == trip.n == len(trip.durations)
    assert sum(share.share for share in trip.shares.values()) == pytest.approx(1)
    cost = trip.rollback_cost
    assert cost.runs == pytest.approx(1 - trip.succeeded / trip.n)
    assert cost.time == pytest.approx(sum(trip.back) / sum(trip.durations))
    assert cost.seconds * cost.runs * trip.n == pytest.approx(sum(trip.back))
    assert all(0 <= back <= whole for back, whole in zip(trip.back, trip.durations, strict=True))


def test_quantiles(trip):
    assert trip.quantile(0) == min(trip.durations)
    assert trip.quantile(1) == max(trip.durations)
    assert 6 <= trip.quantile(0.5, R.SUCCEEDED) <= 7
    below = sum(seconds <= trip.quantile(0.9) for seconds in trip.durations)
    assert below == pytest.approx(0.9 * trip.n, abs=trip.n * 0.01)
    with pytest.raises(SimulationError, match=r"1\.5 is no share"):
        trip.quantile(1.5)
    with pytest.raises(SimulationError, match="no run ended so"):
        trip.quantile(0.5, R.RUNNING)


def test_a_table_where_pandas_is_installed(trip, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", SimpleNamespace(DataFrame=dict))
    table = trip.to_frame()
    assert list(table) == ["end", "duration", "going_back"]
    assert table["end"].count("rolled back") == trip.rolled_back
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(DagaError, match="pip install pandas"):
        trip.to_frame()


@pytest.mark.alone
def test_ten_thousand_runs_of_twelve_actions_take_seconds():
    graph: nx.DiGraph[Any] = nx.DiGraph()
    actions = [action([], f"n{number}") for number in range(12)]
    graph.add_nodes_from(actions)
    rng = Random(5)
    graph.add_edges_from((rng.choice(actions[:at]), actions[at]) for at in range(1, 12))
    begun = process_time()
    simulate(DagaFlow(graph), Lognormal(1, 0.5), 0.05, rollback_failure_rates=0.02)
    assert process_time() - begun < 10
