"""Notes are taken when things happen: what changes later, and what is forgotten, is still there."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from helpers import Boom, flow_of, play
from story_runs import CHAIN, drive, failing
from widget_page import Page

from daga_nb import DagaAction, DagaFlow, lab
from daga_nb.debug.history import MOST_LINES
from daga_nb.debug.story_file import from_json, to_json
from daga_nb.engine.preview import LONGEST_TEXT, preview, traceback_of


def texts(run: Any, name: str) -> list[str]:
    story = run.story
    return [
        f"{event.state.word}: {note.text.splitlines()[0] if note.text else ''}"
        for event, note in zip(story.events, story.notes, strict=True)
        if event.node == name
    ]


def mutating() -> DagaFlow[Any, Any]:
    async def order(results):
        return {"cups": 6}

    @DagaAction
    async def ship(results):
        results[0]["cups"] = 0
        results.clear()
        return "shipped"

    @ship.on_rollback
    async def fetch(results):
        results[0]["broken"] = True
        return results[0]

    async def thank(results):
        raise Boom("no")

    return DagaFlow([(order, ship), (ship, thank)])


# ------------------------------------------------------------------------------ when it happens


def test_what_an_action_changes_later_does_not_change_what_was_seen():
    run = mutating().start()
    run.take_notes()
    drive(run.go())
    assert texts(run, "order") == ["running: [None]", "succeeded: {'cups': 6}", "kept: "]
    assert texts(run, "ship") == [
        "running: [{'cups': 6}]",
        "succeeded: 'shipped'",
        "rolling back: ",
        "rolled back: {'cups': 0, 'broken': True}",
    ]


def test_without_notes_the_story_has_what_can_be_seen_at_the_end():
    run = mutating().start()
    drive(run.go())
    assert texts(run, "order") == [
        "running: [None]",
        "succeeded: {'cups': 0, 'broken': True}",
        "kept: ",
    ]


def test_the_inspector_of_a_lab_shows_each_moment_as_it_was():
    async def main() -> None:
        page = Page(lab(mutating(), speed=1.0))
        await page.open()
        await page.click(cmd="run")
        await page.click(cmd="look", node=1)
        history = page.looks[-1]["history"]
        inputs = [change["inputs"] for _, change in history if change.get("inputs")]
        assert inputs == ["[{'cups': 6}]"]

    play(main())


def tried_three_times(run: Any, errors: list[str]) -> None:
    drive(run.go())
    for _ in errors[1:]:
        drive(run.retry())


def failing_by_turns(errors: list[str]) -> DagaFlow[Any, Any]:
    left = list(errors)

    async def pay(results):
        if left:
            raise Boom(left.pop(0))
        return "paid"

    async def quote(results):
        return 842.0

    return DagaFlow([(quote, DagaAction(pay, no_effect=True))])


def test_the_errors_of_earlier_attempts_are_kept():
    run = failing_by_turns(["one", "two"]).start(on_failure="pause")
    run.take_notes()
    tried_three_times(run, ["one", "two", "and then"])
    drive(run.go())
    assert texts(run, "pay") == [
        "running: [842.0]",
        "failed: Boom: one",
        "running: [842.0]",
        "failed: Boom: two",
        "running: [842.0]",
        "succeeded: 'paid'",
    ]


def test_without_notes_of_earlier_attempts_there_is_what_the_events_say_and_nothing_untrue():
    run = failing_by_turns(["one", "two"]).start(on_failure="pause")
    tried_three_times(run, ["one", "two", "and then"])
    drive(run.go())
    assert texts(run, "pay") == [
        "running: [842.0]",
        "failed: Boom: one",
        "running: [842.0]",
        "failed: Boom: two",
        "running: [842.0]",
        "succeeded: 'paid'",
    ]
    took = [note.took for event, note in zip(run.events, run.story.notes, strict=True) if event.node == "pay"]
    assert took == [None, None, None, None, None, run.duration("pay")]


def test_a_rollback_that_was_tried_again_is_not_said_to_have_taken_what_the_last_one_took(done):
    run = flow_of(done, CHAIN).start(faults=[failing("c"), failing("b", "rollback")])
    drive(run.go())
    run.clear_faults("b")
    drive(run.retry())
    assert done == ["do a", "do b", "undo c", "undo a", "undo b"]
    notes = [note for event, note in zip(run.events, run.story.notes, strict=True) if event.node == "b"]
    assert [note.text for note in notes] == [
        "['a']",
        "'b'",
        "",
        "Boom: planted (planted, in the rollback)",
        "",
        "'undone b'",
    ]
    assert notes[3].took is None
    assert notes[5].took == run.duration("b", rollback=True)


def test_notes_may_be_taken_from_the_middle_on(done):
    run = flow_of(done).start()
    drive(run.step())
    history = run.take_notes()
    assert run.take_notes() is history
    drive(run.go())
    assert len(history.notes) == len(run.events)
    assert texts(run, "a") == ["running: [None]", "succeeded: 'a'"]
    assert texts(run, "d") == ["running: ['b', 'c']", "succeeded: 'd'"]


def test_lines_are_bounded():
    history = DagaFlow([(abs, max)]).start().take_notes()
    for number in range(3 * MOST_LINES):
        history.wrote(str(number))
    assert len(history.lines) <= MOST_LINES
    assert history.lines[-1] == (0, str(3 * MOST_LINES - 1))


# ------------------------------------------------------------------- values that mind being seen


class Struck:
    """Its repr raises, once, what is no `Exception`."""

    def __init__(self, error: BaseException) -> None:
        self.errors = [error]

    def __repr__(self) -> str:
        if self.errors:
            raise self.errors.pop()
        return "all right"


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit(), asyncio.CancelledError()])
def test_a_value_that_cannot_be_shown_is_no_harm_to_the_notes(done, error):
    run = flow_of(done, how={"a": {"result": Struck(error)}}).start()
    run.take_notes()
    drive(run.go())
    assert texts(run, "a")[1] == f"succeeded: <Struck, which cannot be shown: {type(error).__name__}>"
    assert texts(run, "d") == ["running: ['b', 'c']", "succeeded: 'd'"]


def test_a_persons_interrupt_in_the_middle_of_a_note_costs_this_note_alone(done):
    run = flow_of(done, how={"a": {"result": Struck(KeyboardInterrupt())}}).start()
    history = run.take_notes()
    with suppress(KeyboardInterrupt):
        drive(run.go())
    drive(run.go())
    assert len(history.notes) == len(run.events)
    assert texts(run, "a")[1] == "succeeded: "
    assert texts(run, "d") == ["running: ['b', 'c']", "succeeded: 'd'"]


class NoText:
    def __str__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize("notes", [3, None, [NoText()], [3, "ask the bank"], "text"])
def test_an_error_with_odd_notes_is_shown_all_the_same(done, notes):
    error = Boom("declined")
    error.__notes__ = notes
    run = flow_of(done, CHAIN, how={"b": {"fails": error}}).start()
    run.take_notes()
    drive(run.go())
    assert done == ["do a", "do b", "undo b", "undo a"]
    assert texts(run, "b")[1] == "failed: Boom: declined"
    assert len(run.story.notes) == len(run.events)


def test_a_lab_goes_on_after_an_odd_error(done):
    error = Boom("declined")
    error.__notes__ = [NoText()]

    async def main() -> None:
        page = Page(lab(flow_of(done, CHAIN, how={"b": {"fails": error}}), speed=1.0))
        await page.open()
        await page.click(cmd="run")
        await page.click(cmd="look", node=1)
        assert page.states() == ["rolled back", "rolled back", "abandoned"]
        assert page.looks[-1]["errors"][0][1].startswith("Boom: declined")

    play(main())


def test_a_long_traceback_begins_with_the_error_and_ends_with_where_it_was_raised():
    def dig(depth: int) -> None:
        assert isinstance(depth, int) and "so that this line is long" and "so that this line is long", depth  # noqa: PT018
        if depth:
            dig(depth - 1)
        raise Boom("y" * 900)

    with pytest.raises(Boom) as caught:
        dig(40)
    caught.value.add_note("z" * 300)
    text = traceback_of(caught.value)
    assert len(text) <= LONGEST_TEXT
    assert text.startswith("Boom: yyy")
    assert text.endswith("z" * 300)


@pytest.mark.parametrize("text", ["half \ud83d of a pair", "\udcff", "\ud83d\ude00"])
def test_no_text_that_is_shown_has_half_a_character_in_it(text):
    class Shown:
        def __repr__(self) -> str:
            return text

    error = Boom(text)
    error.add_note(text)
    for shown in (preview(Shown()), traceback_of(error)):
        assert shown.encode()
        assert "\ufffd" in shown


class Evil(Exception):
    """Minds being looked at from all sides."""

    @property
    def __notes__(self) -> Any:
        raise ValueError("no notes")

    @property
    def __cause__(self) -> Any:  # type: ignore[override]
        raise SystemExit(3)


def test_an_error_that_minds_being_looked_at_is_shown_in_short(done):
    run = flow_of(done, CHAIN, how={"b": {"fails": Evil("declined")}}).start()
    run.take_notes()
    drive(run.go())
    assert texts(run, "b")[1] == "failed: Evil: declined"
    assert len(run.story.notes) == len(run.events)
    assert done == ["do a", "do b", "undo b", "undo a"]


def test_a_line_that_is_printed_while_a_story_is_taken_stands_at_its_end(done):
    run = flow_of(done).start()
    history = run.take_notes()
    play(run.step())
    history.lines.append((len(run.events) + 1, "printed on another thread, after one more event"))
    story = run.story
    assert [seq for seq, _ in story.lines] == [len(story)]
    assert from_json(to_json(story)) == story
    assert done == ["do a"]
