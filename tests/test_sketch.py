"""Sketches: run, stepped and broken before there is any code; real actions take the places one by one."""

import functools
import random

import networkx as nx
import pytest
from helpers import play
from hypothesis import given
from hypothesis import strategies as st

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault, sketch
from daga_nb.core.states import RunState
from daga_nb.engine.calls import Context
from daga_nb.errors import CycleError, FlowDefinitionError, SketchError, UnknownAction
from daga_nb.interop import wfformat
from daga_nb.simulated import Simulated, SimulatedRollback


def undone(run):
    """Give the actions whose rollback was called, in order."""
    return [event.node for event in run.events if event.state == "ROLLING_BACK" and event.node]


def broken(flow, at, where="after"):
    run = flow.start(faults=[Fault.raising(TimeoutError("no answer"), at=at, where=where)])
    with pytest.raises(DagaFlowError):
        play(run.finish())
    return run


# ------------------------------------------------------------------------------- to run


def test_a_sketch_runs_at_once():
    flow = sketch("book >> pay >> (ship, notify)", name="trip")
    assert play(flow.run()) == ["ship done", "notify done"]
    assert repr(flow) == "DagaFlow(trip: 4 actions in 3 batches)"
    assert flow.sketched == ("book", "pay", "ship", "notify")


@pytest.mark.parametrize("where", ["before", "after"])
def test_what_fails_is_undone_in_reverse_order(where):
    run = broken(sketch("book >> pay >> (ship, notify)"), "pay", where)
    assert undone(run) == ["pay", "book"]
    assert run.state is RunState.ROLLED_BACK
    assert run.rollback_results["book"] == "book undone"


def test_a_rollback_can_be_broken_too():
    flow = sketch("book >> pay")
    faults = [
        Fault.raising(TimeoutError("pay"), at="pay"),
        Fault.raising(OSError("stuck"), at="pay", where="rollback"),
    ]
    run = flow.start(faults=faults)
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert undone(run) == ["pay", "book"]
    assert run.state is RunState.ROLLBACK_INCOMPLETE


def test_marks_say_what_can_be_undone():
    run = broken(sketch("look[no effect] >> mail[no rollback] >> pay"), "pay")
    assert {name: state.value for name, state in run.states.items()} == {
        "look": "ROLLED_BACK",
        "mail": "KEPT",
        "pay": "ROLLED_BACK",
    }
    assert undone(run) == ["pay"]


def test_policies_are_those_of_the_place_and_stay_when_it_is_taken():
    flow = sketch("book[save point=2] >> pay[pivot] >> ship[retries=3, timeout=2]")
    for one in (flow, flow.with_actions(book=taking([], "b"), pay=taking([], "p"), ship=taking([], "s"))):
        book, pay, ship = one.calls
        assert (book.save_point, pay.pivot, ship.retries.times, ship.timeout) == (2, True, 3, 2)
        assert one.policy.pivots == {1}
        assert one.policy.save_points == ((0, 2),)
    assert ("rollback-never-called", "ship") in [(one.rule, one.action) for one in flow.lint()]


def test_it_can_be_stepped():
    run = sketch("book >> (pay, hold) >> ship").start()
    play(run.step())
    play(run.step())
    assert dict(run.results) == {"book": "book done", "pay": "pay done", "hold": "hold done"}


def test_the_order_of_predecessors_is_that_of_the_text():
    flow = sketch("(c, a, b) >> d; e >> d")
    assert [flow.plan.names[one] for one in flow.plan.predecessors[flow.plan.ids["d"]]] == [
        "c",
        "a",
        "b",
        "e",
    ]


def test_options_of_the_flow_are_handed_on():
    flow = sketch("a >> b", schedule="eager", rollback_failed=False, on_rollback_error="stop", max_parallel=2)
    assert flow.policy[:3] == ("eager", False, "stop")
    assert flow.max_parallel == 2
    with pytest.raises(FlowDefinitionError, match="schedule"):
        sketch("a", schedule="slow")


def test_a_circle_is_the_flows_to_refuse():
    with pytest.raises(CycleError, match="a -> b -> a"):
        sketch("a >> b >> a")
    with pytest.raises(SketchError, match="joined by >>"):
        sketch("a -> b")


@given(st.integers(0, 10**6))
def test_a_random_graph_is_drawn_as_it_is_written(seed):
    rng = random.Random(seed)
    names = [f"n{number}" for number in range(rng.randint(2, 9))]
    edges = [(one, other) for i, one in enumerate(names) for other in names[i + 1 :] if rng.random() < 0.35]
    rng.shuffle(edges)
    text = "; ".join([f"{one} >> {other}" for one, other in edges] + names)
    plan = sketch(text).plan
    drawn = [
        (plan.names[one], plan.names[node]) for node in range(len(plan)) for one in plan.predecessors[node]
    ]
    graph = nx.DiGraph()
    graph.add_edges_from(edges)
    assert {node: [one for one, other in drawn if other == node] for node in names} == {
        node: [one for one, other in edges if other == node] for node in names
    }
    assert sorted(drawn) == sorted(graph.edges)


# -------------------------------------------------------------------------------- time


def durations(flow):
    return {
        name: call.action.function.seconds for name, call in zip(flow.plan.names, flow.calls, strict=True)
    }


def test_durations():
    assert durations(sketch("a >> b")) == {"a": 0, "b": 0}
    assert durations(sketch("a >> b", duration=2)) == {"a": 2, "b": 2}
    assert durations(sketch("a >> b", duration={"b": 0.5})) == {"a": 0, "b": 0.5}
    assert durations(sketch("a >> b", duration={})) == {"a": 0, "b": 0}
    assert sketch("a", duration=100).rollback_timeout == 130
    assert sketch("a", duration=100, rollback_timeout=5).rollback_timeout == 5


def test_an_action_takes_its_time(monkeypatch):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr("daga_nb.simulated.asyncio.sleep", sleep)
    broken(sketch("a >> b >> c", duration={"a": 3, "b": 4}), "c")
    assert slept == [3, 4, 4, 3]


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), "2", True, None, {"a": -1}, {"a": None}])
def test_a_wrong_duration_is_refused(wrong):
    with pytest.raises(FlowDefinitionError, match="of 'a': it is a number of seconds from 0"):
        sketch("a >> b", duration=wrong)


def test_a_duration_of_nobody_is_refused():
    with pytest.raises(UnknownAction, match=r"no action 'bok'. Did you mean 'book'"):
        sketch("book", duration={"bok": 1})


# -------------------------------------------------------------------------------- the effect


class World(Context):
    """A context with a ledger of its own, seen from an action."""

    __slots__ = ("there",)

    def effect(self, name, key, *, once):
        assert once
        self.there.add((name, key))

    def has_effect(self, name, key):
        return (name, key) in self.there

    def undo_effect(self, name, key, *, once):
        assert once
        self.there.remove((name, key))


def world(there, attempt=1):
    made = World("r1", "book", attempt, "r1/book/do", {})
    object.__setattr__(made, "there", there)
    return made


def test_the_rollback_finds_the_effect_by_its_key():
    there = set()
    assert play(Simulated("book")([], context=world(there))) == "book done"
    assert there == {("book", "book")}
    assert play(Simulated("book")([], context=world(there, 2))) == "book done"
    assert len(there) == 1
    assert play(SimulatedRollback("book")([], context=world(there))) == "book undone"
    assert play(SimulatedRollback("book")([], context=world(there))) == "book: nothing was there"
    assert there == set()


def test_what_has_no_effect_leaves_none():
    there = set()
    play(Simulated("look", has_effect=False)([], context=world(there)))
    assert there == set()


@pytest.mark.parametrize("where", ["before", "after"])
def test_nothing_is_left_when_a_sketch_was_rolled_back(where):
    run = broken(sketch("book >> pay >> ship"), "ship", where)
    assert list(run.ledger.in_world) == []
    assert run.ledger.clean


# -------------------------------------------------------------------------- real ones


def taking(done, name):
    async def real(results):
        done.append(f"do {name}")
        return f"real {name}"

    return real


def test_real_functions_take_the_places_one_by_one():
    done = []
    flow = sketch("book >> pay >> (ship, 'send mail')", name="trip", max_parallel=1)
    next_one = flow.with_actions(pay=taking(done, "pay"))
    assert (flow.sketched, next_one.sketched) == (
        ("book", "pay", "ship", "send mail"),
        ("book", "ship", "send mail"),
    )
    last = next_one.with_actions({"send mail": taking(done, "mail")}, book=taking(done, "book"))
    assert last.sketched == ("ship",)
    assert last.plan.names == flow.plan.names
    assert (last.name, last.max_parallel, last.policy) == (flow.name, flow.max_parallel, flow.policy)
    assert play(last.run()) == ["ship done", "real mail"]
    assert done == ["do book", "do pay", "do mail"]
    assert play(flow.run()) == ["ship done", "send mail done"], "the sketch stays as it was"


def test_a_sketch_can_begin_with_real_functions():
    done = []
    flow = sketch("book >> pay", actions={"pay": taking(done, "pay")})
    assert flow.sketched == ("book",)
    assert play(flow.run()) == ["real pay"]


def test_a_simulated_rollback_never_undoes_what_is_real():
    done = []
    flow = sketch("book >> pay >> ship").with_actions(pay=taking(done, "pay"))
    run = broken(flow, "ship")
    assert undone(run) == ["ship", "book"]
    assert run.states["pay"] == "KEPT"
    assert [one.rule for one in flow.lint().by_action()["pay"]] == ["no-rollback"]


def test_nor_does_it_when_a_run_replaces_the_action():
    run = sketch("pay >> ship").start(faults=[Fault.raising(TimeoutError("x"), at="ship")])
    run.replace("pay", taking([], "pay"))
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert run.states["pay"] == "KEPT"
    assert undone(run) == ["ship"]


def test_a_real_rollback_undoes_what_is_real():
    done = []
    pay = DagaAction(taking(done, "pay"))

    @pay.on_rollback
    async def refund(results, result):
        done.append(f"undo {result}")

    run = broken(sketch("book >> pay >> ship").with_actions(pay=pay), "ship")
    assert done == ["do pay", "undo real pay"]
    assert undone(run) == ["ship", "pay", "book"]


def test_in_a_real_place_a_function_takes_the_rollback_over():
    done = []
    old = DagaAction(taking(done, "old"), name="pay", rollback_timeout=7, in_thread=False)

    @old.on_rollback
    async def refund(results):
        done.append("undo")

    async def ship(results): ...

    flow = DagaFlow([(old, ship)]).with_actions(pay=taking(done, "new"))
    assert [(call.rollback_timeout, call.action.in_thread) for call in flow.calls[:1]] == [(7, False)]
    broken(flow, "ship")
    assert done == ["do new", "undo"]


def test_the_place_says_what_a_new_action_leaves_unsaid():
    flow = sketch("look[no effect] >> pay")
    assert flow.with_actions(look=taking([], "look")).calls[0].no_effect
    real = DagaAction(taking([], "look"), rollback_timeout=3)
    call = flow.with_actions(look=real).calls[0]
    assert (call.no_effect, call.rollback_timeout) == (True, 3)
    real.on_rollback(taking([], "unlook"))
    assert flow.with_actions(look=real).calls[0].no_effect is False, "its rollback says that it has one"
    quiet = DagaAction(taking([], "pay"), no_effect=True)
    assert flow.with_actions(pay=quiet).calls[1].no_effect


def test_whether_it_is_idempotent_an_action_says_for_itself_and_a_function_is_what_its_place_is():
    class Sure(DagaAction):
        idempotent = True

        async def __call__(self, results): ...

    flow = sketch("book[idempotent] >> pay[idempotent] >> ship >> mail")
    new = flow.with_actions(
        book=taking([], "book"),
        pay=DagaAction(taking([], "pay")),
        ship=DagaAction(taking([], "ship"), idempotent=True),
        mail=functools.partial(Sure()),
    )
    assert [call.idempotent for call in flow.calls] == [True, True, False, False]
    assert [call.idempotent for call in new.calls] == [True, False, True, True]


def test_the_names_of_twins_stay():
    def pay(results):
        return "one"

    def other(results):
        return "other"

    twin = functools.partial(pay)
    flow = DagaFlow([(other, pay), (other, twin), (pay, len)])
    assert flow.plan.names[:3] == ("other", "pay", "pay 2")
    new = flow.with_actions({"pay 2": lambda results: "new"})
    assert new.plan.names == flow.plan.names
    assert new.plan.predecessors == flow.plan.predecessors
    assert new.plan.nodes[1] is pay
    run = new.start()
    play(run.finish())
    assert dict(run.results) == {"other": "other", "pay": "one", "pay 2": "new", "len": 1}


def test_the_graph_of_the_new_flow_has_the_new_actions():
    graph = nx.DiGraph()
    graph.add_node(len, colour="red")
    graph.add_edge(len, abs, weight=3)
    flow = DagaFlow(graph)
    before = set(flow.dag)
    new = flow.with_actions({"len": sum})
    node = new.plan.nodes[0]
    assert new.dag.nodes[node] == {"colour": "red"}
    assert new.dag.edges[node, abs] == {"weight": 3}
    assert len not in new.dag
    assert set(flow.dag) == before


def test_a_rollback_registered_later_is_seen():
    pay = DagaAction(taking([], "pay"))
    flow = sketch("pay").with_actions(pay=pay)
    pay.on_rollback(taking([], "refund"))
    assert flow.calls[0].rollback is not None


def test_a_flow_of_a_file_stays_what_it_is(tmp_path):
    path = tmp_path / "one.json"
    path.write_text(
        '{"schemaVersion": "1.5", "workflow": {"specification": {"tasks": [{"id": "t", "name": "t"}]}}}'
    )
    flow = wfformat.load(path)
    new = flow.with_actions(t=taking([], "t"))
    assert (type(new), new.world) == (type(flow), flow.world)


def test_what_cannot_take_a_place_is_refused():
    flow = sketch("book >> pay")
    with pytest.raises(UnknownAction, match=r"no action 'pya'. Did you mean 'pay'"):
        flow.with_actions(pya=len)
    with pytest.raises(UnknownAction):
        sketch("book", actions={"pay": len})
    with pytest.raises(FlowDefinitionError, match="cannot be called"):
        flow.with_actions(pay=3)
    with pytest.raises(FlowDefinitionError, match="nothing is known to hand to its parameter 'amount'"):
        flow.with_actions(pay=lambda results, amount: None)
    with pytest.raises(
        FlowDefinitionError, match="a mapping of names to functions, or pay=function, not function"
    ):
        flow.with_actions(lambda results: None)


def test_a_flow_without_a_sketch_has_nothing_sketched():
    assert DagaFlow([(len, abs)]).sketched == ()
