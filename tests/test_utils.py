"""The names of py-daga's utils, thin, and usable with any action that can be called."""

import dataclasses
import inspect
import logging
from unittest.mock import AsyncMock, MagicMock

import networkx as nx
import pytest
from helpers import Boom, play

from daga_nb import DagaAction, utils
from daga_nb.action import EmptyAction
from daga_nb.utils import ActionDescriptor, Batch, DagaFlowUtils, indexx


@pytest.fixture
def batches():
    """Give two batches of mock actions, as if they had run: x, then y and z."""
    first = ActionDescriptor(MagicMock(), 0, 0, [], result="x")
    second = ActionDescriptor(MagicMock(), 1, 0, [(0, 0)], result="y")
    third = ActionDescriptor(MagicMock(), 1, 1, [(0, 0)], result="z")
    return [Batch([first]), Batch([second, third])]


@pytest.fixture
def dag():
    nodes = [MagicMock(name=name) for name in "xyz"]
    dag = nx.DiGraph()
    dag.add_edges_from([(nodes[0], nodes[1]), (nodes[0], nodes[2])])
    return dag


# --------------------------------------------------------------------------------- indexx


@pytest.mark.parametrize(
    ("rows", "item", "options", "place"),
    [
        ([[1, 2, 3], [4, 5, 6]], 5, {}, (1, 1)),
        ([[1, 2], [1]], 1, {}, (0, 0)),
        ([[], [], ["a"]], "a", {}, (2, 0)),
        ([[1, 2, 3]], 9, {"key": lambda number: number**2}, (0, 2)),
        (iter([iter("ab"), iter("cd")]), "d", {}, (1, 1)),
    ],
)
def test_indexx_finds_the_first_place(rows, item, options, place):
    assert indexx(rows, item, **options) == place


@pytest.mark.parametrize("rows", [[], [[]], [[1], [2]]])
def test_indexx_raises_a_key_error_that_names_the_item(rows):
    with pytest.raises(KeyError, match="Item 7 not found in iterable"):
        indexx(rows, 7)


# --------------------------------------------------------------------- descriptors, batches


def test_the_fields_of_a_descriptor():
    fields = [field.name for field in dataclasses.fields(ActionDescriptor)]
    assert fields == [
        "action",
        "batch_index",
        "node_index",
        "predecessors",
        "result",
        "time_started",
        "time_ended",
        "error",
    ]
    made = ActionDescriptor[int, int](EmptyAction(), 2, 3, [(0, 0), (1, 1)])
    assert (made.batch_index, made.node_index, made.predecessors) == (2, 3, [(0, 0), (1, 1)])
    assert made.result is made.time_started is made.time_ended is made.error is None


def test_a_batch_is_a_list_with_results(batches):
    assert [batch.results() for batch in batches] == [["x"], ["y", "z"]]
    assert isinstance(batches[0], list)
    assert Batch[int, int]().results() == []


# -------------------------------------------------------------------------- DagaFlowUtils


def test_the_signatures_are_py_dagas():
    expected = {
        "get_predecessors_results": ["action", "batches"],
        "initialize_dag_as_flow": ["dag", "root"],
        "get_flow_batches": ["dag"],
        "wrap_action": ["action", "batches"],
        "rollback_action": ["action", "batches"],
    }
    for name, parameters in expected.items():
        assert isinstance(inspect.getattr_static(DagaFlowUtils, name), staticmethod)
        assert list(inspect.signature(getattr(DagaFlowUtils, name)).parameters) == parameters
    assert inspect.iscoroutinefunction(DagaFlowUtils.wrap_action)
    assert inspect.iscoroutinefunction(DagaFlowUtils.rollback_action)
    assert set(utils.__all__) == {"ActionDescriptor", "Batch", "DagaFlowUtils", "indexx"}


def test_results_of_predecessors_stand_in_their_order(batches):
    last = ActionDescriptor(MagicMock(), 2, 0, [(1, 1), (0, 0), (1, 0)])
    assert DagaFlowUtils.get_predecessors_results(last, batches) == ["z", "x", "y"]
    assert DagaFlowUtils.get_predecessors_results(batches[1][0], batches) == ["x"]
    assert DagaFlowUtils.get_predecessors_results(batches[0][0], batches) == []


def test_initializing_adds_a_root_and_changes_the_graph_it_is_given(dag):
    source = next(iter(dag))
    DagaFlowUtils.initialize_dag_as_flow(dag)
    (root,) = (node for node in dag if isinstance(node, EmptyAction))
    assert list(dag.successors(root)) == [source]
    assert len(dag) == 4
    assert dag.number_of_edges() == 3


def test_initializing_takes_the_root_that_it_is_given(dag):
    root = EmptyAction()
    dag.add_node(alone := MagicMock())
    DagaFlowUtils.initialize_dag_as_flow(dag, root)
    assert set(dag.successors(root)) == {next(iter(dag)), alone}


def test_initializing_twice_adds_nothing_and_no_loop(dag):
    for root in (None, EmptyAction()):
        DagaFlowUtils.initialize_dag_as_flow(dag, root)
        DagaFlowUtils.initialize_dag_as_flow(dag, root)
    assert nx.is_directed_acyclic_graph(dag)
    assert list(nx.selfloop_edges(dag)) == []


def test_two_graphs_get_two_roots():
    first, second = nx.DiGraph([(print, len)]), nx.DiGraph([(print, len)])
    DagaFlowUtils.initialize_dag_as_flow(first)
    DagaFlowUtils.initialize_dag_as_flow(second)
    roots = [node for graph in (first, second) for node in graph if isinstance(node, EmptyAction)]
    assert len(set(map(id, roots))) == 2


def test_batches_are_the_topological_generations_with_their_places(dag):
    first, second, third = dag
    dag.add_edge(third, second)
    found = DagaFlowUtils.get_flow_batches(dag)
    assert [[descriptor.action for descriptor in batch] for batch in found] == [[first], [third], [second]]
    assert [type(batch) for batch in found] == [Batch] * 3
    places = [(one.batch_index, one.node_index, one.predecessors) for batch in found for one in batch]
    assert places == [(0, 0, []), (1, 0, [(0, 0)]), (2, 0, [(0, 0), (1, 0)])]


def test_wrapping_calls_the_action_and_notes_result_and_times(batches):
    mock = AsyncMock(return_value="w")
    wrapped = ActionDescriptor(mock, 1, 0, [(0, 0)])
    assert play(DagaFlowUtils.wrap_action(wrapped, batches)) == "w"
    mock.assert_called_once_with(["x"])
    assert wrapped.result == "w"
    assert wrapped.time_ended >= wrapped.time_started > 0
    assert wrapped.error is None


def test_wrapping_without_predecessors_hands_an_empty_list(batches):
    mock = AsyncMock()
    play(DagaFlowUtils.wrap_action(ActionDescriptor(mock, 0, 0, []), batches))
    mock.assert_called_once_with([])


@pytest.mark.parametrize("mock", [AsyncMock(side_effect=Boom("no")), MagicMock(side_effect=Boom("no"))])
def test_wrapping_notes_the_error_and_raises_it(batches, mock):
    wrapped = ActionDescriptor(mock, 1, 0, [(0, 0)])
    with pytest.raises(Boom, match="no") as raised:
        play(DagaFlowUtils.wrap_action(wrapped, batches))
    assert wrapped.error is raised.value
    assert wrapped.result is None
    assert wrapped.time_ended >= wrapped.time_started


@pytest.mark.parametrize("action", [DagaAction(lambda: 3), DagaAction(lambda results: 3), lambda results: 3])
def test_wrapping_takes_plain_functions_too(batches, action):
    assert play(DagaFlowUtils.wrap_action(ActionDescriptor(action, 1, 0, [(0, 0)]), batches)) == 3


def test_rolling_back_hands_the_predecessors_results_to_the_action(batches):
    mock = MagicMock()
    mock.rollback = AsyncMock(return_value="undone")
    assert play(DagaFlowUtils.rollback_action(ActionDescriptor(mock, 1, 0, [(0, 0)]), batches)) == "undone"
    mock.rollback.assert_awaited_once_with(["x"])


@pytest.mark.parametrize("action", [DagaAction(lambda results: 3, name="plain"), len])
def test_rolling_back_without_a_rollback_warns_and_gives_none(batches, action, caplog):
    with caplog.at_level(logging.WARNING):
        found = play(DagaFlowUtils.rollback_action(ActionDescriptor(action, 1, 0, [(0, 0)]), batches))
    assert found is None
    assert [record.getMessage() for record in caplog.records] == [f"No rollback action for {action}"]
