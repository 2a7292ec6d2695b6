"""Rows for a page: folded, they show what the cards and the inspector show at every moment."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import networkx as nx
import pytest
from helpers import Boom, Gate, flow_of, play, turns
from story_runs import CHAIN, Watcher, drive, failing, runs
from widget_page import Page, lab_of

from daga_nb import DagaAction, DagaFlow
from daga_nb.core.events import Event
from daga_nb.core.moves import Undo
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState
from daga_nb.core.tries import Tries
from daga_nb.debug.story import Note
from daga_nb.page.marks import FACTS, node_mark, planted_in
from daga_nb.page.tape import LONGEST_HISTORY, Tape, history_of
from daga_nb.widgets import workbench
from daga_nb.widgets.details import Sources, details


def told_of(run: Any) -> Any:
    """Give what gives the events of an action, with their notes."""
    story = run.story
    tape = Tape(story.plan, story.events, story.notes)
    return lambda node: [(story.events[place], story.notes[place]) for place in tape.of(node)]


def merged(changes: list[list[Any]], moment: float = float("inf")) -> dict[str, str]:
    """Merge what an inspector shows up to a moment, as a page does."""
    known: dict[str, Any] = {}
    for seq, change in changes:
        if seq <= moment:
            known |= change
    return {label: text for label, text in known.items() if text}


# ------------------------------------------------------------------------------------- cards


@pytest.mark.parametrize("what", runs())
def test_the_last_row_of_an_action_is_what_its_card_shows(what):
    run = runs()[what]
    story = run.story
    tape = Tape(story.plan, story.events, story.notes)
    planted = planted_in(run)
    tries = Tries(run.events)
    for node in range(len(run.plan)):
        rows = [tape.rows[place] for place in tape.of(node)]
        state, time, _, failed, _ = node_mark(run, node, planted, tries.of(run.plan.names[node]))
        assert (rows[-1][1:4] if rows else [0, "", 0]) == [state, time, failed]


def test_what_is_kept_still_says_how_long_it_took():
    tape = Tape(Plan.compile(_graph("ab"), str))
    tape.add(Event(1, 0.1, "a", NodeState.RUNNING), Note("[7]"))
    tape.add(Event(2, 0.2, "a", NodeState.SUCCEEDED), Note("1", 0.25))
    assert tape.add(Event(3, 0.3, "a", NodeState.KEPT), Note())[2] == "0.25 s"
    assert tape.add(Event(4, 0.3, "b", NodeState.ABANDONED), Note())[2] == ""


def _graph(names: str) -> Any:
    graph: nx.DiGraph[Any] = nx.DiGraph()
    graph.add_nodes_from(names)
    return graph


# --------------------------------------------------------------------------------- the inspector


@pytest.mark.parametrize("what", runs())
def test_the_inspector_of_the_end_shows_what_it_shows_of_the_present(what):
    run = runs()[what]
    told = told_of(run)
    sources = Sources(run.flow)
    for node in range(len(run.plan)):
        now = details(run, node, sources, told)
        shown = dict(now["rows"]) | dict(now["errors"])
        assert [label for label, _ in now["rows"]] == [label for label in FACTS if label in shown]
        if run.node_states[node] is NodeState.PENDING:
            assert not shown.keys() - {"inputs", "waits for", "rollback"}
            shown.pop("inputs", None)
        assert merged(now["history"]) == shown
        assert now["history"] == history_of(run.plan, run.story.undo, node, told)


SHOWN: dict[str, dict[str, dict[str, str]]] = {
    "not begun": {
        "a": {},
        "b": {"waits for": "a"},
    },
    "in the middle": {
        "a": {"attempt": "1", "inputs": "['the input']", "result": "'a'", "took": "<1 ms"},
        "b": {},
        "c": {"waits for": "b"},
    },
    "tried again, then rolled back": {
        "b": {
            "attempt": "3",
            "inputs": "['a']",
            "result": "'b'",
            "took": "<1 ms",
            "rolled back in": "<1 ms",
            "rollback result": "'undone b'",
        }
    },
    "skipped": {"b": {"attempt": "1", "inputs": "['a']", "result": "'by hand'"}},
    "kept": {
        "a": {
            "attempt": "1",
            "inputs": "['the input']",
            "result": "'a'",
            "took": "<1 ms",
            "rollback": "none: its effect stays",
        }
    },
    "abandoned": {"d": {"waited for": "b"}},
    "abandoned at once": {"a": {}, "b": {"waited for": "a"}},
    "abandoned half way": {"b": {}, "c": {"waited for": "b"}},
    "forked": {"a": {"result": "'a'", "rollback": "another run did it, and is the one to undo it"}},
    "rollback tried again": {
        "a": {
            "attempt": "1",
            "inputs": "['the input']",
            "result": "'a'",
            "took": "<1 ms",
            "rolled back in": "<1 ms",
            "rollback result": "'undone a'",
        }
    },
}


@pytest.mark.parametrize("what", SHOWN)
def test_the_inspector_says_of_an_action_what_became_of_it(what):
    run = runs()[what]
    told = told_of(run)
    for name, shown in SHOWN[what].items():
        found = merged(history_of(run.plan, run.story.undo, run.plan.ids[name], told))
        assert {label: "<1 ms" if text.endswith("ms") else text for label, text in found.items()} == shown


def test_failures_are_shown_with_where_they_were_raised():
    run = runs()["rollback failed"]
    found = merged(history_of(run.plan, run.story.undo, 0, told_of(run)))
    assert found["rollback failed"].startswith("Boom: planted")
    assert "rolled back in" not in found
    assert found["rollback took"]


def test_what_is_not_known_says_so():
    async def main() -> Any:
        gate = Gate()
        release = asyncio.get_running_loop().create_future()

        async def stubborn(results):
            gate.reached.set()
            while not release.done():
                try:
                    await asyncio.shield(release)
                except asyncio.CancelledError:
                    continue

        run = DagaFlow([(stubborn, abs)], rollback_timeout=0.01).start()
        run.take_notes()
        going = asyncio.create_task(run.go())
        await gate.reached.wait()
        going.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going
        release.set_result(None)
        await turns()
        return run

    run = play(main())
    assert [str(state) for state in run.states.values()] == ["UNKNOWN", "ABANDONED"]
    found = details(run, 0, Sources(run.flow), told_of(run))
    assert dict(found["errors"])["failed"].startswith("ActionInterrupted: 'stubborn'")
    assert merged(found["history"]) == dict(found["rows"]) | dict(found["errors"])
    assert details(run, 1, Sources(run.flow), told_of(run))["rows"] == [
        ["waited for", "stubborn"],
        ["rollback", "none: its effect stays"],
    ]


def test_each_moment_is_shown_as_it_was_then(done):
    run = flow_of(done).start(faults=[failing("d")])
    run.take_notes()
    drive(run.go())
    told = told_of(run)
    changes = history_of(run.plan, run.story.undo, 3, told)
    seen = [merged(changes, moment).get("waits for") for moment in range(10)]
    assert seen == ["b, c", "b, c", "b, c", "b, c", "b, c", "b, c", "c", None, None, None]
    assert [str(event) for event in run.events[5:8]] == ["b SUCCEEDED", "c SUCCEEDED", "d RUNNING"]
    assert merged(changes, 8) == {"attempt": "1", "inputs": "['b', 'c']"}


def test_many_predecessors_are_named_in_short(done):
    names = [f"a{number}" for number in range(400)]
    run = flow_of(done, [(name, "z") for name in names], how={"a399": {"fails": Boom("no")}}).start()
    drive(run.go())
    changes = history_of(run.plan, run.story.undo, 400, told_of(run))
    assert len(changes) <= LONGEST_HISTORY
    assert merged(changes) == {"waited for": "a399"}
    assert merged(changes, 0)["waits for"]
    assert len(json.dumps(changes)) < 60_000
    run = flow_of(done, [(name, "z") for name in names]).start()
    (_, start) = history_of(run.plan, run.story.undo, 400, told_of(run))[0]
    assert start == {"waits for": "a0, a1, a2, a3, a4, a5, a6, a7 …"}


def test_a_thousand_attempts_stay_short():
    left = list(range(1000))

    async def pay(results):
        if left:
            raise Boom(str(left.pop(0)))
        return "paid"

    run = DagaFlow([(DagaAction(pay, no_effect=True), abs)]).start(on_failure="pause")
    run.take_notes()

    async def main() -> None:
        await run.step()
        while run.undecided:
            await run.retry()

    play(main())
    told = told_of(run)
    assert len(told(0)) == 2002
    changes = history_of(run.plan, run.story.undo, 0, told)
    assert len(changes) <= LONGEST_HISTORY
    shown = merged(changes)
    assert shown.pop("took")
    assert shown == {
        "attempt": "1001",
        "inputs": "[None]",
        "result": "'paid'",
        "rollback": "no effect: nothing to undo",
    }
    assert merged(changes, 1999)["failed"].startswith("Boom: 998")
    found = details(run, 0, Sources(run.flow), told)
    assert len(found["events"]) == 20
    assert len(json.dumps(found)) < 120_000


def test_while_an_action_is_called_once_more_nothing_is_said_of_how_it_ended_before(done):
    async def main() -> None:
        gate = Gate()
        run = flow_of(done, CHAIN, how={"b": {"before": gate.wait}}).start(
            faults=[failing("b")], on_failure="pause"
        )
        run.take_notes()
        watcher = Watcher(run)
        await run.go()
        run.clear_faults("b")
        trying = asyncio.create_task(run.retry())
        await gate.reached.wait()
        found = details(run, 1, Sources(run.flow), told_of(run))
        assert found["rows"] == [["attempt", "2"], ["inputs", "['a']"]]
        assert found["errors"] == []
        gate.open()
        await trying
        watcher.check()

    play(main())


def test_an_action_that_was_tried_again_says_how_often_also_after_its_rollback():
    run = runs()["tried again, then rolled back"]
    found = details(run, 1, Sources(run.flow), told_of(run))
    assert dict(found["rows"])["attempt"] == "3"
    assert found["events"][-1][1] == "rolled back"


def test_a_reason_is_cut_and_has_no_half_characters():
    plan = Plan.compile(_graph("a"), str)
    event = Event(1, 0.1, "a", NodeState.FAILED, 1, "\ud83d" * 9000)
    changes = history_of(plan, [Undo.CALL], 0, lambda node: [(event, Note())])
    assert set(changes[1][1]["failed"]) == {"\ufffd"}
    assert len(changes[1][1]["failed"]) <= 4000


# ------------------------------------------------------------------------- what a lab sends of it


def rows_sent(page: Page) -> list[Any]:
    """Give the rows that the page has, as it puts them together."""
    rows: list[Any] = []
    for message in page.sent:
        if message["t"] == "now":
            rows = list(message.get("events", ()))
        elif message["t"] == "change":
            rows += message.get("events", ())
    return rows


def test_the_rows_that_a_page_was_sent_are_those_of_the_story(done):
    async def main() -> None:
        page = lab_of(done, faults=[failing("d")])
        await page.open()

        def check() -> None:
            story = page.widget.run.story
            tape = Tape(story.plan, story.events, story.notes)
            assert rows_sent(page) == tape.rows
            for node in range(4):
                last = [tape.rows[place][1:4] for place in tape.of(node)][-1:] or [[0, "", 0]]
                state, time, _, failed, _ = page.nodes[node]
                assert last == [[state, time, failed]]

        for command in ("step", "action", "run", "reset", "step", "rollback", "reset", "run"):
            await page.click(cmd=command)
            check()
        await page.open()
        check()
        await page.click(cmd="rerun", to=2)
        check()
        await page.click(cmd="step")
        check()

    play(main())


def test_a_saved_notebook_carries_no_endless_story(done, monkeypatch):
    monkeypatch.setattr(workbench, "LONGEST_KEPT_STORY", 5)

    async def main() -> None:
        page = lab_of(done)
        await page.open()
        await page.click(cmd="step")
        page.widget._feed.rest()
        assert len(page.widget._now["events"]) == 3
        await page.click(cmd="run")
        page.widget._feed.rest()
        assert page.widget._now["events"] == []
        assert page.widget._now["log"]
        await page.open()
        assert len(rows_sent(page)) == len(page.widget.run.events)

    play(main())
