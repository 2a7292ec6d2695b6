"""A kept story in a notebook, alone or beside another one: widgets without a kernel behind them."""

from __future__ import annotations

import json

import pytest
from helpers import Boom, flow_of
from story_runs import CHAIN, drive, failing, runs
from test_hostile import HOSTILE
from test_report import nasty_run
from test_words import sendable

from daga_nb import Story, compare, scrub
from daga_nb.errors import FlowDefinitionError, StoryError
from daga_nb.page.record import record_of


def state_of(widget):
    """Give what the page gets, as JSON."""
    state = widget.get_state()
    return json.loads(
        json.dumps({name: value for name, value in state.items() if name[:4] not in ("_esm", "_css")})
    )


@pytest.mark.parametrize("what", runs())
def test_a_run_and_its_story_from_a_file_are_shown_alike(what, tmp_path):
    run = runs()[what]
    loaded = Story.load(run.save(tmp_path / "run.json"))
    of_run, of_file = scrub(run), scrub(loaded)
    assert (
        state_of(of_run)["_record"]
        == state_of(of_file)["_record"]
        == json.loads(json.dumps(record_of(loaded)))
    )
    assert of_file.story == of_run.story == loaded
    assert (
        repr(of_file)
        == f"<FlowPlayer of <Story of run {run.id} of {run.flow.name}: {len(run.events)} events>>"
    )


def test_a_player_shows_a_run_as_it_was_then(done):
    run = flow_of(done).start()
    drive(run.step())
    player = scrub(run)
    drive(run.go())
    assert len(player.story) == 3
    assert len(player._record["events"]) == 3


def test_a_player_has_no_command_and_hears_none(done):
    run = flow_of(done).start()
    player = scrub(run)
    player._handle_custom_msg({"cmd": "run"}, [])
    assert (done, len(run.events)) == ([], 0)


@pytest.mark.parametrize("wrong", [None, "run.json", 3, {}])
def test_what_is_no_story_is_refused(wrong):
    with pytest.raises(StoryError, match=r"a Story or a FlowRun, not .*; see Story.load"):
        scrub(wrong)


@pytest.mark.parametrize("options", [{"direction": "x"}, {"height": 0}, {"height": "tall"}, {"height": True}])
def test_a_mistake_is_told_once(done, options):
    run = flow_of(done).start()
    for show in (scrub, lambda run, **more: compare(run, run, **more)):
        with pytest.raises(FlowDefinitionError):
            show(run, **options)


def test_direction_and_height_are_traits(done):
    run = flow_of(done).start()
    for widget in (scrub(run, direction="TB", height=300), compare(run, run, direction="TB", height=300)):
        assert (widget.direction, widget.height) == ("TB", 300)
        widget.direction = "LR"
        assert state_of(widget)["direction"] == "LR"


@HOSTILE
def test_texts_of_others_can_be_sent(text):
    run = nasty_run(text)
    assert sendable(state_of(scrub(run)))
    assert sendable(state_of(compare(run, run)))


# ------------------------------------------------------------------------------------- the twin


def test_the_twin_says_where_they_differ_and_how_each_action_ended(done):
    flow = flow_of(done, CHAIN, name="trip")
    one, other = flow.start(), flow.start(faults=[failing("c")])
    for run in (one, other):
        run.take_notes()
        drive(run.go())
    twin = compare(one, other)
    state = state_of(twin)
    found = state["_found"]
    assert found["first"] == {
        "position": 7,
        "node": 2,
        "words": "c: succeeded | failed (Boom: planted (planted, before the effect))",
    }
    assert [ending[0] for ending in found["endings"]] == [0, 1, 2]
    looks = [look["word"] for look in state["_records"][0]["face"]["looks"]]
    assert [[looks[state] for state, _ in ending[1]] for ending in found["endings"]] == [
        ["succeeded", "rolled back"]
    ] * 3
    assert found["sums"] == [["left", ["", "nothing"]], ["calls · undos", ["3 · 0", "3 · 3"]]]
    assert [record["lab"]["run"] for record in state["_records"]] == [one.id, other.id]
    assert repr(twin) == f"<FlowTwin of trip: {found['first']['words']}>"
    assert len(found["elapsed"]) == 2


def test_what_differs_stands_first(done):
    flow = flow_of(done, CHAIN)
    one, other = flow.start(), flow.start(faults=[failing("c"), failing("c", "rollback")])
    drive(one.go())
    drive(one.rollback())
    drive(other.go())
    endings = compare(one, other)._found["endings"]
    assert [(node, differs) for node, _, differs, _ in endings] == [(2, 1), (0, 0), (1, 0)]


def test_without_a_difference_it_says_so(done):
    flow = flow_of(done, CHAIN, name="trip", how={"b": {"fails": Boom("no")}})
    one, other = flow.start(), flow.start()
    for run in (one, other):
        drive(run.go())
    twin = compare(one, other)
    assert twin._found["first"] is None
    assert repr(twin) == "<FlowTwin of trip: no difference>"
    assert done == ["do a", "do b", "undo b", "undo a"] * 2
