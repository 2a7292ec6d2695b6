"""What is decided: breakpoints, retries, values by hand, runs from here, scenarios, redefinition."""

from __future__ import annotations

import ast
import os
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
from helpers import Boom, Gate, flow_of, play, turns
from story_runs import CHAIN
from test_redefined import Notebook
from widget_page import Page, failing, lab_of, raising

from daga_nb import DagaAction, DagaFlow, Fault, Scenario, lab
from daga_nb.core.states import NodeState, RunState
from daga_nb.errors import ForkError, RunBusy, StepError
from daga_nb.widgets import postmortem

LAST = ("last_type", "last_value", "last_traceback", "last_exc")


@pytest.fixture(autouse=True)
def _remembers_nothing(monkeypatch: Any) -> Iterator[None]:
    """Keep what a lab remembers for a debugger from the other tests."""
    monkeypatch.setattr(postmortem, "_last", None)
    monkeypatch.setattr(postmortem, "_trimmed", None)
    before = {name: vars(sys).pop(name) for name in LAST if hasattr(sys, name)}
    yield
    for name in LAST:
        vars(sys).pop(name, None)
    vars(sys).update(before)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)


def pausing(
    done: list[str], edges: Any = CHAIN, *, faults: Any = (), input: Any = None, **options: Any
) -> Page:
    return Page(lab(flow_of(done, edges, **options), input, faults=faults, on_failure="pause", speed=1.0))


def errors(page: Page) -> list[str]:
    return [line[4] for line in page.log if line[0] == "error"]


def notes(page: Page) -> list[str]:
    return [" ".join(filter(None, line[4:6])) for line in page.log if line[0] == "note"]


def check_python(page: Page, bench: str = "bench") -> None:
    """Make sure that each line that is shown is Python, about the lab."""
    for line in page.python:
        compile(line, "a cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        assert line.removeprefix("await ").startswith(f"{bench}.")


# ------------------------------------------------------------------------------- breakpoints


def test_a_run_stops_at_a_breakpoint_and_goes_on(done):
    async def main() -> None:
        page = lab_of(done, CHAIN)
        await page.open()
        await page.click(cmd="stop", node=1, to="forward")
        assert [mark[4] for mark in page.nodes] == [0, 1, 0]
        await page.click(cmd="run")
        assert done == ["do a"]
        assert [mark[4] for mark in page.nodes] == [0, 5, 0]
        assert page.facts["next"] == "stopped before b · next: batch 2, 1 action: b"
        assert page.facts["held"] is True
        await page.click(cmd="run")
        assert done == ["do a", "do b", "do c"]
        assert [mark[4] for mark in page.nodes] == [0, 1, 0]
        await page.click(cmd="stop", node=1, to="forward")
        assert [mark[4] for mark in page.nodes] == [0, 0, 0]
        assert page.python == [
            "bench.run.break_at('b')",
            "bench.play()",
            "bench.play()",
            "bench.run.clear_breaks('b', 'forward')",
        ]
        check_python(page)

    play(main())


def test_it_stops_before_a_rollback_too(done):
    async def main() -> None:
        page = lab_of(done, CHAIN, faults=[failing("c")])
        await page.open()
        await page.click(cmd="stop", node=1, to="rollback")
        await page.click(cmd="run")
        assert done == ["do a", "do b", "undo c"]
        assert [mark[4] for mark in page.nodes] == [0, 10, 0]
        assert page.facts["next"].startswith("stopped before the rollback of b · next: rolling back batch 2")
        await page.click(cmd="run")
        assert done == ["do a", "do b", "undo c", "undo b", "undo a"]
        assert page.python[0] == "bench.run.break_at('b', 'rollback')"
        assert notes(page) == ["breakpoint before the rollback of b"]

    play(main())


def test_the_key_moves_it_on_before_its_rollback_none(done):
    async def main() -> None:
        page = lab_of(done, CHAIN, how={"b": {"undo": False}})
        await page.open()
        seen = []
        for node in (0, 0, 0, 1, 1, 1):
            await page.click(cmd="stops", node=node)
            seen.append(page.nodes[node][4])
        assert seen == [1, 2, 0, 1, 0, 1]
        await page.click(cmd="stop", node=0, to="forward")
        await page.click(cmd="stop", node=0, to="rollback")
        assert page.nodes[0][4] == 3
        await page.click(cmd="stops", node=0)
        assert page.nodes[0][4] == 0
        check_python(page)

    play(main())


def test_a_breakpoint_before_a_rollback_that_is_not_there_is_refused_in_the_log(done):
    async def main() -> None:
        page = lab_of(done, CHAIN, how={"b": {"undo": False}})
        await page.open()
        await page.click(cmd="stop", node=1, to="rollback")
        assert errors(page) == ["StepError: 'b' has no rollback to stop before"]
        assert page.python == []
        assert page.nodes[1][4] == 0
        with pytest.raises(StepError, match="has no rollback"):
            page.widget.break_at("b", "rollback")
        await page.click(cmd="look", node=1)
        assert page.looks[-1]["stops"] == []

    play(main())


def test_in_python_too_and_the_inspector_shows_them(done):
    async def main() -> None:
        page = lab_of(done, CHAIN)
        await page.open()
        await page.click(cmd="look", node=1)
        page.widget.break_at("b")
        page.widget.break_at("b", "rollback")
        await page.rest()
        assert page.looks[-1]["stops"] == ["forward", "rollback"]
        page.widget.clear_break("b")
        await page.rest()
        assert page.looks[-1]["stops"] == ["rollback"]

    play(main())


# ---------------------------------------------------------- what becomes of what has failed


def test_a_failure_pauses_the_run_and_it_is_tried_again(done):
    async def main() -> None:
        page = pausing(done, faults=[failing("b")])
        await page.open()
        assert page.facts["on_failure"] == "pause"
        await page.click(cmd="run")
        assert page.states() == ["succeeded", "failed", "pending"]
        assert page.facts["failed"] == [1]
        assert set(page.facts["can"]) == {"retry", "skip", "fix", "rollback", "reset", "rerun"}
        assert page.facts["next"] == "paused: b failed; retry, skip with a value, or roll back"
        await page.click(cmd="retry")
        assert page.states() == ["succeeded", "failed", "pending"]
        await page.click(cmd="clear", node=1, where="before")
        await page.click(cmd="again", node=1)
        assert page.states() == ["succeeded", "succeeded", "pending"]
        assert "failed" not in page.facts or not page.widget.run.undecided
        assert page.python == [
            "bench.play()",
            "await bench.run.retry()",
            "bench.run.clear_faults(at='b', where='before')",
            "await bench.run.retry('b')",
        ]
        check_python(page)
        await page.click(cmd="run")
        assert done == ["do a", "do b", "do c"]

    play(main())


def test_fix_tries_again_and_goes_on_if_nothing_fails_any_more(done):
    async def main() -> None:
        page = pausing(done, faults=[failing("b")])
        await page.open()
        await page.click(cmd="run")
        await page.click(cmd="fix")
        assert page.states() == ["succeeded", "failed", "pending"]
        await page.click(cmd="clear", node=1, where="before")
        await page.click(cmd="fix")
        assert page.states() == ["succeeded", "succeeded", "succeeded"]
        assert done == ["do a", "do b", "do c"]

    play(main())


def test_one_of_two_that_failed_is_tried_again_by_itself(done):
    async def main() -> None:
        page = pausing(done, None, faults=[failing("b"), failing("c")])
        await page.open()
        await page.click(cmd="run")
        page.widget.unplant("b")
        await page.click(cmd="again", node=1)
        assert page.states() == ["succeeded", "succeeded", "failed", "pending"]
        assert page.facts["failed"] == [2]

    play(main())


def test_a_failed_rollback_is_tried_again(done):
    async def main() -> None:
        page = lab_of(done, CHAIN, faults=[failing("c"), failing("b", "rollback")])
        await page.open()
        await page.click(cmd="run")
        assert page.states() == ["rolled back", "rollback failed", "rolled back"]
        assert {"retry", "fix"} <= set(page.facts["can"])
        assert "skip" not in page.facts["can"]
        await page.click(cmd="clear", node=1, where="rollback")
        await page.click(cmd="retry")
        assert done == ["do a", "do b", "undo c", "undo a", "undo b"]
        assert page.facts["next"] == "rolled back: nothing is left"

    play(main())


def test_the_switch_is_shown_and_works_at_any_time(done):
    async def main() -> None:
        page = lab_of(done, CHAIN, faults=[failing("b")])
        await page.open()
        await page.click(cmd="failure", to="pause")
        assert page.facts["on_failure"] == "pause"
        await page.click(cmd="run")
        assert page.states() == ["succeeded", "failed", "pending"]
        await page.click(cmd="failure", to="rollback")
        assert page.facts["on_failure"] == page.widget.on_failure == "rollback"
        await page.click(cmd="rollback")
        assert done == ["do a", "undo b", "undo a"]
        assert page.python[0] == "bench.on_failure = 'pause'"
        check_python(page)
        with pytest.raises(ValueError, match="on_failure"):
            page.widget.on_failure = "ignore"
        assert page.widget.on_failure == "rollback"

    play(main())


def test_skip_goes_on_with_a_value_given_by_hand(done):
    async def main() -> None:
        page = pausing(done, faults=[failing("b")])
        await page.open()
        await page.click(cmd="run")
        await page.click(cmd="skip", node=1, to="{'id': 17}")
        assert page.widget.run.results["b"] == {"id": 17}
        assert page.states() == ["succeeded", "succeeded", "pending"]
        assert page.python[-1] == "bench.run.skip('b', {'id': 17})"
        await page.click(cmd="run")
        await page.click(cmd="rollback")
        assert done == ["do a", "do c", "undo c", "undo b", "undo a"]

    play(main())


@pytest.mark.parametrize(
    "text",
    ["__import__('os').system('touch hacked')", "open('hacked', 'w')", "(", "[" * 999, "pay", "\ud83d"],
)
def test_a_value_that_is_none_is_refused_in_the_log_and_nothing_is_run(done, text):
    async def main() -> None:
        page = pausing(done, faults=[failing("b")])
        await page.open()
        await page.click(cmd="run")
        said = len(page.python)
        await page.click(cmd="skip", node=1, to=text)
        (error,) = errors(page)
        assert error.startswith("StepError: ")
        assert "is no value as Python writes it" in error
        assert page.states() == ["succeeded", "failed", "pending"]
        assert len(page.python) == said
        assert os.listdir() == []

    play(main())


class Loud:
    def __repr__(self) -> str:
        raise ValueError("no")


@pytest.mark.parametrize(
    "value", [float("inf"), float("nan"), Loud(), object(), "x" * 100_000, [float("-inf")]]
)
def test_the_line_that_skips_is_python_and_short_whatever_the_value(done, value):
    async def main() -> None:
        page = pausing(done, faults=[failing("b")])
        await page.open()
        await page.click(cmd="run")
        page.widget.skip("b", value)
        await page.rest()
        assert page.widget.run.results["b"] is value
        check_python(page)
        assert len(page.python[-1]) < 1000
        ast.literal_eval(page.python[-1].removeprefix("bench.run.skip('b', ").removesuffix(")"))

    play(main())


@pytest.mark.parametrize("state", ["not begun", "done", "rolled back"])
def test_at_impossible_moments_nothing_happens(done, state):
    async def main() -> None:
        page = lab_of(done, CHAIN, faults=[failing("b")] if state == "rolled back" else ())
        await page.open()
        if state != "not begun":
            await page.click(cmd="run")
        before = list(done), page.widget.run, list(page.python)
        for command in ("retry", "fix", "use", "pause"):
            await page.click(cmd=command)
        for node in range(3):
            await page.click(cmd="again", node=node)
            await page.click(cmd="skip", node=node, to="1")
        await page.click(cmd="replay", to="x.scenario.json")
        if state == "not begun":
            await page.click(cmd="rerun", to=1)
        assert (list(done), page.widget.run, list(page.python)) == before
        assert errors(page) == []
        with pytest.raises(StepError):
            page.widget.skip("a", 1)

    play(main())


def test_while_it_runs_nothing_is_decided(done):
    async def main() -> None:
        gate = Gate()
        page = pausing(done, how={"b": {"before": gate.wait}})
        await page.open()
        page.ask(cmd="run")
        await gate.reached.wait()
        run = page.widget.run
        for command in (
            {"cmd": "retry"},
            {"cmd": "fix"},
            {"cmd": "rerun", "to": 1},
            {"cmd": "reset"},
            {"cmd": "again", "node": 1},
            {"cmd": "skip", "node": 1, "to": "1"},
            {"cmd": "replay", "to": "x.scenario.json"},
        ):
            page.ask(**command)
        await turns()
        assert page.widget.run is run
        for refused in (lambda: page.widget.rerun(1), lambda: page.widget.replay(Scenario("x"))):
            with pytest.raises(RunBusy):
                refused()
        gate.open()
        await page.rest()
        assert page.states() == ["succeeded"] * 3
        assert page.python == ["bench.play()"]

    play(main())


# ------------------------------------------------------------------------------ another run


def test_reset_keeps_input_failures_breakpoints_and_the_switch(done):
    async def main() -> None:
        page = pausing(done, input=17, faults=[failing("c")])
        await page.open()
        await page.click(cmd="stop", node=1, to="forward")
        await page.click(cmd="stop", node=0, to="rollback")
        page.widget.run.break_at("c", when=lambda inputs: False)
        await page.click(cmd="run")
        old = page.widget.run
        await page.click(cmd="reset")
        new = page.widget.run
        assert page.widget.runs == (old, new)
        assert (new.input, new.faults, new.on_failure) == (17, old.faults, "pause")
        assert new.breakpoints == old.breakpoints
        assert new.stopped_at == ()
        assert [mark[4] for mark in page.nodes] == [2, 1, 1]
        assert page.badges() == ["", "", "before"]
        await page.click(cmd="run")
        assert done == ["do a", "do a"]

    play(main())


def test_rerun_of_what_stands_says_that_it_is_not_undone(done):
    async def main() -> None:
        page = lab_of(done, CHAIN)
        await page.open()
        await page.click(cmd="step")
        await page.click(cmd="rerun", to=2)
        assert notes(page)[-1] == (
            "run 2 begins with batch 2: it inherits the results of run 1, not its effects; "
            "what run 1 did before is not undone by it"
        )
        assert done == ["do a"]

    play(main())


def test_rerun_says_that_results_are_inherited_and_effects_are_not(done):
    async def main() -> None:
        page = lab_of(done, CHAIN, faults=[failing("c")])
        await page.open()
        await page.click(cmd="stop", node=2, to="forward")
        await page.click(cmd="run")
        await page.click(cmd="run")
        assert done == ["do a", "do b", "undo c", "undo b", "undo a"]
        await page.click(cmd="rerun", to=3)
        assert page.states() == ["succeeded", "succeeded", "pending"]
        assert page.python[-1] == "bench.rerun(3)"
        check_python(page)
        assert notes(page)[-1] == (
            "run 2 begins with batch 3: it inherits the results of run 1, not its effects; "
            "run 1 has undone some of what it did before, and that is not done again"
        )
        assert [mark[4] for mark in page.nodes] == [0, 0, 1]
        await page.click(cmd="run")
        await page.click(cmd="run")
        assert done[5:] == ["undo c"]
        await page.click(cmd="rerun", to=1)
        assert notes(page)[-1] == "run 3 begins with batch 1, anew: what run 2 did is not undone by it"
        assert page.facts["run"] == 3

    play(main())


def test_what_is_adopted_is_said_to_be_undone(done):
    async def main() -> None:
        page = pausing(done, faults=[failing("c")])
        await page.open()
        await page.click(cmd="run")
        with pytest.raises(ForkError, match="could still roll back"):
            page.widget.rerun(3, adopt=True)
        page.widget.run.release()
        page.widget.rerun(3, adopt=True)
        await page.rest()
        assert notes(page)[-1] == (
            "run 2 begins with batch 3: it adopts what run 1 did before, and will undo it"
        )
        await page.click(cmd="run")
        await page.click(cmd="rollback")
        assert done == ["do a", "do b", "undo c", "undo b", "undo a"]
        check_python(page)

    play(main())


def test_a_batch_without_what_comes_before_it_is_refused_in_the_log(done):
    async def main() -> None:
        page = lab_of(done, CHAIN)
        await page.open()
        await page.click(cmd="step")
        run = page.widget.run
        for batch in (3, 4, 999_999):
            await page.click(cmd="rerun", to=batch)
        assert page.widget.run is run
        assert [error.partition(":")[0] for error in errors(page)] == ["ForkError"] * 3
        assert page.python == ["await bench.run.step()"]

    play(main())


def test_a_run_from_here_with_other_functions_is_told_in_a_line_of_python(done):
    async def main() -> None:
        page = lab_of(done, CHAIN, input="x")
        await page.open()
        await page.click(cmd="run")

        async def other(results: Any) -> str:
            done.append("do other")
            return "other"

        page.widget.rerun(
            2, replace={"b": other}, results={"a": object()}, faults=[Fault.raising(Boom("no"), at="c")]
        )
        await page.rest()
        check_python(page)
        await page.click(cmd="run")
        assert done == ["do a", "do b", "do c", "do other", "undo c", "undo b"]

    play(main())


def test_a_failure_planted_in_a_rollback_is_no_obstacle_to_a_run_from_here(done):
    async def main() -> None:
        page = lab_of(done, CHAIN, faults=[failing("a", "rollback"), failing("c")])
        await page.open()
        await page.click(cmd="run")
        await page.click(cmd="rerun", to=2)
        assert errors(page) == []
        assert page.facts["run"] == 2
        assert page.badges() == ["", "", "before"]

    play(main())


def test_what_does_not_fit_a_new_run_is_told_and_left_out(done):
    async def main() -> None:
        page = lab_of(done, CHAIN, how={"b": {"undo": False}})
        await page.open()
        page.widget.run.replace("b", rollback=lambda results: done.append("undo b, as replaced"))
        await page.click(cmd="plant", node=1, where="rollback", to=raising("ValueError"))
        await page.click(cmd="stop", node=1, to="rollback")
        await page.click(cmd="plant", node=2, where="before", to=raising("ValueError"))
        await page.click(cmd="step")
        await page.click(cmd="reset")
        assert page.facts["run"] == 2
        assert [fault.at for fault in page.widget.run.faults] == ["c"]
        assert page.widget.run.breakpoints == ()
        assert [error.partition(":")[0] for error in errors(page)] == ["FaultError", "StepError"]

    play(main())


def test_the_runs_of_a_lab_and_what_has_failed_in_any_of_them(done):
    async def main() -> None:
        page = lab_of(done, CHAIN, faults=[failing("c")])
        bench = page.widget
        await page.open()
        assert bench.seen_failing == ()
        await page.click(cmd="run")
        assert page.facts["seen"] == [[2], 3]
        bench.unplant("c")
        bench.plant("a")
        await page.click(cmd="reset")
        await page.click(cmd="run")
        assert bench.seen_failing == ("a", "c")
        assert page.facts["seen"] == [[0, 2], 3]
        assert [run.state for run in bench.runs] == [RunState.ROLLED_BACK, RunState.ROLLED_BACK]
        assert bench.runs[-1] is bench.run
        for _ in range(30):
            await page.click(cmd="reset")
            await page.click(cmd="step")
        assert len(bench.runs) == 21
        assert bench.seen_failing == ("a", "c")

    play(main())


def test_the_story_of_the_old_run_is_kept_with_what_was_printed_in_it(done):
    async def talk(results: Any) -> str:
        print("hello")
        return "talked"

    async def main() -> None:
        page = Page(lab(DagaFlow([(talk, DagaAction(talk, name="talk again"))]), speed=1.0))
        await page.open()
        await page.click(cmd="step")
        await page.click(cmd="reset")
        await page.click(cmd="run")
        first, second = (run.story for run in page.widget.runs)
        assert first.lines == ((2, "hello"),)
        assert second.lines == ((2, "hello"), (4, "hello"))
        printed = [line[6] for line in page.widget._log.lines if line[0] == "print"]
        assert printed == [0, 2, 4]

    play(main())


# -------------------------------------------------------------------------------- scenarios


def test_a_scenario_is_kept_listed_and_replayed(done):
    async def main() -> None:
        page = lab_of(
            done, CHAIN, input={"cups": 6}, faults=[Fault.raising(TimeoutError("no answer"), at="c")]
        )
        await page.open()
        await page.click(cmd="stop", node=1, to="forward")
        await page.click(cmd="scenarios")
        assert page.facts["scenarios"] == []
        await page.click(cmd="keep", to="Card declined")
        assert page.facts["scenarios"] == ["card-declined.scenario.json"]
        assert page.python[-1] == "bench.scenario('Card declined').save()"
        await page.click(cmd="clear", node=2, where="before")
        await page.click(cmd="replay", to="card-declined.scenario.json")
        assert page.python[-1] == "bench.replay('card-declined.scenario.json')"
        check_python(page)
        assert page.facts["run"] == 2
        assert done == ["do a"]
        assert [str(one) for one in page.widget.run.stopped_at] == ["before b"]
        await page.click(cmd="run")
        assert done == ["do a", "do b", "undo c", "undo b", "undo a"]
        assert page.widget.run.input == {"cups": 6}
        assert notes(page)[-1].startswith("run 2 replays the scenario Card declined: ")

    play(main())


@pytest.mark.parametrize("name", ["", "   ", "x" * 2000, "two\nlines", "half \ud83d"])
def test_a_name_that_is_none_is_refused_in_the_log(done, name):
    async def main() -> None:
        page = lab_of(done, CHAIN)
        await page.open()
        await page.click(cmd="keep", to=name)
        (error,) = errors(page)
        assert error.startswith("ScenarioError: ")
        assert os.listdir() == []
        assert page.python == []

    play(main())


@pytest.mark.parametrize("name", ["../../outside", "/etc/passwd", "..", "a/b\\c", "CON", "<script>"])
def test_a_scenario_never_leaves_the_folder(done, name, tmp_path):
    async def main() -> None:
        page = lab_of(done, CHAIN)
        await page.open()
        await page.click(cmd="keep", to=name)
        assert all(path.parent == tmp_path for path in tmp_path.rglob("*"))
        assert list(tmp_path.parent.glob("*.scenario.json")) == []
        await page.click(cmd="scenarios")
        assert page.facts["scenarios"] == os.listdir()

    play(main())


@pytest.mark.parametrize(
    "content", ["", "[" * 100_000, "{}", '{"format": "daga-nb scenario", "version": 99}']
)
def test_a_file_that_holds_none_is_refused_and_the_run_stays(done, content, tmp_path):
    (tmp_path / "x.scenario.json").write_text(content)

    async def main() -> None:
        page = lab_of(done, CHAIN)
        await page.open()
        await page.click(cmd="scenarios")
        run = page.widget.run
        for name in ("x.scenario.json", "y.scenario.json", "../x.scenario.json"):
            await page.click(cmd="replay", to=name)
        assert page.widget.run is run
        (error,) = errors(page)
        assert error.startswith("ScenarioError: x.scenario.json")

    play(main())


def test_a_scenario_that_does_not_fit_is_refused_and_the_run_stays(done):
    async def main() -> None:
        page = lab_of(done, CHAIN)
        await page.open()
        run = page.widget.run
        with pytest.raises(ValueError, match="does not fit"):
            page.widget.replay(Scenario("other", faults=(Fault.raising(ValueError, at="zebra"),)))
        assert page.widget.run is run
        assert page.facts["run"] == 1

    play(main())


# --------------------------------------------------------------------- functions defined anew

PAY = """
async def pay(results):
    done.append("pay 1")
    raise TimeoutError("no answer")
"""
QUOTE = """
async def quote(results):
    return 842.0
"""


class Shell:
    """What stands for IPython: names, and who wants to know when a cell has run."""

    def __init__(self, book: Notebook) -> None:
        self.book, self.user_ns = book, book.names
        self.callbacks: dict[str, list[Any]] = {"post_run_cell": []}
        self.events = self

    def register(self, what: str, call: Any) -> None:
        self.callbacks[what].append(call)

    def unregister(self, what: str, call: Any) -> None:
        self.callbacks[what].remove(call)

    def run(self, cell: str, **replaced: str) -> None:
        self.book.run(cell, **replaced)
        for call in list(self.callbacks["post_run_cell"]):
            call(None)


@pytest.fixture
def shell(monkeypatch: Any) -> Shell:
    made = Shell(Notebook().run(QUOTE).run(PAY))
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: made))
    return made


async def pay_page(shell: Shell, **options: Any) -> Page:
    bench = lab(shell.book.flow("quote", "pay"), on_failure="pause", speed=1.0, **options)
    shell.user_ns["trip"] = bench
    page = Page(bench)
    await page.open()
    return page


MENDED = {"pay 1": "pay 2", 'raise TimeoutError("no answer")': 'return "paid"'}


def test_what_a_cell_defines_anew_is_noticed_and_used_when_it_is_tried_again(shell):
    async def main() -> None:
        page = await pay_page(shell)
        await page.click(cmd="run")
        shell.run(PAY, **MENDED)
        await page.rest()
        (found,) = page.facts["redefined"]
        assert (found["name"], found["words"]) == ("pay", "is defined anew")
        assert '+    return "paid"' in found["diff"]
        assert "use" in page.facts["can"]
        await page.click(cmd="retry")
        assert shell.book.done == ["pay 1", "pay 2"]
        assert page.states() == ["succeeded", "succeeded"]
        assert page.python[-2:] == ["trip.run.replace('pay', pay)", "await trip.run.retry()"]
        check_python(page, "trip")
        assert "pay: it is pay as defined now" in notes(page)
        assert not page.facts.get("redefined") or page.widget._redefined == []

    play(main())


def test_what_was_taken_into_use_stays_in_use_in_the_next_runs(shell):
    async def main() -> None:
        page = await pay_page(shell)
        await page.click(cmd="run")
        shell.run(PAY, **MENDED)
        await page.click(cmd="use")
        assert page.python[-1] == "trip.run.replace('pay', pay)"
        await page.click(cmd="fix")
        assert shell.book.done == ["pay 1", "pay 2"]
        await page.click(cmd="reset")
        await page.click(cmd="run")
        await page.click(cmd="rerun", to=2)
        await page.click(cmd="run")
        await page.click(cmd="keep", to="again")
        await page.click(cmd="replay", to="again.scenario.json")
        assert shell.book.done == ["pay 1"] + ["pay 2"] * 4

    play(main())


def test_a_failure_in_a_rollback_that_was_taken_into_use_is_replayed(shell):
    refund = """
        @DagaAction
        async def pay(results):
            return "paid"

        @pay.on_rollback
        async def refund(results):
            done.append("refund")
    """

    async def main() -> None:
        page = await pay_page(shell)
        shell.run(refund)
        await page.click(cmd="use")
        node = page.widget.run.plan.ids["pay"]
        await page.click(cmd="plant", node=node, where="rollback", to=raising("ValueError"))
        await page.click(cmd="keep", to="stuck")
        await page.click(cmd="replay", to="stuck.scenario.json")
        assert errors(page) == []
        await page.click(cmd="rollback")
        assert page.states()[node] == "rollback failed"

    play(main())
    assert shell.book.done == []


def test_what_was_not_taken_into_use_is_not_used(shell):
    async def main() -> None:
        page = await pay_page(shell)
        shell.run(PAY, **MENDED)
        await page.click(cmd="run")
        assert shell.book.done == ["pay 1"]
        assert page.states() == ["succeeded", "failed"]

    play(main())


UNDO = """
@pay.on_rollback
async def refund(results):
    done.append("refund 1")
"""


def test_it_is_told_whether_an_action_or_its_rollback_is_defined_anew(shell):
    async def main() -> None:
        for cell in ("from daga_nb import DagaAction", "@DagaAction" + PAY, UNDO):
            shell.run(cell)
        page = await pay_page(shell)
        shell.run("@DagaAction" + PAY, **MENDED)
        shell.run(UNDO, **{"refund 1": "refund 2"})
        await page.rest()
        assert [found["name"] for found in page.facts["redefined"]] == ["pay", "the rollback of pay"]

    play(main())


def test_the_same_code_again_is_no_news_and_what_cannot_be_used_is_told(shell):
    async def main() -> None:
        page = await pay_page(shell)
        shell.run(PAY)
        await page.rest()
        assert "redefined" not in page.facts
        shell.run("pay = 3")
        await page.rest()
        (found,) = page.facts["redefined"]
        assert (found["name"], found["words"]) == (
            "pay:",
            "pay is no function any more: it means 'int' now",
        )
        assert "use" not in page.facts["can"]
        await page.click(cmd="run")
        await page.click(cmd="retry")
        assert shell.book.done == ["pay 1", "pay 1"]

    play(main())


def test_closing_the_lab_forgets_the_cells(shell):
    async def main() -> None:
        page = await pay_page(shell)
        page.widget.close()
        assert shell.callbacks == {"post_run_cell": []}

    play(main())


# ------------------------------------------------------------------------------- post mortem


def test_after_a_failed_run_a_debugger_lands_in_the_action(shell):
    async def main() -> None:
        page = await pay_page(shell)
        assert not hasattr(sys, "last_value")
        await page.click(cmd="run")
        run = page.widget.run
        assert sys.last_value is run.errors["pay"]
        assert sys.last_traceback.tb_frame.f_code.co_name == "pay"

    play(main())


def test_after_a_run_that_went_well_there_is_nothing_to_debug(done):
    async def main() -> None:
        page = lab_of(done, CHAIN)
        await page.open()
        await page.click(cmd="run")
        assert not hasattr(sys, "last_value")
        page.widget.plant("b")
        await page.click(cmd="reset")
        await page.click(cmd="run")
        assert sys.last_value is page.widget.run.errors["b"]
        assert page.widget.run.node_states[1] is NodeState.ROLLED_BACK

    play(main())


def test_after_the_switch_a_failure_that_waits_is_rolled_back_by_going_on(done):
    async def main() -> None:
        page = pausing(done, faults=[failing("b")])
        await page.open()
        await page.click(cmd="run")
        await page.click(cmd="failure", to="rollback")
        assert page.facts["next"] == "b failed; going on rolls back, or retry, or skip with a value"
        assert set(page.facts["can"]) == {"run", "retry", "fix", "skip", "rollback", "reset", "rerun"}
        await page.click(cmd="run")
        assert done == ["do a", "undo b", "undo a"]
        assert page.states() == ["rolled back", "rolled back", "abandoned"]

    play(main())


def test_in_a_quiz_too_and_the_learner_is_asked_first(done):
    async def main() -> None:
        bench = lab(flow_of(done, CHAIN), faults=[failing("b")], on_failure="pause", quiz=True, speed=1.0)
        page = Page(bench)
        await page.open()
        await page.click(cmd="run")
        await page.click(cmd="failure", to="rollback")
        await page.click(cmd="step")
        await page.click(cmd="run")
        assert page.facts["quiz"]["asking"]
        assert done == ["do a"]

    play(main())


def test_a_skipped_action_says_so_where_others_have_their_duration(done):
    async def main() -> None:
        page = lab_of(done, [("a", "b")], how={"a": {"fails": Boom("no")}}, faults=())
        page.widget.on_failure = "pause"
        await page.open()
        await page.click(cmd="run")
        await page.click(cmd="skip", node=0, to="17")
        page.ask(cmd="look", node=0)
        await page.rest()
        assert page.nodes[0][:2] == [2, "skipped"]
        assert page.widget._tapes.events.rows[-1][:3] == [0, 2, "skipped"]
        rows = dict(page.looks[-1]["rows"])
        assert (rows["result"], "took" in rows) == ("17", False)
        assert page.widget.run.skipped == ("a",)

    play(main())
