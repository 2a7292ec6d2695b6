"""What a journal says of a flow, and what is other in another one, in words."""

import pytest
from helpers import flow_of

from daga_nb.core.moves import Policy, Undo
from daga_nb.errors import StoryError
from daga_nb.journal.head import Shape, differences, hash_of

CHAIN = [("a", "b"), ("b", "c")]


def shape(edges=CHAIN, how=None, **options):
    flow = flow_of([], edges, how=how, **options)
    return Shape(flow.plan, tuple(call.undo for call in flow.calls), flow.policy)


OTHER = {
    "gone": ([("a", "b")], {}, {}, "'c' is gone"),
    "new": ([*CHAIN, ("c", "d")], {}, {}, "'d' is new"),
    "renamed": (
        [("a", "b"), ("b", "x")],
        {},
        {},
        "'c' is gone; 'x' is new",
    ),
    "renamed in the middle": ([("a", "x"), ("x", "c")], {}, {}, "'b' is gone; 'x' is new"),
    "after another": (
        [("a", "b"), ("a", "c")],
        {},
        {},
        "'c' comes after 'a', and came after 'b'",
    ),
    "without a rollback": (CHAIN, {"b": {"undo": False}}, {}, "'b' has no rollback, and it had a rollback"),
    "without an effect": (
        CHAIN,
        {"b": {"undo": False, "no_effect": True}},
        {},
        "'b' has no effect, and it had a rollback",
    ),
    "schedule": (CHAIN, {}, {"schedule": "eager"}, "schedule: 'eager', and it was 'batch'"),
    "rollback_failed": (
        CHAIN,
        {},
        {"rollback_failed": False},
        "rollback_failed: False, and it was True",
    ),
    "on_rollback_error": (
        CHAIN,
        {},
        {"on_rollback_error": "stop"},
        "on_rollback_error: 'stop', and it was 'continue'",
    ),
    "pivot": (CHAIN, {"b": {"pivot": True}}, {}, "pivot: 'b', and it was nothing"),
    "save point": (CHAIN, {"a": {"save_point": 2}}, {}, "save_point: 'a' (2), and it was nothing"),
    "one of its own": (
        CHAIN,
        {"b": {"rollback_failed": False}},
        {},
        "rollback_failed of its own: 'b', and it was nothing",
    ),
}


@pytest.mark.parametrize(("edges", "how", "options", "says"), OTHER.values(), ids=OTHER.keys())
def test_what_is_other_is_said(edges, how, options, says):
    assert differences(shape(), shape(edges, how, **options)) == says


def test_the_order_of_predecessors_is_that_of_their_results():
    one = shape([("a", "c"), ("b", "c")])
    other = shape([("b", "c"), ("a", "c")])
    told = differences(one, other)
    assert "'c' comes after 'b', 'a', and came after 'a', 'b'" in told
    assert "the actions stand in another order" in told


def test_nothing_is_other_in_the_same_flow():
    assert differences(shape(), shape()) == ""


def test_what_another_run_did_is_no_matter_of_the_flow():
    then = shape()
    assert differences(then._replace(undo=(Undo.ELSEWHERE, *then.undo[1:])), shape()) == ""


def test_many_differences_are_counted():
    many = [(f"a{number}", f"b{number}") for number in range(20)]
    told = differences(shape(many), shape())
    assert told.count("is gone") == 6
    assert told.endswith("; and 37 more")


def test_a_shape_comes_back_from_its_text_and_has_one_hash():
    one = shape(CHAIN, {"a": {"save_point": 1}, "b": {"pivot": True}}, schedule="eager")
    text = one.to_text()
    back = Shape.from_text(text)
    assert (back.plan.names, back.plan.predecessors) == (one.plan.names, one.plan.predecessors)
    assert (back.undo, back.policy, back.to_text()) == (one.undo, one.policy, text)
    assert hash_of(text) == hash_of(back.to_text())
    assert hash_of(text) != hash_of(shape().to_text())


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '{"names": []}', "[" * 100_000, "," * 2_000_001])
def test_what_is_no_shape(text):
    with pytest.raises(StoryError):
        Shape.from_text(text)


def test_every_choice_has_its_words():
    assert all(
        differences(shape(), shape()._replace(policy=Policy()._replace(**{field: value})))
        for field, value in {
            "schedule": "eager", "rollback_failed": False, "on_rollback_error": "stop",
            "rollback_order": "graph", "otherwise": frozenset({1}), "pivots": frozenset({1}),
            "save_points": ((0, 1),),
        }.items()
    )  # fmt: skip
    assert len(Policy._fields) == 7, "another choice: it is to be told of, too"
