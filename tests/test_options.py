"""The choices of a flow and of its actions: what makes no sense is refused, and named."""

from __future__ import annotations

import pytest
from helpers import flow_of

from daga_nb.errors import FlowDefinitionError

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
