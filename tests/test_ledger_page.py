"""The ledger on the page: its rows, folded as the page does, are what Python says at every moment."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from helpers import DIAMOND, flow_of
from story_runs import drive, failing
from test_effects import effectful
from widget_page import Page

from daga_nb import DagaAction, DagaFlow, lab
from daga_nb.core.ledger import Ledger
from daga_nb.debug.story import Story
from daga_nb.engine.calls import Context
from daga_nb.page.effects import LedgerTape, verdict_looks
from daga_nb.page.marks import head
from daga_nb.page.record import record_of
from daga_nb.page.report import html_of
from daga_nb.widgets import workbench

LOOKS = verdict_looks()


def table(rows: list[list[Any]], moment: float = float("inf")) -> list[list[Any]]:
    """Fold the rows up to a moment: for each effect what it is called, the counts, and the verdicts."""
    found: dict[int, list[Any]] = {}
    names: dict[int, list[str]] = {}
    for seq, number, world, done, undone, _, verdicts, by, *name in rows:
        if name:
            assert number == len(names), "names come once, at the first time"
            names[number] = name
        if seq <= moment:
            found[number] = [world, done, undone, [LOOKS[one]["word"] for one in verdicts], by]
    return [[*names[number][:2], *found[number]] for number in sorted(found)]


def expected(ledger: Ledger, story: Story) -> list[list[Any]]:
    ids = story.plan.ids
    return [
        [
            *(row.name, row.key, row.in_world, row.done, row.undone),
            [str(one) for one in row.flaws or (row.verdict,)],
            [ids[name] for name in row.by],
        ]
        for row in ledger.rows
    ]


def check(story: Story, rows: list[list[Any]]) -> None:
    assert [row[0] for row in rows] == sorted(row[0] for row in rows), "the page seeks by order"
    for position in range(len(story) + 1):
        assert table(rows, position) == expected(story.at(position).ledger, story), position


def flow(**rollbacks: str) -> DagaFlow[Any, Any]:
    acts = {
        name: effectful(name, plain=name == "c", rollback=rollbacks.get(name, "by key")) for name in "abcd"
    }
    return DagaFlow([(acts[one], acts[other]) for one, other in DIAMOND])


@pytest.mark.parametrize(
    ("rollbacks", "fault"),
    [({}, "d"), ({"d": "by result"}, "d"), ({"a": "never"}, "b"), ({"b": "never", "d": "never"}, "d")],
)
def test_at_every_moment_the_table_is_the_ledger(rollbacks, fault):
    run = flow(**rollbacks).start(faults=[failing(fault, "after")])
    drive(run.go())
    story = run.story
    check(story, record_of(story)["effects"])


def test_a_rollback_that_is_tried_again_finds_what_was_left_behind_in_the_world():
    run = flow().start(faults=[failing("d", "after"), failing("a", "rollback")])
    drive(run.go())
    assert [row.name for row in run.ledger.left] == ["a"]
    run.clear_faults("a")
    drive(run.retry())
    assert run.state.word == "rolled back"
    story = run.story
    check(story, record_of(story)["effects"])
    assert story.ledger.clean


def test_the_rows_are_the_same_in_however_many_parts_they_come():
    run = flow(d="by result").start(faults=[failing("d", "after")])
    tape = LedgerTape(run.plan)
    parts = []

    async def main() -> None:
        while not run.state.ended:
            await run.step_action()
            parts.append(tape.catch_up(run.effects, run.events))

    asyncio.run(main())
    whole = LedgerTape(run.plan).catch_up(run.effects, run.events)
    assert [row for part in parts for row in part] == tape.rows == whole
    assert max(map(len, parts)) < len(whole)
    assert tape.catch_up(run.effects, run.events) == []


def test_what_is_said_when_the_run_is_over_is_true():
    run = flow(d="by result").start(faults=[failing("d", "after")])
    drive(run.go())
    assert head(run)["next"] == "rolled back, and yet: 1 effect left behind"
    assert record_of(run.story)["head"]["next"] == "rolled back, and yet: 1 effect left behind"
    clean = flow().start(faults=[failing("d", "after")])
    drive(clean.go())
    assert head(clean)["next"] == "rolled back: nothing is left"


# ------------------------------------------------------------------------------------ the lab


def effects_in(page: Page) -> list[list[Any]]:
    """Give the rows that a page has by now: of the last snapshot, and of the changes after it."""
    rows: list[list[Any]] = []
    for message in page.sent:
        if message["t"] == "now":
            rows = []
        rows += message.get("effects", ())
    return rows


def test_the_lab_tells_each_row_once_and_a_view_that_opens_gets_them_all():
    async def main() -> None:
        page = Page(lab(flow(d="by result"), faults=[failing("d", "after")], speed=1.0))
        await page.open()
        await page.click(cmd="step")
        await page.click(cmd="run")
        rows = effects_in(page)
        story = page.widget.run.story
        check(story, rows)
        sent = [
            row for message in page.sent if message["t"] == "change" for row in message.get("effects", ())
        ]
        assert sent == rows
        await page.open()
        assert page.sent[-1]["effects"] == rows
        await page.click(cmd="reset")
        assert effects_in(page) == []
        await page.click(cmd="step")
        assert table(effects_in(page)) == [["a", "17", 1, 1, 0, ["in the world"], [0]]]

    asyncio.run(main())


def test_what_a_long_action_does_is_seen_while_it_runs():
    async def main() -> None:
        written, go_on = asyncio.Event(), asyncio.Event()

        async def write(results: list[Any], context: Context) -> None:
            context.effect("file", "first")
            written.set()
            await go_on.wait()

        page = Page(lab(DagaFlow([(write, print)]), speed=1.0))
        await page.open()
        page.ask(cmd="step")
        await written.wait()
        page.widget._feed.flush()
        assert table(effects_in(page)) == [["file", "first", 1, 1, 0, ["in the world"], [0]]]
        go_on.set()
        await page.rest()

    asyncio.run(main())


def test_thousands_of_effects_come_in_few_messages_and_few_bytes():
    def write(results: list[Any], context: Context) -> None:
        for number in range(5000):
            context.effect("file", number)

    async def main() -> None:
        page = Page(lab(DagaFlow([(write, print)]), speed=1.0))
        await page.open()
        await page.click(cmd="step")
        told = [message for message in page.sent if message.get("effects")]
        assert sum(len(message["effects"]) for message in told) == 5000
        assert sum(len(json.dumps(message["effects"], separators=(",", ":"))) for message in told) < 300_000

    asyncio.run(main())


def test_a_saved_notebook_does_not_carry_a_very_long_ledger(monkeypatch):
    monkeypatch.setattr(workbench, "LONGEST_KEPT_STORY", 12)

    async def main() -> None:
        def write(results: list[Any], context: Context) -> None:
            for number in range(13):
                context.effect("file", number)

        page = Page(lab(DagaFlow([(write, print)]), speed=1.0))
        await page.open()
        await page.click(cmd="step")
        page.widget._feed.rest()
        now = json.loads(json.dumps(page.widget._now))
        assert (len(now["events"]), now["effects"]) == (3, [])

    asyncio.run(main())


def test_a_lab_that_observes_says_what_the_world_is_like_and_so_do_its_next_runs():
    things: list[str] = []

    def make(results: list[Any]) -> None:
        things.append("<b>thing</b>")

    async def main() -> None:
        page = Page(lab(DagaFlow([(make, print)]), observe=lambda: things, speed=1.0))
        await page.open()
        assert "world" not in page.facts
        await page.click(cmd="step")
        assert page.facts["world"]["words"].endswith("which has not ended yet")
        await page.click(cmd="rollback")
        assert page.facts["world"] == {
            "words": "the world is not as it was before, although the run was rolled back:",
            "changes": ["added '<b>thing</b>'"],
            "flaw": True,
        }
        await page.click(cmd="reset")
        await page.click(cmd="run")
        assert page.facts["world"]["flaw"] is False
        assert page.facts["world"]["words"] == "the run has changed the world:"
        assert page.widget.runs[1].world.before == ["<b>thing</b>"]

    asyncio.run(main())


# ----------------------------------------------------------------------------- text of others


def test_texts_of_others_are_data_on_the_page():
    nasty = "</script><b>\u2028\n"

    def write(results: list[Any], context: Context) -> None:
        context.effect(nasty, nasty, **{nasty: nasty})

    run = DagaFlow([(DagaAction[Any, Any](write), print)]).start()
    drive(run.step())
    page = html_of(run.story)
    assert "</script><b>" not in page.replace("</script>\n", "")
    assert "\u2028" not in page
    ((*_, name, key, details),) = record_of(run.story)["effects"]
    assert {"\n", "\u2028"}.isdisjoint(name + key + details)


def test_a_flow_that_tells_of_no_effects_has_an_empty_ledger(done):
    run = flow_of(done).start(faults=[failing("d")])
    drive(run.go())
    assert record_of(run.story)["effects"] == []
    assert run.ledger.clean
    assert head(run)["next"] == "rolled back: nothing is left"
