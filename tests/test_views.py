"""What a run shows of itself: live, and not to be changed."""

import networkx as nx
import pytest
from helpers import flow_of, play, story

from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState
from daga_nb.engine.views import ByName, ReadOnly, Subscription

PLAN = Plan.compile(nx.DiGraph([("a", "b"), ("b", "c")]), str)


def test_a_mapping_by_name_reads_a_mapping_by_number_in_plan_order():
    values = {2: "z", 0: "x"}
    view = ByName(PLAN, values)
    assert list(view.items()) == [("a", "x"), ("c", "z")]
    assert view == {"a": "x", "c": "z"}
    assert view != {"a": "x"}
    assert len(view) == 2
    assert "b" not in view
    assert view.get("b", "nothing") == "nothing"
    values[1] = "y"
    assert list(view) == ["a", "b", "c"], "it is live"


def test_a_mapping_by_name_reads_a_list():
    view = ByName(PLAN, ["x", "y", "z"])
    assert dict(view) == {"a": "x", "b": "y", "c": "z"}
    assert repr(view) == "{'a': 'x', 'b': 'y', 'c': 'z'}"


@pytest.mark.parametrize("name", ["d", "", None, 0, ("a",)])
def test_an_unknown_name_is_a_key_error_that_names_the_nearest(name):
    with pytest.raises(KeyError) as missing:
        ByName(PLAN, {0: 1})[name]
    assert str(missing.value) == f"the flow has no action {str(name)!r}. Did you mean 'a' or 'b' or 'c'?"
    assert name not in ByName(PLAN, {0: 1})


def test_a_name_without_a_value_yet_is_a_key_error():
    with pytest.raises(KeyError, match="b"):
        ByName(PLAN, {0: 1})["b"]


@pytest.mark.parametrize("view", [ByName(PLAN, {0: 1}), ReadOnly([1])])
def test_a_view_cannot_be_changed_nor_be_a_key(view):
    with pytest.raises(TypeError):
        view[0] = 2
    with pytest.raises(TypeError):
        hash(view)
    assert not hasattr(view, "append")
    assert not hasattr(view, "update")


def test_a_sequence_that_only_reads():
    items = [1, 2, 3]
    view = ReadOnly(items)
    assert (view[0], view[-1], view[1:], list(reversed(view))) == (1, 3, (2, 3), [3, 2, 1])
    assert view == [1, 2, 3]
    assert view == (1, 2, 3)
    assert view != [1, 2]
    assert view != 3
    assert repr(view) == "(1, 2, 3)"
    items.append(4)
    assert len(view) == 4
    assert 4 in view
    with pytest.raises(IndexError):
        view[9]


def test_closing_a_handle_twice_closes_once():
    closed = []
    handle = Subscription(lambda: closed.append(1))
    with handle as same:
        assert same is handle
    handle.close()
    assert closed == [1]


def test_the_views_of_a_run_are_live(done):
    run = flow_of(done).start(0)
    states, results, errors, events = run.states, run.results, run.errors, run.events
    assert states == dict.fromkeys("abcd", NodeState.PENDING)
    assert results == errors == {}
    assert events == []
    play(run.step())
    assert states["a"] is NodeState.SUCCEEDED
    assert results == {"a": "a"}
    assert [str(event) for event in events] == story(run) == ["run RUNNING", "a RUNNING", "a SUCCEEDED"]
    assert list(run.node_states) == [NodeState.SUCCEEDED, *[NodeState.PENDING] * 3]


def test_what_a_run_shows_by_number_cannot_be_changed(done):
    run = flow_of(done).start(0)
    with pytest.raises(TypeError):
        run.node_states[0] = NodeState.KEPT
    with pytest.raises(TypeError):
        run.states["a"] = NodeState.KEPT
