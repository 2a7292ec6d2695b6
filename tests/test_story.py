"""Stories: any prefix of a saved and loaded one is the run as it was, and looking executes nothing."""

from __future__ import annotations

import asyncio
import pickle
import types
from contextlib import suppress
from random import Random
from typing import Any

import pytest
from helpers import Boom, Gate, action, flow_of, play, turns
from hypothesis import given, settings
from hypothesis import strategies as st
from story_runs import CHAIN, Watcher, drive, failing, runs
from strategies import Told, plots

from daga_nb import DagaAction, DagaFlow, Fault, Story
from daga_nb.core.moves import Undo
from daga_nb.core.states import NodeState, RunState
from daga_nb.errors import StoryError
from daga_nb.page.report import html_of
from daga_nb.widgets.player import scrub

# ------------------------------------------------------------------- every prefix, saved and loaded


@given(plots(threads=False), st.integers(0, 2**32), st.booleans())
@settings(max_examples=400, deadline=None, derandomize=True)
def test_every_prefix_of_a_saved_and_loaded_story_is_the_run_as_it_was(plot, seed, notes):
    rng = Random(seed)
    told = Told(plot)
    run = told.flow.start(7, faults=told.faults, on_failure=rng.choice(["pause", "rollback"]))
    if notes:
        run.take_notes()
    watcher = Watcher(run)

    def muddle(run: Any) -> None:
        """Some commands, as somebody gives them who does not know what he wants."""
        for _ in range(rng.randint(1, 6)):
            name = rng.choice(run.plan.names)
            what = rng.choice(["step", "go", "until", "break", "retry", "skip", "replace", "mend", "one"])
            if what == "step":
                drive(run.step())
            elif what == "go":
                drive(run.go())
            elif what == "until":
                drive(run.until(name))
            elif what == "break":
                run.break_at(name)
            elif what == "one":
                drive(run.step_action())
            elif what == "mend":
                run.clear_faults(name)
            elif what == "replace":
                run.replace(name, action(told.marks, name, undo=rng.random() < 0.5))
            elif run.undecided and what == "retry":
                drive(run.retry(*rng.choice([[], run.undecided[:1]])))
            elif run.undecided and run.state is RunState.RUNNING:
                run.skip(run.undecided[0], "by hand")

    with suppress(ValueError):  # it was too late for that; what happened until then is a story all the same
        muddle(run)
    if rng.random() < 0.3 and not run.state.ended:
        drive(rng.choice([run.cancel, run.rollback])())
    loaded = watcher.check()
    assert loaded.at(len(loaded)).states == dict(run.states)
    ready = next((n + 1 for n, some in enumerate(run.batches) if not set(some) <= set(run.results)), 1)
    forked = run.fork(ready)
    watcher = Watcher(forked)
    drive(forked.go())
    watcher.check()


@pytest.mark.parametrize("notes", [True, False])
@pytest.mark.parametrize("what", runs())
def test_what_is_saved_is_what_is_loaded(what, notes, tmp_path):
    run = runs(notes)[what]
    path = run.save(tmp_path / "run.json")
    loaded = Story.load(path)
    assert loaded == run.story
    assert loaded.report(tmp_path / "run.html").read_text() == html_of(run.story)
    assert (loaded.flow, loaded.run, loaded.input) == (run.flow.name, run.id, "'the input'")
    assert loaded.started_at == run.started_at
    assert loaded.policy == run.flow.policy
    assert loaded.at(len(loaded)).states == dict(run.states)
    assert str(loaded.at(len(loaded)).state) == str(run.state)


def test_a_run_that_goes_on_makes_a_longer_story_and_leaves_the_shorter_one(done):
    run = flow_of(done).start()
    drive(run.step())
    early = run.story
    drive(run.go())
    assert len(early) == 3
    assert run.story.events[:3] == early.events
    assert early.at(3).states["d"] is NodeState.PENDING


def test_a_moment_says_what_would_have_come_next(done):
    run = flow_of(done, CHAIN).start(faults=[failing("c")])
    drive(run.go())
    story = run.story
    assert [str(story.at(position).next) for position in (0, 3, 8)] == [
        "next: batch 1, 1 action: a",
        "next: batch 2, 1 action: b",
        "next: rolling back batch 3 of 3: c",
    ]
    assert story.at(0).event is None
    assert str(story.at(3).event) == "a SUCCEEDED"
    assert done == ["do a", "do b", "undo c", "undo b", "undo a"]


@pytest.mark.parametrize("policy", ["continue", "stop"])
def test_a_story_that_ends_at_a_rollback_that_failed_says_what_it_waits_for(done, policy):
    run = flow_of(done, CHAIN, how={"a": {"undo_fails": Boom("stuck")}}, on_rollback_error=policy).start(
        faults=[failing("c")], on_failure="pause"
    )
    drive(run.go())
    drive(run.rollback())
    assert str(run.next) == "paused: the rollback of a failed; retry, or go on"
    story = run.story
    assert story.at(len(story)).next == run.next
    assert str(story.at(len(story) - 1).next) == "waiting for what still rolls back"
    assert done == ["do a", "do b", "undo c", "undo b", "undo a"]


@pytest.mark.parametrize("position", [-1, 4, 2.0, "1", None])
def test_a_position_that_the_story_has_not_is_refused(done, position):
    run = flow_of(done).start()
    drive(run.step())
    with pytest.raises(StoryError, match="this story has the positions 0 to 3"):
        run.story.at(position)


# ---------------------------------------------------------------------------- nothing is executed


def _callables(value: Any, seen: set[int]) -> list[Any]:
    if id(value) in seen or isinstance(value, type | str | int | float | None):
        return []
    seen.add(id(value))
    if isinstance(value, NodeState | RunState | Undo):
        return []
    found = [value] if isinstance(value, types.FunctionType | types.MethodType | DagaAction) else []
    inner = list(getattr(value, "__dict__", {}).values())
    inner += list(value) if isinstance(value, tuple | list | set) else []
    inner += [*value.keys(), *value.values()] if isinstance(value, dict) else []
    return found + [one for part in inner for one in _callables(part, seen)]


def test_looking_back_calls_no_action_and_a_story_has_none(done, tmp_path):
    run = flow_of(done).start(faults=[failing("d")])
    drive(run.go())
    called = list(done)
    loaded = Story.load(run.save(tmp_path / "run.json"))
    for story in (run.story, loaded):
        for position in range(len(story) + 1):
            story.at(position)
        story.report(tmp_path / "run.html")
        scrub(story)
        assert _callables(story, set()) == []
        assert pickle.loads(pickle.dumps(story)) == story
    scrub(run)
    assert done == called
    assert called == ["do a", "do b", "do c", "undo d", "undo b", "undo c", "undo a"]


def test_looking_never_calls_even_what_a_name_means_now(tmp_path, monkeypatch):
    """A story knows names alone: what they mean where it is loaded is not looked up."""

    async def pay(results):
        return "paid"

    run = DagaFlow([(pay, DagaAction(pay, name="pay again"))]).start()
    drive(run.go())
    path = run.save(tmp_path / "run.json")
    monkeypatch.setattr("builtins.eval", None)
    monkeypatch.setattr("builtins.exec", None)
    loaded = Story.load(path)
    assert loaded.plan.nodes == ("pay", "pay again")
    assert loaded.at(len(loaded)).state is RunState.SUCCEEDED


def test_a_story_of_a_run_that_goes_on_is_of_that_moment(done):
    async def main() -> None:
        gate = Gate()
        run = flow_of(done, how={"b": {"before": gate.wait}}).start()
        going = asyncio.create_task(run.go())
        await gate.reached.wait()
        await turns()
        story = run.story
        assert story.at(len(story)).states == dict(run.states)
        assert story.at(len(story)).states["b"] is NodeState.RUNNING
        assert html_of(story)
        gate.open()
        await going
        assert story.at(len(story)).states["b"] is NodeState.RUNNING

    play(main())


def test_it_is_shown_in_short(done):
    run = flow_of(done, name="trip").start()
    assert repr(run.story) == f"<Story of run {run.id} of trip: 0 events>"
    assert len(run.story) == 0


def test_conditions_of_a_fault_are_no_part_of_it(done):
    run = flow_of(done).start(faults=[Fault.raising(Boom("x" * 10_000), at="a")])
    drive(run.go())
    assert max(len(note.text) for note in run.story.notes) < 4001
