"""The lab and its journal: what is written down, the open run that is found, and what becomes of it."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from typing import Any

import pytest
from helpers import play, turns
from scene import CHAIN, Scene
from widget_page import Page

from daga_nb import Scenario, lab, list_runs
from daga_nb.core.states import RunState
from daga_nb.errors import JournalBusy, JournalError, StepError
from daga_nb.journal import file


@pytest.fixture
def path(tmp_path):
    yield tmp_path / "runs.db"
    for journal in list(file._open.values()):  # a test may have left a run open
        journal.holders.clear()
        file.close_idle(journal)


def page_of(scene: Scene, path: Any, **options: Any) -> Page:
    return Page(lab(scene.flow, 7, journal=path, speed=1.0, **options))


async def cut_off(path: Any, where: str, *, turned: bool = False, **options: Any) -> str:
    """Begin a run that is cut off while `where` runs, as if its process had ended; give its id."""
    scene = Scene(**options)
    scene.gate(where)
    run = scene.flow.start(7, journal=path)
    driven = asyncio.ensure_future(run.go())
    await turns()
    asked = asyncio.ensure_future(run.rollback()) if turned else None
    await turns()
    run._driver.keeping.log.give_up()  # a dead process writes nothing more
    journal = file._open.pop(path.resolve())
    journal.close()
    driven.cancel()
    scene.gates[where].open()
    await asyncio.gather(driven, *[asked] if asked else [], return_exceptions=True)
    return run.id


# ------------------------------------------------------------------ the switch


def test_what_is_run_in_a_lab_with_a_journal_is_written_down(path):
    async def main() -> None:
        scene = Scene()
        page = page_of(scene, path)
        await page.open()
        assert page.facts["journal"] == {
            "on": True,
            "free": True,
            "file": "runs.db",
            "id": page.widget.run.id,
        }
        await page.click(cmd="run")
        await page.click(cmd="reset")
        await page.click(cmd="run")
        await page.click(cmd="rerun", to=3)
        await page.click(cmd="run")
        kept = list_runs(path)
        assert [run.run_id for run in kept] == [run.id for run in page.widget.runs][::-1]
        assert [run.condition for run in kept] == ["finished"] * 3
        fork = scene.flow.resume(path, page.widget.run.id)
        assert dict(fork.results) == {"a": "a", "b": "b", "c": "c", "d": "d"}
        assert [event.reason for event in fork.events[:2]] == [f"inherited from run {kept[1].run_id}"] * 2

    play(main())


def test_a_replayed_scenario_is_written_down(path):
    async def main() -> None:
        page = page_of(Scene(), path)
        page.widget.replay(Scenario("once", 8))
        await page.rest()
        (kept,) = list_runs(path)
        assert (kept.run_id, kept.condition) == (page.widget.run.id, "finished")

    play(main())


def test_the_switch_is_for_the_run_that_has_run_nothing_and_the_next_ones(path, monkeypatch):
    monkeypatch.chdir(path.parent)

    async def main() -> None:
        page = Page(lab(Scene().flow, 7, speed=1.0))
        await page.open()
        assert page.facts["journal"] == {"on": False, "free": True, "file": "runs.db", "id": ""}
        assert not path.exists(), "without a journal nothing is paid"
        await page.click(cmd="journal", to=True)
        assert page.python == ["bench.journal = 'runs.db'"]
        assert page.facts["journal"]["id"] == page.widget.run.id
        assert (page.facts["run"], len(page.widget.runs)) == (1, 1)
        await page.click(cmd="step")
        await page.click(cmd="journal", to=False)
        assert page.python[-1] == "bench.journal = None"
        assert page.widget.run.journal == path, "what has begun is written down to its end"
        await page.click(cmd="run")
        await page.click(cmd="reset")
        await page.click(cmd="run")
        assert [run.condition for run in list_runs(path)] == ["finished"]

    play(main())


def test_a_file_that_is_no_journal_is_refused_and_nothing_changes(tmp_path):
    (tmp_path / "notes.txt").write_text("these are no runs" * 99)

    async def main() -> None:
        page = Page(lab(Scene().flow, speed=1.0))
        with pytest.raises(JournalError, match="is no journal"):
            page.widget.journal = tmp_path / "notes.txt"
        with pytest.raises(JournalError, match="there is no folder"):
            page.widget.journal = tmp_path / "away" / "runs.db"
        assert (page.widget.journal, page.widget.run.journal) == (None, None)
        with pytest.raises(JournalError, match="is no journal"):
            lab(Scene().flow, journal=tmp_path / "notes.txt")

    play(main())


# ------------------------------------------------------------ the run that is found


def test_an_open_run_is_shown_as_it_stood_and_nothing_is_written(path):
    async def main() -> None:
        lost = await cut_off(path, "b", how={"b": {"idempotent": True}})
        before = [(run.run_id, run.events) for run in list_runs(path)]
        page = page_of(Scene(how={"b": {"idempotent": True}}), path)
        await page.open()
        assert page.states() == ["succeeded", "unknown", "pending", "pending"]
        assert page.facts["journal"]["id"] == lost
        assert page.facts["notice"]["words"].startswith(f"Run {lost}, begun at ")
        assert page.facts["notice"]["words"].endswith("while b ran: nobody knows whether it happened")
        assert page.facts["notice"]["then"] == "Resume: b once more, as the process ended before it did"
        assert {"run", "step", "resume", "rollback", "leave"} <= set(page.facts["can"])
        assert page.facts["next"] == "next: b once more, as the process ended before it did"
        assert "failed" not in page.facts, "there is nothing to decide"
        assert "older" not in page.facts["can"]
        assert page.words()[:3] == ["run running", "a running", "a succeeded → 'a'"]
        assert [(run.run_id, run.events) for run in list_runs(path)] == before

    play(main())


def test_resume_goes_on_with_it_and_calls_again_what_may_be(path):
    async def main() -> None:
        await cut_off(path, "b", how={"b": {"idempotent": True}})
        scene = Scene(how={"b": {"idempotent": True}})
        page = page_of(scene, path)
        await page.open()
        await page.click(cmd="resume")
        assert scene.done == ["b", "c", "d"]
        assert page.states() == ["succeeded"] * 4
        assert page.facts["notice"] is None
        assert page.python == ["bench.resume()"]
        assert [run.condition for run in list_runs(path)] == ["finished"]

    play(main())


def test_who_had_asked_for_a_rollback_is_offered_nothing_else(path):
    async def main() -> None:
        await cut_off(path, "c", turned=True)
        scene = Scene()
        page = page_of(scene, path)
        await page.open()
        assert page.facts["notice"]["then"] == "Resume: the rollback, as was asked for"
        assert page.facts["next"] == "next: the rollback, as was asked for"
        assert {"resume", "run", "step", "rollback", "leave"} <= set(page.facts["can"])
        assert not {"retry", "skip", "fix", "action"} & set(page.facts["can"])
        await page.click(cmd="step")
        assert scene.done == ["undo c"]
        await page.click(cmd="run")
        assert scene.done == ["undo c", "undo b", "undo a"]
        assert page.widget.run.state is RunState.ROLLED_BACK

    play(main())


def test_resume_rolls_back_what_may_not_be_called_again(path):
    async def main() -> None:
        await cut_off(path, "c")
        scene = Scene()
        page = page_of(scene, path)
        await page.open()
        assert page.facts["notice"]["then"].startswith("Resume: the rollback (")
        going = "going on rolls back, or retry, or skip with a value"
        assert page.facts["next"] == f"nobody knows whether c happened; {going}"
        await page.click(cmd="resume")
        assert scene.done == ["undo c", "undo b", "undo a"]
        assert page.widget.run.state is RunState.ROLLED_BACK

    play(main())


def test_a_step_calls_again_what_was_lost_and_nothing_else(path):
    async def main() -> None:
        await cut_off(path, "b", how={"b": {"idempotent": True}})
        scene = Scene(how={"b": {"idempotent": True}})
        page = page_of(scene, path)
        await page.click(cmd="step")
        assert scene.take() == ["b"]
        await page.click(cmd="step")
        assert scene.take() == ["c"]

    play(main())


def test_roll_back_undoes_also_what_could_be_called_again(path):
    async def main() -> None:
        await cut_off(path, "c", how={"c": {"idempotent": True}})
        scene = Scene(how={"c": {"idempotent": True}})
        page = page_of(scene, path)
        await page.open()
        await page.click(cmd="rollback")
        assert scene.done == ["undo c", "undo b", "undo a"]
        assert page.facts["notice"] is None

    play(main())


def test_a_rollback_that_was_cut_off_goes_on(path):
    async def main() -> None:
        await cut_off(path, "undo b", fails={"c": 1})
        scene = Scene()
        page = page_of(scene, path)
        await page.open()
        assert page.states() == ["succeeded", "rollback failed", "rolled back", "abandoned"]
        assert "while the rollback of b ran: nobody knows" in page.facts["notice"]["words"]
        assert "rollback" not in page.facts["can"]
        await page.click(cmd="resume")
        assert scene.done == ["undo b", "undo a"]
        assert page.widget.run.state is RunState.ROLLED_BACK

    play(main())


def test_left_alone_it_stays_in_the_journal(path):
    async def main() -> None:
        lost = await cut_off(path, "b")
        scene = Scene()
        page = page_of(scene, path)
        await page.open()
        await page.click(cmd="leave")
        assert page.states() == ["pending"] * 4
        assert page.facts["notice"] is None
        assert (page.facts["run"], page.widget.run.id == lost) == (1, False)
        await page.click(cmd="run")
        assert [(run.run_id, run.condition) for run in list_runs(path)] == [
            (page.widget.run.id, "finished"),
            (lost, "open"),
        ]
        page.widget.resume(lost)
        await page.rest()
        assert scene.done == ["a", "b", "c", "d", "undo b", "undo a"]
        with pytest.raises(StepError, match="there is no open run here"):
            page.widget.resume()

    play(main())


def test_of_several_the_newest_is_shown_first_and_then_the_older_ones(path):
    async def main() -> None:
        first = await cut_off(path, "b")
        second = await cut_off(path, "c")
        page = page_of(Scene(), path)
        await page.open()
        assert (page.widget.run.id, page.facts["notice"]["more"]) == (second, 1)
        await page.click(cmd="older")
        assert page.widget.run.id == first
        assert page.states() == ["succeeded", "unknown", "pending", "pending"]
        await page.click(cmd="older")
        assert page.widget.run.id == second

    play(main())


def test_of_a_changed_flow_it_is_said_what_differs(path):
    async def main() -> None:
        lost = await cut_off(path, "b")
        scene = Scene([*CHAIN, ("d", "e")])
        page = page_of(scene, path)
        await page.open()
        words = page.facts["notice"]["words"]
        assert "'e' is new" in words
        assert "Resume it with the flow that it was begun with" in words
        assert {"leave"} == {"leave", "resume", "older"} & set(page.facts["can"])
        assert page.states() == ["pending"] * 5
        await page.click(cmd="run")
        assert page.facts["notice"] is None
        assert [run.run_id for run in list_runs(path).open] == [lost]

    play(main())


def test_a_run_that_another_lab_here_has_is_taken_only_when_that_is_asked(path):
    async def main() -> None:
        scene = Scene()
        first = page_of(scene, path)
        await first.open()
        await first.click(cmd="step")
        second = page_of(scene, path)
        await second.open()
        assert "another lab of this notebook" in second.facts["notice"]["words"]
        assert second.widget.run.id != first.widget.run.id
        await first.click(cmd="step")
        await second.click(cmd="resume")
        assert second.widget.run.id == first.widget.run.id
        assert scene.done == ["a", "b", "c", "d"]
        await first.click(cmd="step")
        assert "was resumed since, and goes on there" in " ".join(first.words())
        assert scene.done == ["a", "b", "c", "d"]

    play(main())


def test_the_cell_run_again_finds_it_again_if_nothing_was_done_with_it(path):
    async def main() -> None:
        lost = await cut_off(path, "b")
        scene = Scene()
        labs = [page_of(scene, path) for _ in range(3)]
        await labs[-1].open()
        assert labs[-1].widget.run.id == lost
        await labs[-1].click(cmd="resume")
        assert scene.done == ["undo b", "undo a"]

    play(main())


def test_the_run_of_another_flow_is_none_of_this_one(path):
    async def main() -> None:
        await cut_off(path, "b")
        page = page_of(Scene(name="other"), path)
        await page.open()
        assert (page.facts["notice"], page.states()) == (None, ["pending"] * 4)

    play(main())


def test_where_failures_pause_it_is_decided_and_the_words_are_right(path):
    async def main() -> None:
        await cut_off(path, "b")
        scene = Scene()
        page = page_of(scene, path, on_failure="pause")
        await page.open()
        paused = "paused: nobody knows whether b happened; retry, skip with a value, or roll back"
        assert page.facts["next"] == page.facts["notice"]["then"] == paused
        assert page.facts["failed"] == page.facts["unknown"] == [1]
        assert {"retry", "skip", "rollback"} <= set(page.facts["can"])
        assert "resume" not in page.facts["can"]
        await page.click(cmd="skip", node=1, to="'as if'")
        await page.click(cmd="run")
        assert scene.done == ["c", "d"]
        assert page.widget.run.results["b"] == "as if"

    play(main())


def test_in_a_quiz_the_first_step_back_of_a_found_run_is_predicted(path):
    async def main() -> None:
        await cut_off(path, "b")
        scene = Scene()
        page = page_of(scene, path, quiz=True)
        await page.open()
        await page.click(cmd="resume")
        assert (scene.done, page.facts["quiz"]["asking"]) == ([], True)
        await page.click(cmd="predict", node=1)
        await page.click(cmd="step")
        assert (scene.done, page.facts["quiz"]["score"]) == (["undo b"], "1 of 1 right")

    play(main())


def test_the_inspector_tells_of_the_first_process(path):
    async def main() -> None:
        await cut_off(path, "d", how={"b": {"retries": 1}}, fails={"b": 1})
        page = page_of(Scene(how={"b": {"retries": 1}}), path)
        await page.open()
        await page.click(cmd="look", node=1)
        told = str(page.looks[-1])
        assert "Boom: b" in told, "what the first try raised"
        assert "'b'" in told, "and what the second gave"

    play(main())


def test_breakpoints_hold_a_found_run(path):
    async def main() -> None:
        await cut_off(path, "b", how={"b": {"idempotent": True}})
        scene = Scene(how={"b": {"idempotent": True}})
        page = page_of(scene, path)
        page.widget.break_at("d")
        page.widget.break_at("c")
        await page.click(cmd="resume")
        assert scene.take() == ["b"]
        await page.click(cmd="run")
        assert scene.take() == ["c"]
        await page.click(cmd="run")
        assert scene.take() == ["d"]

    play(main())


# -------------------------------------------------------- when it cannot be written


HOLD = """
import sys
from daga_nb.journal.file import opened
with opened(sys.argv[1], create=True):
    print("held", flush=True)
    input()
"""


def test_while_another_process_has_the_file_nothing_is_started(path):
    async def main() -> None:
        command = (sys.executable, "-c", HOLD, str(path))
        other = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        try:
            assert other.stdout is not None
            await other.stdout.readline()
            scene = Scene()
            page = page_of(scene, path)
            await page.open()
            assert "in use by another process" in page.facts["notice"]["words"]
            assert page.facts["can"] == ["find"]
            await page.click(cmd="run")
            with pytest.raises(JournalBusy, match="in use by another process"):
                page.widget.play()
            await page.click(cmd="find")
            assert "in use by another process" in page.words()[-1]
        finally:
            await other.communicate(b"\n")
        await page.click(cmd="find")
        assert (page.facts["notice"], scene.done) == (None, [])
        await page.click(cmd="run")
        assert scene.done == ["a", "b", "c", "d"]
        assert [run.condition for run in list_runs(path)] == ["finished"]

    play(main())


def test_a_lab_that_waits_for_its_file_runs_without_one_if_that_is_asked(path, monkeypatch):
    def busy(path: Any, create: bool) -> Any:
        raise JournalBusy("in use")

    async def main() -> None:
        with monkeypatch.context() as patch:
            patch.setattr("daga_nb.journal.run_log.opened", busy)
            page = page_of(Scene(), path)
        await page.open()
        await page.click(cmd="journal", to=False)
        await page.click(cmd="run")
        assert page.states() == ["succeeded"] * 4
        assert page.widget.run.journal is None

    play(main())


def test_a_full_disk_in_the_middle_stops_the_run_and_it_goes_on_when_that_is_mended(path, monkeypatch):
    async def main() -> None:
        scene = Scene()
        page = page_of(scene, path)
        await page.open()
        await page.click(cmd="step")

        def full(*_: Any) -> None:
            raise JournalError("the journal runs.db cannot be written: the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(file.Journal, "write", full)
            await page.click(cmd="run")
        assert scene.take() == ["a"]
        assert page.facts["notice"] == {
            "kind": "stop",
            "words": "Stopped: the journal runs.db cannot be written: the disk is full",
            "then": "Nothing more was started, and nothing undone. Mend that, then resume.",
            "more": 0,
        }
        assert page.facts["next"] == "the journal cannot be written: nothing is started"
        await page.click(cmd="resume")
        assert scene.take() == ["b", "c", "d"]
        assert page.facts["notice"] is None
        assert [run.condition for run in list_runs(path)] == ["finished"]

    play(main())


def test_an_end_that_could_not_be_written_is_written_by_resume(path, monkeypatch):
    async def main() -> None:
        scene = Scene([("a", "b")])
        scene.gate("b")
        page = page_of(scene, path)
        await page.open()
        page.ask(cmd="run")
        await turns()

        def full(*_: Any) -> None:
            raise JournalError("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(file.Journal, "write", full)
            scene.gates["b"].open()
            await page.rest()
        assert [run.condition for run in list_runs(path)] == ["open"]
        await page.click(cmd="resume")
        assert [run.condition for run in list_runs(path)] == ["finished"]
        assert scene.done == ["a", "b"]

    play(main())
