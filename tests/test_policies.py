"""The order of the rollback, `with_policy`, and the policies in a story: told, looked back at, kept."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from helpers import Boom, flow_of, play, words
from scene import CHAIN, Scene, lost

from daga_nb import DagaFlow, Fault, Retries, Story
from daga_nb.core.machine import fold
from daga_nb.core.moves import Policy
from daga_nb.debug import story_file
from daga_nb.errors import FlowDefinitionError, StoryError

FAN = [("a", "b"), ("a", "c"), ("a", "d"), ("b", "e"), ("c", "e"), ("d", "e")]


# ------------------------------------------------------------------- the order of the rollback


def ends_in(order: str) -> Any:
    """Make a scene whose actions b, c and d end in this order, and e fails."""

    async def main(**options: Any) -> list[str]:
        scene = Scene(FAN, fails={"e": 1}, **options)
        gates = {name: scene.gate(name) for name in order}
        run = scene.flow.start()
        task = asyncio.ensure_future(lost(run))
        for name in order:
            await gates[name].reached.wait()
            gates[name].open()
            for _ in range(10):
                await asyncio.sleep(0)
        await task
        return scene.done[4:]

    return main


@pytest.mark.parametrize("order", ["bcd", "dbc", "cdb"])
@pytest.mark.parametrize("schedule", ["batch", "eager"])
def test_by_completion_what_ended_last_is_undone_first(order, schedule):
    done = play(ends_in(order)(rollback_order="completion", schedule=schedule))
    assert done == ["e", "undo e", *(f"undo {name}" for name in reversed(order)), "undo a"]


def test_by_completion_one_is_undone_at_a_time():
    async def main() -> None:
        scene = Scene(FAN, fails={"e": 1}, rollback_order="completion")
        gate = scene.gate("undo d")
        run = scene.flow.start()
        task = asyncio.ensure_future(lost(run))
        await gate.reached.wait()
        assert [name for name, state in run.states.items() if state.word == "rolling back"] == ["d"]
        assert run.next.actions == ()
        gate.open()
        await task
        assert scene.done[-4:] == ["undo d", "undo c", "undo b", "undo a"]

    play(main())


def test_by_completion_a_step_undoes_what_was_announced():
    async def main() -> None:
        scene = Scene(FAN, fails={"e": 1}, rollback_order="completion")
        run = scene.flow.start()
        for _ in range(3):
            await run.step()
        undone = []
        while run.next.direction:
            announced = run.next.actions
            before = len(scene.done)
            await run.step()
            assert scene.done[before:] == [f"undo {name}" for name in announced]
            undone += announced
        assert undone == ["e", "d", "c", "b", "a"]

    play(main())


def test_by_completion_what_was_adopted_ended_first_and_what_was_inherited_is_not_undone():
    async def main() -> None:
        scene = Scene(CHAIN, rollback_order="completion")
        first = scene.flow.start()
        await first.finish()
        scene.done.clear()
        scene.fails["d"] = 2
        await lost(first.fork(3))
        assert scene.done == ["c", "d", "undo d", "undo c"]
        scene.done.clear()
        first.release()
        await lost(first.fork(3, adopt=True))
        assert scene.done == ["c", "d", "undo d", "undo c", "undo b", "undo a"]

    play(main())


def test_by_the_graph_no_straggler_holds_up_the_other_branch():
    """By the graph the branches are undone side by side; in batches the last batch goes first."""

    async def main(order: str) -> list[str]:
        edges = [("a", "b"), ("b", "c"), ("x", "y"), ("c", "z"), ("y", "z")]
        scene = Scene(edges, fails={"z": 1}, schedule="eager", rollback_order=order)
        gate = scene.gate("undo c")
        run = scene.flow.start()
        task = asyncio.ensure_future(lost(run))
        await gate.reached.wait()
        for _ in range(30):
            await asyncio.sleep(0)
        undone = [what for what in scene.done if what.startswith("undo")]
        gate.open()
        await task
        return undone

    assert play(main("graph")) == ["undo z", "undo y", "undo x"]
    assert play(main("batches")) == ["undo z"]
    assert play(main("completion")) == ["undo z"]


def test_by_the_graph_the_order_goes_through_what_owes_nothing():
    """The skipped one in the middle is not undone, and what is before it still waits for what is after it."""

    async def main() -> None:
        scene = Scene(CHAIN, fails={"b": 1, "d": 1}, rollback_order="graph", rollback_failed=False)
        run = scene.flow.start(on_failure="pause")
        await run.go()
        run.skip("b", "by hand")
        gate = scene.gate("undo c")
        await run.go()
        aborting = asyncio.ensure_future(run.rollback())
        await gate.reached.wait()
        for _ in range(30):
            await asyncio.sleep(0)
        assert words(run)["a"] == "succeeded"
        gate.open()
        await aborting
        assert scene.done == ["a", "b", "c", "d", "undo c", "undo a"]

    play(main())


def test_each_action_says_for_itself_whether_it_is_undone_after_it_failed():
    async def main(own: bool | None, flow: bool) -> list[str]:
        scene = Scene(CHAIN, how={"c": {"rollback_failed": own}}, fails={"c": 1}, rollback_failed=flow)
        run = scene.flow.start()
        await lost(run)
        assert run.state.word == "rolled back"
        return scene.done[3:]

    undone = ["undo c", "undo b", "undo a"]
    assert play(main(None, True)) == play(main(True, False)) == undone
    assert play(main(None, False)) == play(main(False, True)) == undone[1:]


# --------------------------------------------------------------------------------- with_policy


def test_the_same_flow_with_other_choices_keeps_its_shape_and_leaves_the_first_as_it_was(done):
    how = {"b": {"retries": 3, "pivot": True, "save_point": 2, "rollback_failed": False}}
    flow = flow_of(done, CHAIN, how=how, name="trip", max_parallel=2)
    before = (flow.options, flow.policy, list(flow.calls), flow.max_parallel)
    other = flow.with_policy(
        schedule="eager",
        rollback_order="completion",
        retries=Retries(2, wait=1),
        rollback_failed=False,
        on_rollback_error="stop",
        rollback_timeout=7.0,
        timeout=3.0,
        max_parallel=None,
    )
    assert (flow.options, flow.policy, flow.calls, flow.max_parallel) == before
    assert (other.name, other.plan, type(other)) == ("trip", flow.plan, DagaFlow)
    assert [call.retries.times for call in other.calls if call.retries] == [2, 3, 2, 2]
    assert other.policy == Policy(
        "eager", False, "stop", "completion", frozenset(), frozenset({1}), ((1, 2),)
    )
    assert (other.max_parallel, other.rollback_timeout) == (None, 7.0)
    assert {call.timeout for call in other.calls} == {3.0}
    assert {call.timeout for call in flow.calls} == {None}
    assert other.with_policy(**flow.options._asdict()).policy == flow.policy


def test_runs_of_the_two_are_apart_and_a_rollback_registered_later_serves_both(done):
    async def main() -> None:
        flow = flow_of(done, CHAIN, how={"b": {"undo": False}, "d": {"fails": Boom(), "undo": False}})
        other = flow.with_policy(rollback_order="completion")
        action = flow.plan.nodes[1]
        action.on_rollback(lambda results: done.append("undo b, registered later"))
        for one in (flow, other):
            done.clear()
            await lost(one.start())
            assert done[4:] == ["undo c", "undo b, registered later", "undo a"]

    play(main())


@pytest.mark.parametrize("name", ["name", "pivot", "rollback", "graph"])
def test_a_choice_that_a_flow_does_not_have_is_refused(done, name):
    with pytest.raises(FlowDefinitionError, match=f"a flow has no choice {name}; it has max_parallel, "):
        flow_of(done, CHAIN).with_policy(**{name: 1})


# ---------------------------------------------------------------------------------- the story


def told(scene: Scene, **options: Any) -> tuple[Any, Story]:
    async def main() -> Any:
        run = scene.flow.start(**options)
        if options.pop("notes", True):
            run.take_notes()
        await run.go()
        return run

    run = play(main())
    return run, run.story


EVERY = {
    "a": {"save_point": 1},
    "b": {"pivot": True, "retries": 2},
    "c": {"save_point": 2, "rollback_failed": False},
    "d": {"rollback_retries": 1},
}


@pytest.mark.parametrize("order", [None, "batches", "graph", "completion"])
@pytest.mark.parametrize("schedule", ["batch", "eager"])
@pytest.mark.parametrize("fails", [{}, {"a": 1}, {"b": 2}, {"b": 9}, {"d": 2}, {"d": 9, "undo d": 1}])
def test_a_story_with_every_policy_is_saved_and_loaded_again(tmp_path, order, schedule, fails):
    run, story = told(Scene(how=EVERY, fails=fails, rollback_order=order, schedule=schedule))
    loaded = Story.load(story.save(tmp_path / "run.json"))
    assert loaded.policy == story.policy == run.policy
    assert loaded.events == story.events
    assert loaded.at(len(loaded)).states == dict(run.states)
    for position in range(len(story) + 1):
        assert loaded.at(position) == story.at(position)
        machine = fold(story.plan, story.undo, story.events[:position], story.policy)
        assert machine.run_state is story.at(position).state
    assert loaded.at(len(loaded)).state is run.state
    assert str(loaded.at(len(loaded)).next) == str(run.next)


def test_the_moments_of_a_recovery_in_words():
    _, story = told(Scene(how={"b": {"save_point": True}}, fails={"d": 1}))
    seen = {str(moment.event): str(moment.next) for moment in map(story.at, range(1, len(story) + 1))}
    assert seen["run RECOVERING"] == "next: back to the save point: rolling back batch 4 of 4: d"
    assert seen["d ROLLING_BACK"] == "waiting for what still rolls back"
    assert seen["d ROLLED_BACK"] == "next: back to the save point: rolling back batch 3 of 4: c"
    forward = next(event for event in story.events[1:] if str(event) == "run RUNNING")
    assert forward.reason == "again from the save point after batch 2"
    assert str(story.at(forward.seq).next) == "next: batch 3, 1 action: c"
    assert seen["run SUCCEEDED"] == "succeeded: nothing more to do"


def test_the_moments_past_a_pivot_in_words():
    _, story = told(Scene(how={"b": {"pivot": True}}, fails={"c": 1}))
    assert str(story.at(len(story)).next) == (
        "paused: c failed, and past the pivot b there is no way back; retry, or skip with a value"
    )
    assert story.at(len(story)).next.pivot == "b"
    assert story.at(4).next.pivot == ""


def test_a_story_without_notes_has_what_can_still_be_seen():
    async def main() -> Story:
        run = Scene(how={"b": {"save_point": True}}, fails={"d": 1}).flow.start()
        while run.state.word != "recovering":
            await run.step()
        early = run.story
        await run.go()
        assert early.events == run.story.events[: len(early)]
        return run.story

    story = play(main())
    ends = [event.seq for event in story.events if str(event) == "d SUCCEEDED"]
    assert [story.notes[seq - 1].text for seq in ends] == ["'d'"]


@pytest.mark.parametrize(
    "hostile",
    [
        {"rollback_order": "random"},
        {"rollback_order": ["graph"]},
        {"rollback_order": 1},
        {"otherwise": [4]},
        {"otherwise": [-1]},
        {"otherwise": [True]},
        {"otherwise": ["a"]},
        {"otherwise": {"0": 1}},
        {"otherwise": None},
        {"pivots": [0.0]},
        {"pivots": [10**30]},
        {"pivots": "abc"},
        {"pivots": [[0]]},
        {"save_points": [[0, 0]]},
        {"save_points": [[0, -1]]},
        {"save_points": [[0, 10**12]]},
        {"save_points": [[0, True]]},
        {"save_points": [[9, 1]]},
        {"save_points": [[0]]},
        {"save_points": [0]},
        {"save_points": {"0": 1}},
        {"save_points": [["0", 1]]},
        {"schedule": ["batch"]},
        {"on_rollback_error": {}},
        {"rollback_failed": 1},
        {"a word": 1},
    ],
)
def test_a_hostile_policy_is_refused(hostile):
    _, story = told(Scene(how=EVERY))
    data = json.loads(json.dumps(story_file.to_json(story)))
    data["policy"] |= hostile
    with pytest.raises(StoryError, match="policy"):
        story_file.from_json(data)


@pytest.mark.parametrize("missing", ["schedule", "rollback_failed", "on_rollback_error"])
def test_a_policy_that_lacks_something_is_refused_and_the_first_files_are_read(missing):
    _, story = told(Scene())
    data = json.loads(json.dumps(story_file.to_json(story)))
    first = ("schedule", "rollback_failed", "on_rollback_error")
    data["policy"] = {key: data["policy"][key] for key in first}
    assert story_file.from_json(data) == story
    del data["policy"][missing]
    with pytest.raises(StoryError, match="policy"):
        story_file.from_json(data)


@pytest.mark.parametrize(
    ("how", "fails", "forged"),
    [
        ({"b": {"save_point": 1}}, {"d": 1}, {"save_points": []}),
        ({"b": {"save_point": 1}}, {"d": 1}, {"save_points": [[0, 1]]}),
        ({"b": {"save_point": 2}}, {"d": 2}, {"save_points": [[1, 1]]}),
        ({"a": {"save_point": 1}}, {"d": 1}, {"pivots": [1]}),
        ({}, {"d": 1}, {"pivots": [2]}),
        ({}, {"d": 1}, {"otherwise": [3]}),
    ],
)
def test_a_story_that_its_policy_does_not_allow_is_refused(how, fails, forged):
    _, story = told(Scene(how=how, fails=fails))
    data = json.loads(json.dumps(story_file.to_json(story)))
    data["policy"] |= forged
    with pytest.raises(StoryError, match="no run could have gone like this"):
        story_file.from_json(data)


def test_a_fault_that_is_planted_while_recovering_strikes():
    async def main() -> None:
        scene = Scene(how={"b": {"save_point": 1}}, fails={"d": 1})
        run = scene.flow.start()
        while run.state.word != "recovering":
            await run.step()
        run.inject(Fault.raising(Boom("planted"), at="c", where="rollback"))
        assert (await lost(run))[1:] == ["the rollback of 'c' (batch 3) failed: Boom: planted"]
        assert scene.done[4:] == ["undo d", "undo b", "undo a"]

    play(main())
