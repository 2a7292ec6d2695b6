"""The plan: a graph compiled to integers, once."""

import dataclasses
import itertools
import random

import networkx as nx
import pytest

from daga_nb.core.plan import Plan
from daga_nb.errors import CycleError


def compiled(*edges, nodes=()):
    graph = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from(edges)
    return Plan.compile(graph, str)


def test_the_diamond():
    plan = compiled(("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"))
    assert plan.names == plan.nodes == ("a", "b", "c", "d")
    assert plan.predecessors == ((), (0,), (0,), (1, 2))
    assert plan.successors == ((1, 2), (3,), (3,), ())
    assert plan.batches == ((0,), (1, 2), (3,))
    assert plan.batch_of == (0, 1, 1, 2)
    assert plan.sinks == (3,)
    assert plan.ids == {"a": 0, "b": 1, "c": 2, "d": 3}
    assert len(plan) == 4
    assert repr(plan) == "Plan(4 nodes, 3 batches)"


def test_nodes_are_numbered_batch_by_batch_and_within_a_batch_as_in_the_graph():
    plan = compiled(("z", "y"), ("b", "a"), ("y", "x"), nodes="mb")
    assert plan.names == ("m", "b", "z", "a", "y", "x")
    assert plan.batches == ((0, 1, 2), (3, 4), (5,))


def test_the_order_of_predecessors_is_that_in_which_their_edges_were_added():
    assert compiled(("v", "w"), ("u", "w"), nodes="uvw").predecessors[2] == (1, 0)
    assert compiled(("u", "w"), ("v", "w"), nodes="uvw").predecessors[2] == (0, 1)


def test_several_parts_and_several_sinks():
    plan = compiled(("a", "b"), ("a", "c"), nodes=("alone",))
    assert plan.batches == ((0, 1), (2, 3))
    assert [plan.names[sink] for sink in plan.sinks] == ["alone", "b", "c"]


@pytest.mark.parametrize("seed", range(30))
def test_batches_are_those_of_networkx(seed):
    rng = random.Random(seed)
    size = rng.randrange(1, 40)
    order = list(range(size))
    rng.shuffle(order)
    edges = [pair for pair in itertools.combinations(order, 2) if rng.random() < 3 / size]
    rng.shuffle(edges)
    graph = nx.DiGraph()
    graph.add_nodes_from(rng.sample(order, size))
    graph.add_edges_from(edges)
    plan = Plan.compile(graph, str)
    named = [[str(node) for node in batch] for batch in nx.topological_generations(graph)]
    assert [[plan.names[node] for node in batch] for batch in plan.batches] == named
    for number, node in enumerate(plan.nodes):
        assert [plan.nodes[one] for one in plan.predecessors[number]] == list(graph.predecessors(node))
        assert [plan.nodes[one] for one in plan.successors[number]] == list(graph.successors(node))
        assert number in plan.batches[plan.batch_of[number]]


@pytest.mark.parametrize(
    ("wished", "given"),
    [
        (["pay", "pay"], ("pay", "pay 2")),
        (["pay", "pay", "pay", "ship"], ("pay", "pay 2", "pay 3", "ship")),
        (["pay 2", "pay", "pay"], ("pay 2", "pay", "pay 3")),
        (["pay", "pay", "pay 2"], ("pay", "pay 3", "pay 2")),
        (["pay", "pay 2", "pay 2", "pay"], ("pay", "pay 2", "pay 2 2", "pay 3")),
        (["", ""], ("", " 2")),
        (["a", "a", "a 2 2", "a 2", "a 2"], ("a", "a 3", "a 2 2", "a 2", "a 2 3")),
    ],
)
def test_display_names_are_made_different(wished, given):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(wished)))
    assert Plan.compile(graph, wished.__getitem__).names == given


def test_ten_thousand_actions_of_one_name_are_told_apart_without_ado():
    graph = nx.DiGraph()
    graph.add_nodes_from(range(10_000))
    plan = Plan.compile(graph, lambda node: "pay")
    assert plan.names[:2] + plan.names[-1:] == ("pay", "pay 2", "pay 10000")
    assert len(plan.ids) == 10_000


def test_the_names_follow_the_graph_and_not_the_batches():
    graph = nx.DiGraph()
    graph.add_nodes_from([("late", {}), ("early", {})])
    graph.add_edge("early", "late")
    plan = Plan.compile(graph, lambda node: "pay")
    assert dict(zip(plan.nodes, plan.names, strict=True)) == {"late": "pay", "early": "pay 2"}


@pytest.mark.parametrize(
    ("edges", "cycle"),
    [
        ([("a", "a")], ["a", "a"]),
        ([("a", "b"), ("b", "a")], ["a", "b", "a"]),
        ([("s", "a"), ("a", "b"), ("b", "c"), ("c", "a")], ["a", "b", "c", "a"]),
        ([("a", "b"), ("x", "y"), ("y", "x")], ["x", "y", "x"]),
    ],
)
def test_a_cycle_is_refused_and_named(edges, cycle):
    with pytest.raises(CycleError, match="DAG must be a directed acyclic graph") as refused:
        compiled(*edges)
    assert refused.value.cycle == cycle
    assert " -> ".join(cycle) + ". Remove one of these edges." in str(refused.value)


def test_a_long_cycle_is_kept_whole_and_shown_in_part():
    size = 5000
    with pytest.raises(CycleError) as refused:
        compiled(*((str(one), str((one + 1) % size)) for one in range(size)))
    assert len(refused.value.cycle) == size + 1
    assert "0 -> 1 -> 2 -> 3 -> 4 -> 5 -> ... -> 4996 -> 4997 -> 4998 -> 4999 -> 0" in str(refused.value)


def test_a_plan_cannot_be_changed_and_leaves_the_graph_alone():
    graph = nx.freeze(nx.DiGraph([("a", "b")]))
    plan = Plan.compile(graph, str)
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.names = ()
    assert list(graph.edges) == [("a", "b")]


def test_a_view_of_a_graph_compiles_too():
    graph = nx.DiGraph([("a", "b"), ("b", "c"), ("b", "x")])
    assert Plan.compile(graph.reverse(copy=False), str).names == ("c", "x", "b", "a")
    assert Plan.compile(nx.subgraph_view(graph, filter_node=lambda node: node != "x"), str).names == (
        "a",
        "b",
        "c",
    )


def test_a_chain_deeper_than_the_recursion_limit():
    plan = compiled(*((number, number + 1) for number in range(20_000)))
    assert len(plan.batches) == 20_001
