"""The front door: what is taken, what is refused, and what a flow keeps to."""

import asyncio
import functools
import inspect
import operator
import threading

import networkx as nx
import pytest
from helpers import DIAMOND, Boom, Gate, action, flow_of, play, story, turns

from daga_nb import DagaAction, DagaFlow, DagaFlowError
from daga_nb.action import EmptyAction
from daga_nb.errors import CycleError, FlowDefinitionError

BOTH = pytest.mark.parametrize("schedule", ["batch", "eager"])


async def one(results):
    return 1


async def two(results):
    return 2


# ------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("graph", "says"),
    [
        (None, r"returns None: make the graph first .* or hand DagaFlow a list of edges"),
        (nx.DiGraph().add_edges_from([(one, two)]), r"`DiGraph\(\)\.add_edges_from\(\.\.\.\)` returns None"),
        (nx.Graph([(one, two)]), r"undirected graph cannot be run.*Use nx\.DiGraph"),
        (nx.MultiDiGraph([(one, two)]), r"A multigraph cannot be run.*Use nx\.DiGraph"),
        (nx.MultiGraph([(one, two)]), r"multigraph"),
        (nx.DiGraph(), r"The graph is empty: there is nothing to run\. Add at least one action"),
        ([], r"The graph is empty"),
        (iter([]), r"The graph is empty"),
        (nx.DiGraph([("a", "b")]), r"The node 'a' cannot be called\. The nodes of a flow are functions"),
        (nx.DiGraph([(one, 3)]), r"The node 3 cannot be called"),
        ([(one, "two")], r"The node 'two' cannot be called"),
        ([(one, None)], r"has a node that cannot stand in a graph"),
        ([(one, [])], r"has a node that cannot stand in a graph: unhashable type: 'list'"),
        ([one, two], r"is no edge: each is a pair, as in \[\(before, after\)\]"),
        ([(one,)], r"is no edge"),
        ([(one, two, {"weight": 3})], r"is no edge"),
        (["ab"], r"'ab' is no edge"),
        ("ab", r"made from a networkx\.DiGraph or a list of edges, not from 'ab'"),
        (b"ab", r"a list of edges"),
        ({one: two}, r"a list of edges"),
        (one, r"a list of edges"),
        (3, r"a list of edges, not from 3"),
    ],
)
def test_what_cannot_be_run_is_refused_and_the_message_says_what_to_do(graph, says):
    with pytest.raises(FlowDefinitionError, match=says):
        DagaFlow(graph)


@pytest.mark.parametrize(
    ("edges", "cycle"),
    [
        ([(one, one)], ["one", "one"]),
        ([(one, two), (two, one)], ["one", "two", "one"]),
    ],
)
def test_a_cycle_is_refused_and_named(edges, cycle):
    with pytest.raises(CycleError, match="Remove one of these edges") as refused:
        DagaFlow(edges)
    assert refused.value.cycle == cycle
    assert isinstance(refused.value, AssertionError)


def test_a_class_of_actions_is_refused_with_a_hint():
    class Pay(DagaAction[int, int]):
        async def __call__(self, results):
            return 1

    with pytest.raises(FlowDefinitionError, match=r"Pay is a class of actions: put an instance .* Pay\(\)"):
        DagaFlow([(one, Pay)])


def test_a_long_node_is_shown_short():
    with pytest.raises(FlowDefinitionError) as refused:
        DagaFlow([(one, "x" * 10_000)])
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_parallel": 0}, r"max_parallel=0: it is a whole number from 1, or None"),
        ({"max_parallel": -1}, r"max_parallel=-1"),
        ({"max_parallel": 1.5}, r"max_parallel=1\.5"),
        ({"max_parallel": True}, r"max_parallel=True"),
        ({"max_parallel": "2"}, r"max_parallel='2'"),
        ({"schedule": "lazy"}, r"schedule='lazy': it is 'batch' or 'eager'"),
        ({"schedule": None}, r"schedule=None"),
        ({"on_rollback_error": "raise"}, r"on_rollback_error='raise': it is 'continue' or 'stop'"),
        ({"rollback_timeout": 0}, r"rollback_timeout=0: it is a number of seconds above 0"),
        ({"rollback_timeout": -3}, r"rollback_timeout=-3"),
        ({"rollback_timeout": None}, r"rollback_timeout=None: every rollback has a deadline"),
        ({"rollback_timeout": float("inf")}, r"rollback_timeout=inf"),
        ({"rollback_timeout": float("nan")}, r"rollback_timeout=nan"),
        ({"rollback_timeout": "3"}, r"rollback_timeout='3'"),
        ({"rollback_timeout": True}, r"rollback_timeout=True"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(options, says):
    with pytest.raises(FlowDefinitionError, match=says):
        DagaFlow([(one, two)], **options)


@pytest.mark.parametrize("seconds", [0, -1, "x", float("inf"), float("nan"), True])
def test_the_deadline_of_an_action_is_checked_when_the_flow_is_made(done, seconds):
    made = action(done, "pay", rollback_timeout=seconds)
    with pytest.raises(FlowDefinitionError, match=r"pay: rollback_timeout=.* a number of seconds above 0"):
        DagaFlow([(made, two)])


def test_no_effect_and_a_rollback_contradict_each_other(done):
    made = action(done, "quote", no_effect=True)
    with pytest.raises(
        FlowDefinitionError, match="quote says no_effect=True and has a rollback: one of the two"
    ):
        DagaFlow([(made, two)])


def test_every_refusal_is_a_value_error():
    with pytest.raises(ValueError, match="empty"):
        DagaFlow([])


# -------------------------------------------------------------------------- what is taken


@pytest.mark.parametrize(
    "edges",
    [
        [(one, two)],
        ((one, two),),
        [[one, two]],
        iter([(one, two)]),
        {(one, two): "a dictionary's keys"}.keys(),
        nx.DiGraph([(one, two)]),
        nx.DiGraph([(one, two)]).edges,
        nx.freeze(nx.DiGraph([(one, two)])),
        nx.DiGraph([(two, one)]).reverse(copy=False),
    ],
)
def test_a_graph_or_any_list_of_edges_is_taken(edges):
    assert play(DagaFlow(edges).run()) == [2]


class Doubler:
    """A callable object."""

    async def __call__(self, results):
        return results[0] * 2


class Named:
    __name__ = "a name of its own"

    def __call__(self, results):
        return results[0] + 1


class Service:
    async def book(self, results):
        return [*results, "booked"]

    @staticmethod
    def check(results):
        return [*results, "checked"]

    @classmethod
    async def pay(cls, results):
        return [*results, cls.__name__]


def add(amount, results):
    return results[0] + amount


async def add_later(results, *, amount):
    return results[0] + amount


@pytest.mark.parametrize(
    ("node", "name", "given", "result"),
    [
        (one, "one", 5, 1),
        (lambda results: results[0] + 1, "lambda", 5, 6),
        (functools.partial(add, 10), "add", 5, 15),
        (functools.partial(functools.partial(add_later, amount=3)), "add_later", 5, 8),
        (Doubler(), "Doubler", 5, 10),
        (Named(), "a name of its own", 5, 6),
        (Service().book, "book", 5, [5, "booked"]),
        (Service.check, "check", 5, [5, "checked"]),
        (Service.pay, "pay", 5, [5, "Service"]),
        (sum, "sum", 5, 5),
        (len, "len", 5, 1),
        (list, "list", 5, [5]),
        (max, "max", 5, 5),
        (operator.itemgetter(0), "itemgetter", 5, 5),
        (DagaAction(lambda results: results[0] - 1, name="less"), "less", 5, 4),
        (DagaAction(DagaAction(lambda: "nothing given", name="inner")), "inner", 5, "nothing given"),
        (lambda: "nothing given", "lambda", 5, "nothing given"),
        (EmptyAction(), "EmptyAction", 5, [5]),
    ],
)
def test_everything_that_can_be_called_may_be_a_node(node, name, given, result):
    graph = nx.DiGraph()
    graph.add_node(node)
    flow = DagaFlow(graph)
    assert flow.plan.names == (name,)
    assert play(flow.run(given)) == [result]


def test_all_kinds_mixed_in_one_flow():
    graph = nx.DiGraph()
    nodes = [one, Doubler(), functools.partial(add, 10), lambda results: results[0] * 3, Named()]
    nx.add_path(graph, nodes)
    assert play(DagaFlow(graph).run()) == [37]


def test_a_partial_with_a_name_of_its_own_shows_it():
    book = functools.partial(add, 1)
    book.__name__ = "book"
    assert DagaFlow([(book, functools.partial(add, 2))]).plan.names == ("book", "add")


def test_names_that_are_the_same_are_made_unique(done):
    nodes = [action(done, "pay") for _ in range(3)]
    flow = DagaFlow([(nodes[0], nodes[1]), (nodes[1], nodes[2])])
    assert flow.plan.names == ("pay", "pay 2", "pay 3")
    assert play(flow.run()) == ["pay"]
    assert done == ["do pay"] * 3


def test_a_flow_has_the_name_it_is_given_or_that_of_its_graph():
    graph = nx.DiGraph([(one, two)], name="of the graph")
    assert DagaFlow(graph).name == "of the graph"
    assert DagaFlow(graph, name="trip").name == "trip"
    assert DagaFlow([(one, two)]).name == "flow"
    assert repr(DagaFlow(graph, name="trip")) == "DagaFlow(trip: 2 actions in 2 batches)"


# ----------------------------------------------------------------------- the user's graph


def test_the_users_graph_is_not_touched(done):
    graph = nx.DiGraph(owner="me", name="trip")
    late, early, end = (action(done, name) for name in ("late", "early", "end"))
    graph.add_node(late, colour="red")
    graph.add_node(end)
    graph.add_edge(late, end, weight=2)
    graph.add_edge(early, end)
    before = (dict(graph.graph), list(graph.nodes(data=True)), list(graph.edges(data=True)))
    flow = DagaFlow(graph)
    flow.dag.add_edge(end, one)
    flow.dag.nodes[late]["colour"] = "blue"
    flow.action_matrix.clear()
    play(flow.run())
    assert (dict(graph.graph), list(graph.nodes(data=True)), list(graph.edges(data=True))) == before
    assert list(graph.predecessors(end)) == [late, early]


def test_changing_the_graph_afterwards_changes_no_flow(done):
    graph = nx.DiGraph()
    first, second = action(done, "first"), action(done, "second")
    graph.add_edge(first, second, weight=1)
    flow = DagaFlow(graph)
    graph.remove_node(first)
    graph.add_edge(second, one)
    assert play(flow.run()) == ["second"]
    assert done == ["do first", "do second"]
    assert [node for node in flow.dag if not isinstance(node, EmptyAction)] == [first, second]


def test_the_copy_of_the_graph_has_its_attributes_and_the_root():
    graph = nx.DiGraph(owner="me")
    graph.add_node(one, colour="red")
    graph.add_edge(one, two, weight=2)
    flow = DagaFlow(graph, name="trip")
    assert flow.dag.graph == {"owner": "me", "name": "trip"}
    assert flow.dag.nodes[one] == {"colour": "red"}
    assert flow.dag.edges[one, two] == {"weight": 2}
    (root,) = (node for node in flow.dag if isinstance(node, EmptyAction))
    assert list(flow.dag.successors(root)) == [one]


# ------------------------------------------------------------------------- several runs


def test_one_flow_runs_as_often_as_you_like(done):
    async def double(results):
        return results[0] * 2

    flow = DagaFlow([(double, Doubler())])
    assert [play(flow.run(number)) for number in range(4)] == [[0], [4], [8], [12]]


def test_several_runs_at_the_same_time_do_not_touch_each_other():
    gates = [Gate() for _ in range(4)]

    async def take(results):
        await gates[results[0]].wait()
        if results[0] == 2:
            raise Boom(str(results[0]))
        return results[0]

    async def main():
        flow = DagaFlow([(take, Doubler())])
        runs = [flow.start(number) for number in range(4)]
        finishing = [asyncio.create_task(run.finish()) for run in runs]
        await turns()
        for gate in reversed(gates):
            gate.open()
            await turns()
        return await asyncio.gather(*finishing, return_exceptions=True)

    first, second, third, fourth = play(main())
    assert (first, second, fourth) == ([0], [2], [6])
    assert [str(error) for error in third.exceptions] == ["2"]


def test_runs_of_one_flow_in_several_threads():
    flow = DagaFlow([(Doubler(), lambda results: results[0] + 1)])
    results = {}

    def work(number):
        results[number] = flow.run_sync(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: [number * 2 + 1] for number in range(8)}


def test_a_flow_may_be_an_action_of_another():
    inner = DagaFlow([(Doubler(), Doubler())])

    async def call_inner(results):
        return (await inner.run(results[0]))[0]

    assert play(DagaFlow([(call_inner, Doubler())]).run(1)) == [8]


def test_plain_actions_may_run_flows_of_plain_actions_without_waiting_for_each_other():
    inner = DagaFlow([(lambda results: results[0] + 1, lambda results: results[0] * 2)], max_parallel=1)
    graph = nx.DiGraph()
    graph.add_nodes_from(
        functools.partial(lambda number, results: inner.run_sync(number)[0], n) for n in range(6)
    )
    assert play(DagaFlow(graph, max_parallel=2).run()) == [2, 4, 6, 8, 10, 12]


# ------------------------------------------------------------------------- late rollbacks


def test_a_rollback_registered_after_the_flow_was_made_counts_from_the_next_start(done):
    made = action(done, "pay", undo=False)
    flow = DagaFlow([(made, action(done, "end", fails=Boom()))])
    early = flow.start()

    @made.on_rollback
    async def refund(results):
        done.append("refund")

    with pytest.raises(DagaFlowError):
        play(flow.run())
    assert done == ["do pay", "do end", "undo end", "refund"]
    done.clear()
    with pytest.raises(DagaFlowError):
        play(early.finish())
    assert done == ["do pay", "do end", "undo end"], "a run keeps what it was started with"


@pytest.mark.parametrize("wrap", [lambda function: function, DagaAction, DagaAction.options(in_thread=False)])
@pytest.mark.parametrize("times", [1, 2, 3, 5])
def test_the_rollback_registered_last_counts(done, wrap, times):
    made = action(done, "pay", undo=False)

    def register(number):
        async def undo(results):
            done.append(f"undo {number}")

        made.on_rollback(wrap(undo))

    register(0)
    flow = DagaFlow([(made, action(done, "end", fails=Boom(), undo=False))])
    for number in range(1, times + 1):
        register(number)
    with pytest.raises(DagaFlowError):
        play(flow.run())
    assert done == ["do pay", "do end", f"undo {times}"]


def test_a_rollback_registered_on_the_class_counts_for_its_instances(done):
    class Pay(DagaAction[int, int]):
        async def __call__(self, results):
            done.append("pay")

    flow = DagaFlow([(Pay(), action(done, "end", fails=Boom(), undo=False))])

    @Pay.register_class_as_rollback
    class Refund(DagaAction[int, int]):
        async def __call__(self, results):
            done.append("refund")

    with pytest.raises(DagaFlowError):
        play(flow.run())
    assert done == ["pay", "do end", "refund"]


def test_a_late_rollback_that_cannot_be_called_is_refused_at_the_start(done):
    made = action(done, "pay", undo=False)
    flow = DagaFlow([(made, two)])
    made.on_rollback(lambda results, amount: None)
    with pytest.raises(FlowDefinitionError, match=r"the rollback of pay: .* parameter 'amount'"):
        flow.start()


# --------------------------------------------------------------------------- max_parallel


def crowd(done, size, limit, schedule, fails=False):
    """Give a flow of `size` independent actions, and the gates that hold them and their rollbacks."""
    there = {name: Gate() for name in "abcdefgh"[:size]}
    back = {name: Gate() for name in there}
    how = {
        name: {"before": there[name].wait, "before_undo": back[name].wait, "fails": Boom() if fails else None}
        for name in there
    }
    return flow_of(done, nodes="".join(there), how=how, max_parallel=limit, schedule=schedule), there, back


@BOTH
@pytest.mark.parametrize("limit", [1, 2, 3, None])
def test_max_parallel_bounds_what_runs_there_and_back(done, schedule, limit):
    async def main():
        flow, there, back = crowd(done, 6, limit, schedule)
        run = flow.start()
        most = limit or 6
        for gates, call in ((there, run.finish), (back, run.rollback)):
            going = asyncio.create_task(call())
            for ended in range(6):
                await turns()
                inside = [name for name in gates if gates[name].reached.is_set()]
                assert len(inside) == min(6, ended + most), "as many as may, and not one more"
                assert run.running == min(most, 6 - ended)
                gates[inside[ended]].open()
            await going

    play(main())
    assert done == [*(f"do {name}" for name in "abcdef"), *(f"undo {name}" for name in "abcdef")]


@BOTH
def test_max_parallel_bounds_plain_functions_in_threads_too(schedule):
    lock, running, most = threading.Lock(), [0], [0]
    pair = threading.Barrier(2)

    def work(number, results):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        pair.wait(30)
        with lock:
            running[0] -= 1

    graph = nx.DiGraph()
    graph.add_nodes_from(functools.partial(work, number) for number in range(8))
    play(DagaFlow(graph, max_parallel=2, schedule=schedule).run())
    assert most == [2]


@BOTH
def test_after_a_failure_those_behind_the_limit_are_abandoned(done, schedule):
    flow = flow_of(done, nodes="abcd", how={"b": {"fails": Boom()}}, max_parallel=1, schedule=schedule)
    run = flow.start()
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert done == ["do a", "do b", "undo a", "undo b"]
    assert [str(event) for event in run.events if event.state == "ABANDONED"] == [
        "c ABANDONED",
        "d ABANDONED",
    ]


# ------------------------------------------------------------------------------ schedules


def test_eagerly_a_straggler_holds_up_nobody_but_its_own_successors(done):
    async def main():
        gate = Gate()
        edges = [("a", "b"), ("b", "c"), ("s", "z"), ("c", "z")]
        run = flow_of(done, edges, how={"s": {"before": gate.wait}}, schedule="eager").start()
        finishing = asyncio.create_task(run.finish())
        await turns()
        assert done == ["do a", "do b", "do c"]
        gate.open()
        return await finishing

    assert play(main()) == ["z"]
    assert done == ["do a", "do b", "do c", "do s", "do z"]


def test_in_batches_a_straggler_holds_up_the_next_batch(done):
    async def main():
        gate = Gate()
        edges = [("a", "b"), ("b", "c"), ("s", "z"), ("c", "z")]
        run = flow_of(done, edges, how={"s": {"before": gate.wait}}).start()
        finishing = asyncio.create_task(run.finish())
        await turns()
        assert done == ["do a"]
        gate.open()
        return await finishing

    assert play(main()) == ["z"]
    assert done == ["do a", "do s", "do b", "do c", "do z"]


def test_eagerly_going_back_a_slow_rollback_holds_up_nobody_but_its_own_predecessors(done):
    async def main():
        gate = Gate()
        edges = [("a", "b"), ("s", "t")]
        run = flow_of(done, edges, how={"t": {"before_undo": gate.wait}}, schedule="eager").start()
        await run.finish()
        undoing = asyncio.create_task(run.rollback())
        await turns()
        assert done[4:] == ["undo b", "undo a"]
        gate.open()
        await undoing

    play(main())
    assert done[4:] == ["undo b", "undo a", "undo t", "undo s"]


def test_both_schedules_tell_the_same_events_where_nothing_straggles(done):
    stories = []
    for schedule in ("batch", "eager"):
        run = flow_of([], DIAMOND, schedule=schedule).start()
        play(run.finish())
        play(run.rollback())
        stories.append(story(run))
    assert stories[0] == stories[1]


def test_the_signature_of_the_front_door():
    assert list(inspect.signature(DagaFlow).parameters) == [
        "graph",
        "name",
        "max_parallel",
        "schedule",
        "timeout",
        "retries",
        "rollback_failed",
        "on_rollback_error",
        "rollback_order",
        "rollback_timeout",
        "rollback_retries",
    ]
    for method in (DagaFlow.run, DagaFlow.run_sync, DagaFlow.start):
        parameters = inspect.signature(method).parameters
        more = ["on_failure", "observe"] if method is DagaFlow.start else ["observe"]
        assert list(parameters) == ["self", "input", "faults", *more, "journal"]
        assert parameters["input"].default is None


# ------------------------------------------------------------- the natural mistakes


def test_a_function_that_was_called_is_told_so_without_a_warning():
    async def later(results): ...

    with pytest.raises(FlowDefinitionError, match=r"later was called already, .* put the function itself"):
        DagaFlow([(one, later([]))])


@pytest.mark.parametrize("wrong", [[one, two], one, [(one,)]])
def test_how_to_make_a_flow_of_actions_without_edges_is_told(wrong):
    with pytest.raises(FlowDefinitionError, match=r"graph\.add_node\(action\) for each"):
        DagaFlow(wrong)


def test_an_edge_is_shown_by_names():
    with pytest.raises(FlowDefinitionError, match=r"The edge \(one, None\) has a node"):
        DagaFlow([(one, None)])


def test_a_name_is_a_text():
    with pytest.raises(FlowDefinitionError, match="name=5: it is a text to show"):
        DagaFlow([(one, two)], name=5)
