"""The log of a story: the same lines as a lab's, with what was printed at its place."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import Boom, action, flow_of, play
from story_runs import drive, failing, runs
from test_hostile import HOSTILE
from widget_page import Page, raising

from daga_nb import DagaAction, DagaFlow, canvas, lab
from daga_nb.debug.story_file import from_json, to_json
from daga_nb.page.words import lines_of
from daga_nb.widgets.log import Log


def replayed(run: Any) -> list[Any]:
    """Give the lines of a log that heard the events of a run one by one."""
    story = run.story
    log = Log()
    for event, note in zip(story.events, story.notes, strict=True):
        log.tell(story.plan, event, note)
    return list(log.lines)


@pytest.mark.parametrize("what", runs())
def test_the_log_of_a_story_is_that_of_who_listened(what):
    run = runs()[what]
    assert lines_of(run.story) == replayed(run)


def talking(name: str, *said: str, **options: Any) -> DagaAction[Any, Any]:
    """Make an action that prints, and whose rollback does."""

    async def do(results: Any) -> str:
        for text in said:
            print(text, end="")
        if options.get("fails"):
            raise options["fails"]
        return name

    async def undo(results: Any) -> str:
        print(f"undoing {name}")
        return f"undone {name}"

    made = DagaAction(do, name=name)
    made.on_rollback(undo)
    return made


def events_and_prints(page: Page) -> list[Any]:
    return [line for line in page.log if line[0] in ("node", "run", "print")]


def test_what_was_printed_stands_at_its_place():
    one, two, three = (
        talking("a", "x\ny\n"),
        talking("b", "half"),
        talking("c", "\n", "z", fails=Boom("no")),
    )

    async def main() -> None:
        page = Page(lab(DagaFlow([(one, two), (one, three)]), speed=1.0))
        await page.open()
        await page.click(cmd="run")
        story = page.widget.run.story
        assert lines_of(story) == events_and_prints(page)
        assert lines_of(from_json(to_json(story))) == events_and_prints(page)
        words = [" ".join(filter(None, line[4:6])) for line in lines_of(story)]
        assert words[:10] == [
            "run running",
            "a running",
            "x",
            "y",
            "a succeeded → 'a'",
            "b, c running",
            "half",
            "b succeeded → 'b'",
            "c failed Boom: no",
            "run rolling back c failed",
        ]
        assert words[10:] == [
            "b, c rolling back",
            "zundoing b",
            "undoing c",
            "b rolled back → 'undone b'",
            "c rolled back → 'undone c'",
            "a rolling back",
            "undoing a",
            "a rolled back → 'undone a'",
            "run rolled back",
        ]

    play(main())


def test_steps_and_notes_of_the_lab_are_no_part_of_the_story(done):
    async def main() -> None:
        page = Page(lab(flow_of(done), speed=1.0, faults=[failing("d")]))
        await page.open()
        await page.click(cmd="stop", node=3, to="forward")
        await page.click(cmd="step")
        await page.click(cmd="plant", node=1, where="rollback", to=raising("ValueError"))
        await page.click(cmd="run")
        await page.click(cmd="run")
        assert lines_of(page.widget.run.story) == events_and_prints(page)
        assert any(line[0] == "note" for line in page.log)

    play(main())


def test_a_line_says_after_how_many_events_it_stands(done):
    run = flow_of(done).start()
    drive(run.go())
    lines = lines_of(run.story)
    assert [line[6] for line in lines] == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    assert lines[3][4] == "b, c running"


def test_many_that_start_at_once_are_one_line(done):
    run = flow_of(done, nodes="abcdefghij").start()
    drive(run.go())
    assert lines_of(run.story)[1][4] == "a, b, c, d, e, f and 4 more running"


def test_lines_of_many_failures_are_short(done):
    names = [f"an action with a rather long name, number {number}" for number in range(400)]
    how = {name: {"fails": Boom("no")} for name in names}
    run = flow_of(done, [(name, "end") for name in names], how=how).start()
    drive(run.go())
    assert max(len(line[4]) + len(line[5]) for line in lines_of(run.story)) < 1300


# --------------------------------------------------------------------------- texts of others


def sendable(value: Any) -> bool:
    """Whether a message can go to the page: it is sent as UTF-8, and nothing stands for half a character."""
    if isinstance(value, str):
        value.encode()
        return len(value) < 20_000
    if isinstance(value, dict):
        return all(map(sendable, [*value, *value.values()]))
    return all(map(sendable, value)) if isinstance(value, list | tuple) else True


class Shown:
    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


@HOSTILE
def test_whatever_texts_there_are_every_message_can_be_sent_and_is_short(done, text):
    failed = action(done, text, fails=Boom(text), undo_fails=Boom(text))
    first = talking(text, text, "\n", text)
    flow = DagaFlow([(first, failed), (failed, action(done, text))], name=text)

    async def main() -> None:
        page = Page(lab(flow, Shown(text), speed=1.0, on_failure="pause"))
        page.python = []
        await page.open()
        for node in range(3):
            await page.click(cmd="look", node=node)
        for command in ("step", "run", "retry", "run"):
            await page.click(cmd=command)
        await page.click(cmd="stop", node=2, to="forward")
        await page.click(cmd="skip", node=1, to=repr(text)[:1990])
        await page.click(cmd="run")
        for where in ("before", "after", "rollback"):
            await page.click(cmd="plant", node=2, where=where, to=raising("ValueError"))
        await page.click(cmd="keep", to=text[:1000])
        await page.click(cmd="run")
        await page.click(cmd="rollback")
        await page.click(cmd="reset")
        await page.open()
        for message in page.sent:
            message.pop("python", None)  # a line of Python that does the same has to have the whole name
            assert sendable(message)
        assert done[0] == f"do {text}"

    play(main())


@HOSTILE
def test_so_can_what_a_canvas_says(done, text):
    async def main() -> None:
        run = DagaFlow([(action(done, text), action(done, text, fails=Boom(text)))], name=text).start()
        page = Page(canvas(run))
        await page.open()
        await run.go()
        await page.rest()
        page.widget._complain(Boom(text))
        assert all(map(sendable, page.sent))
        assert sendable(page.widget._now)

    play(main())


@pytest.mark.parametrize("often", [1, 2, 3])
def test_what_is_printed_between_any_two_events_stands_between_their_lines(done, often):
    run = flow_of(done, [("a", "b"), ("a", "c"), ("a", "d")]).start(faults=[failing("b")])
    heard: list[Any] = []
    log = Log(seq=lambda: len(heard))
    history = run.take_notes()

    def hear(event: Any) -> None:
        heard.append(event)
        log.tell(run.plan, event, history.notes[event.seq - 1])
        if event.seq % often == 0:
            history.wrote(f"after {event}")
            log.write(f"after {event}\n")

    run.subscribe(hear)
    drive(run.go())
    assert lines_of(run.story) == list(log.lines)
    assert sum(line[0] == "print" for line in log.lines) == len(run.events) // often
