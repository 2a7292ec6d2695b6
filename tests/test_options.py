"""The choices of a flow and of its actions: what makes no sense is refused, and named."""

from __future__ import annotations

import pytest
from helpers import Boom, flow_of, play, story

from daga_nb.action import EmptyAction
from daga_nb.errors import FlowDefinitionError
from daga_nb.nodes import call_of

CHAIN = [("a", "b"), ("b", "c")]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"retries": -1}, "times=-1"),
        ({"retries": True}, "retries=True"),
        ({"retries": 1.5}, "retries=1.5"),
        ({"retries": "3"}, "retries='3'"),
        ({"rollback_retries": None}, "rollback_retries=None"),
        ({"timeout": 0}, "timeout=0"),
        ({"timeout": float("nan")}, "timeout=nan"),
        ({"timeout": True}, "timeout=True"),
        ({"timeout": "1"}, "timeout='1'"),
        ({"rollback_order": "random"}, "rollback_order='random'"),
        ({"rollback_failed": None}, "rollback_failed=None"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(done, options, says):
    with pytest.raises(FlowDefinitionError, match=says):
        flow_of(done, CHAIN, **options)
    with pytest.raises(FlowDefinitionError, match=says):
        flow_of(done, CHAIN).with_policy(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"retries": "3"},
        {"timeout": -1},
        {"rollback_timeout": 0},
        {"rollback_retries": 1e3},
        {"pivot": 1},
        {"idempotent": 1},
        {"idempotent": "yes"},
        {"save_point": -1},
        {"save_point": "yes"},
        {"save_point": 10**7},
        {"rollback_failed": 0},
    ],
)
def test_an_action_that_says_what_makes_no_sense_is_named(done, options):
    (option,) = options
    with pytest.raises(FlowDefinitionError, match=f"b: .*{option}|b: {option}"):
        flow_of(done, CHAIN, how={"b": options})


def test_without_a_crash_it_makes_no_difference_whether_an_action_is_idempotent(done):
    ends = []
    for idempotent in (False, True):
        how = {name: {"idempotent": idempotent} for name in "abc"}
        how["c"] |= {"fails": Boom("no"), "retries": 1}
        run = flow_of(done, CHAIN, how=how).start()
        play(run.go())
        ends.append(story(run))
        assert done == ["do a", "do b", "do c", "do c", "undo c", "undo b", "undo a"]
        done.clear()
    assert ends[0] == ends[1]


def test_what_gives_back_what_it_gets_is_idempotent(done):
    assert call_of(EmptyAction()).idempotent
    assert [call.idempotent for call in flow_of(done, CHAIN).calls] == [False, False, False]
