"""Events: values with a JSON form that is checked field by field."""

import json
import math

import pytest
from helpers import flow_of, play

from daga_nb import DagaFlowError
from daga_nb.core.events import Event
from daga_nb.core.machine import fold
from daga_nb.core.states import NodeState, RunState
from daga_nb.errors import StoryError

GOOD = {"seq": 3, "at": 0.25, "node": "charge", "state": "FAILED", "attempt": 2, "reason": "Timeout: no"}


def test_an_event_is_a_value():
    event = Event(3, 0.25, "charge", NodeState.FAILED, 2, "Timeout: no")
    assert event == Event(3, 0.25, "charge", NodeState.FAILED, 2, "Timeout: no")
    assert hash(event) == hash(Event(*event))
    with pytest.raises(AttributeError):
        event.state = NodeState.SUCCEEDED


@pytest.mark.parametrize(
    "event",
    [
        Event(1, 0.0, None, RunState.RUNNING),
        Event(2, 1e-9, "charge", NodeState.RUNNING, 3, "again"),
        Event(10**12, 12345.678, "", NodeState.KEPT, reason="\ud800\x00\u202e<b>"),
    ],
)
def test_an_event_survives_json(event):
    assert event.to_json() == dict(
        zip(Event._fields, [*event[:3], event.state.value, *event[4:]], strict=True)
    )
    back = Event.from_json(json.loads(json.dumps(event.to_json())))
    assert back == event
    assert type(back.state) is type(event.state)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Event(1, 0.0, None, RunState.ROLLING_BACK), "run ROLLING_BACK"),
        (Event(2, 0.0, "run", NodeState.KEPT), "run KEPT"),
        (Event(3, 0.0, "pay 2", NodeState.UNKNOWN, 4, "lost"), "pay 2 UNKNOWN"),
    ],
)
def test_an_event_prints_as_who_and_what(event, text):
    assert str(event) == text


def test_a_whole_number_of_seconds_is_a_time():
    event = Event.from_json({**GOOD, "at": 2})
    assert event.at == 2.0
    assert isinstance(event.at, float)


@pytest.mark.parametrize("data", [None, 3, "event", [], list(GOOD.items()), {}, {**GOOD, "more": 1}])
def test_what_is_no_event_is_refused(data):
    with pytest.raises(StoryError, match="not an event: expected the fields seq, at, node"):
        Event.from_json(data)


@pytest.mark.parametrize("field", Event._fields)
def test_a_missing_field_is_refused(field):
    with pytest.raises(StoryError, match="not an event"):
        Event.from_json({name: value for name, value in GOOD.items() if name != field})


WRONG = [
    *(("seq", value) for value in (0, -1, 1.0, "1", None, True, [1])),
    *(("attempt", value) for value in (0, -3, 1.5, "1", None, True)),
    *(("at", value) for value in (math.nan, math.inf, -math.inf, "0", None, True)),
    pytest.param("at", 10**400, id="at-a number beyond all floats"),
    pytest.param("at", -(10**400), id="at-one below them"),
    *(("node", value) for value in (1, True, ["a"], b"a")),
    *(("reason", value) for value in (None, 1, b"", ["a"])),
]


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_a_field_of_the_wrong_kind_is_refused(field, value):
    with pytest.raises(StoryError, match="wrong kind"):
        Event.from_json({**GOOD, field: value})


@pytest.mark.parametrize("state", ["failed", "", "READY", "ROLLBACK_INCOMPLETE", None, 3, [], {}, "FAILED "])
def test_a_state_that_a_node_cannot_have_is_refused(state):
    with pytest.raises(StoryError, match="event 3: there is no state"):
        Event.from_json({**GOOD, "state": state})


@pytest.mark.parametrize("state", ["PENDING", "FAILED", "KEPT", "UNKNOWN", "ABANDONED", "ROLLBACK_FAILED"])
def test_a_state_that_a_run_cannot_have_is_refused(state):
    with pytest.raises(StoryError, match="there is no state"):
        Event.from_json({**GOOD, "node": None, "state": state})


def test_a_whole_story_goes_through_json_and_folds_to_the_same_end(done):
    flow = flow_of(done, how={"c": {"fails": ValueError("no")}})
    run = flow.start(0)
    with pytest.raises(DagaFlowError):
        play(run.finish())
    text = json.dumps([event.to_json() for event in run.events])
    events = [Event.from_json(data) for data in json.loads(text)]
    assert events == list(run.events)
    machine = fold(run.plan, [call.undo for call in flow.calls], events)
    assert machine.states == list(run.node_states)
    assert machine.run_state is RunState.ROLLED_BACK


def test_the_events_of_a_run_are_numbered_from_1_and_their_times_never_go_back(done):
    run = flow_of(done).start(0)
    play(run.finish())
    assert [event.seq for event in run.events] == list(range(1, len(run.events) + 1))
    assert [event.at for event in run.events] == sorted(event.at for event in run.events)
    assert run.events[0].at >= 0.0
