"""Faults of every kind, set in the form of the lab: planted, shown, struck, told, and said in Python."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import play
from virtual_loop import in_no_time
from widget_page import Page, lab_of, raising

import daga_nb
from daga_nb import DagaAction, DagaFlow, Fault, lab
from daga_nb.page.marks import PLACES

ALWAYS = {"when": "always"}


def bench_of(done: list[str]) -> Page:
    """Give the page of a lab for three actions in a row; the middle one has all that a fault asks for."""

    def made(name: str, **options: Any) -> DagaAction:
        async def do(results: list[Any]) -> str:
            done.append(f"do {name} {results[0]}")
            return name

        async def undo(results: list[Any], result: Any) -> None:
            done.append(f"undo {name} {result}")

        one = DagaAction(do, name=name, **options)
        one.on_rollback(undo)
        return one

    one, two, three = made("a"), made("b", timeout=5.0, rollback_timeout=5.0), made("c")
    return Page(lab(DagaFlow([(one, two), (two, three)]), 1, speed=1.0))


CASES = [
    ("before", raising("TimeoutError", "no answer"), "before", ["do a 1", "undo b None", "undo a a"]),
    ("after", raising("TimeoutError", ""), "after", ["do a 1", "do b a", "undo b None", "undo a a"]),
    ("before", {"kind": "delay", "seconds": 2, **ALWAYS}, "2\xa0s", ["do a 1", "do b a", "do c b"]),
    ("after", {"kind": "hang", **ALWAYS}, "hang", ["do a 1", "do b a", "undo b None", "undo a a"]),
    ("before", {"kind": "corrupt", "wrong": "842", **ALWAYS}, "wrong", ["do a 1", "do b 842", "do c b"]),
    ("after", {"kind": "corrupt", "wrong": "[7]", **ALWAYS}, "wrong", ["do a 1", "do b a", "do c [7]"]),
    ("after", {"kind": "repeat", "calls": 2, **ALWAYS}, "again", ["do a 1", "do b a", "do b a", "do c b"]),
    ("before", {"kind": "cancel", **ALWAYS}, "cancel", ["do a 1", "undo b None", "undo a a"]),
    (
        "after",
        {**raising("KeyError"), "when": "if", "input": 0, "operator": "==", "value": "'a'"},
        "if",
        ["do a 1", "do b a", "undo b None", "undo a a"],
    ),
    (
        "before",
        {**raising(), "when": "chance", "percent": 100, "seed": 7},
        "before",
        ["do a 1", "undo b None", "undo a a"],
    ),
]


@pytest.mark.parametrize(("where", "draft", "word", "calls"), CASES, ids=lambda case: str(case)[:40])
def test_a_fault_that_is_set_in_the_form_is_planted_and_strikes(done, where, draft, word, calls):
    async def main() -> None:
        page = bench_of(done)
        await page.open()
        await page.click(cmd="look", node=1)
        await page.click(cmd="draft", node=1, where=where, to=draft)
        assert page.widget.run.faults == (), "asking what it means plants nothing"
        means = page.drafts[-1]
        assert (means["of"], means["where"]) == (draft, where)
        await page.click(cmd="plant", node=1, where=where, to=draft)
        (fault,) = page.widget.run.faults
        assert means["text"] == str(fault)
        assert means["python"] == page.python, "the line is the same as the one in the log"
        assert page.badges() == ["", word, ""]
        assert page.nodes[1][2][0][2] == 0, "it has not struck yet"
        (told,) = [one for one in page.looks[-1]["faults"] if one["where"] == where]
        assert told["text"] == str(fault)
        await page.click(cmd="run")
        assert done == calls
        assert page.nodes[1][2][0][2] == 1
        assert page.nodes[1][2][0][3].endswith("; struck once")

    in_no_time(main())


def test_the_lines_of_python_do_the_same_in_a_cell(done):
    async def main() -> None:
        page = bench_of(done)
        await page.open()
        for where, draft, _, _ in CASES:
            await page.click(cmd="plant", node=1, where=where, to=draft)
            planted = page.widget.run.faults
            for start in range(len(page.python)):
                assert page.python[start].startswith(("from daga_nb import ", "bench.run."))
            fresh = bench_of([]).widget
            names = {"bench": fresh}
            for line in page.python:
                exec(line, names)
            assert fresh.run.faults == planted
            *imports, line = page.drafts[-1]["python"]
            fresh.run.clear_faults()
            exec("\n".join([*imports, line]), {"bench": fresh})
            assert [str(one) for one in fresh.run.faults] == [page.drafts[-1]["text"]]
        assert [line for line in page.python if "import" in line] == [
            "from daga_nb import Fault",
            "from daga_nb import Fault, When",
        ]
        assert {"Fault", "When"} <= set(daga_nb.__all__)

    in_no_time(main())


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_planted(done):
    async def main() -> None:
        page = lab_of(done)
        await page.open()
        for draft, field, why in [
            ({"kind": "hang", **ALWAYS}, "kind", "has no timeout"),
            ({"kind": "corrupt", "wrong": "print('x')", **ALWAYS}, "wrong", "is no value"),
            ({**raising(), "when": "if", "input": 0, "operator": "<", "value": "x"}, "value", "is no value"),
        ]:
            for command in ("draft", "plant"):
                await page.click(cmd=command, node=1, where="before", to=draft)
                told = page.drafts[-1]
                assert told["field"] == field
                assert why in told["why"]
                assert "text" not in told
        assert page.widget.run.faults == ()
        assert (page.python, page.log) == ([], [])
        assert page.badges() == [""] * 4

    play(main())


def test_what_makes_no_sense_at_a_place_is_said_beforehand(done):
    async def main() -> None:
        page = lab_of(done, how={"b": {"undo": False}})
        await page.open()
        await page.click(cmd="look", node=1)
        told = page.looks[-1]
        assert told["inputs"] == ["a"]
        assert [one["where"] for one in told["faults"]] == list(PLACES)
        assert [one["possible"] for one in told["faults"]] == [True, True, False]
        before, after, rollback = (one["refused"] for one in told["faults"])
        assert set(before) == {"hang"}
        assert set(after) == {"hang"}
        assert set(rollback) == {"raise", "hang", "corrupt"}
        assert "has no rollback" in rollback["raise"]
        await page.click(cmd="look", node=0)
        assert page.looks[-1]["inputs"] == ["input"]

    play(main())


def test_what_is_planted_comes_back_into_the_form(done):
    async def main() -> None:
        page = bench_of(done)
        await page.open()
        page.widget.run.inject("b.before: 20%delay(2) seed 7")
        page.widget.run.inject("b.after: 1*delay(2)->hang")
        await page.click(cmd="look", node=1)
        before, after, rollback = page.looks[-1]["faults"]
        assert before["draft"] == {
            "kind": "delay",
            "seconds": 2.0,
            "when": "chance",
            "percent": 20.0,
            "seed": 7,
        }
        assert (after["draft"], after["text"]) == (None, "b.after: 1*delay(2)->hang")
        assert (rollback["draft"], rollback["text"]) == (None, "")

    play(main())


def test_a_badge_says_what_struck_how_often_and_what_never_did(done):
    async def main() -> None:
        page = bench_of(done)
        await page.open()
        flaky = {"kind": "flaky", "error": "TimeoutError", "text": "", "times": 2, **ALWAYS}
        page.widget.on_failure = "pause"
        await page.click(cmd="plant", node=1, where="before", to=flaky)
        await page.click(cmd="plant", node=1, where="rollback", to=raising())
        await page.click(cmd="plant", node=2, where="before", to={**raising(), "when": "call", "call": 2})
        await page.click(cmd="run")
        assert [badge[2] for badge in page.nodes[1][2]] == [1, 0]
        await page.click(cmd="retry")
        assert [badge[2] for badge in page.nodes[1][2]] == [2, 0]
        await page.click(cmd="fix")
        assert page.widget.run.state.word == "succeeded"
        assert [badge[:3] for badge in page.nodes[1][2]] == [[0, "2×", 2], [2, "rollback", -1]]
        assert [badge[:3] for badge in page.nodes[2][2]] == [[0, "call\xa02", -1]]
        assert page.nodes[1][2][1][3].endswith("; never struck")
        assert [line for line in page.words() if "never struck" in line] == [
            '⚡ never struck: b.rollback: raise(RuntimeError, "planted") its rollback was never called',
            '⚡ never struck: c.before: 1*off->1*raise(RuntimeError, "planted")->off there was only 1 call',
        ]
        await page.click(cmd="reset")
        assert [badge[2] for badge in page.nodes[1][2]] == [0, 0], "another run has not been struck yet"

    play(main())


def test_a_scenario_keeps_them(done, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    async def main() -> None:
        page = bench_of(done)
        await page.open()
        for where, draft in [("before", {"kind": "delay", "seconds": 0.5, **ALWAYS}), ("after", CASES[8][1])]:
            await page.click(cmd="plant", node=1, where=where, to=draft)
        planted = page.widget.run.faults
        await page.click(cmd="keep", to="slow, then broken")
        for where in ("before", "after"):
            await page.click(cmd="clear", node=1, where=where)
        assert page.badges() == [""] * 3
        (path,) = tmp_path.iterdir()
        await page.click(cmd="scenarios")
        await page.click(cmd="replay", to=path.name)
        assert page.widget.run.faults == planted
        assert page.badges() == ["", "0.5\xa0s, if", ""]
        assert page.states() == ["rolled back"] * 2 + ["abandoned"]

    in_no_time(main())
    assert done == ["do a 1", "do b a", "undo b None", "undo a a"]


def test_the_text_of_others_stays_text(done):
    nasty = "<img src=x onerror=alert(1)> {lab} \\"

    async def main() -> None:
        page = bench_of(done)
        await page.open()
        await page.click(cmd="plant", node=1, where="after", to=raising("ValueError", nasty))
        (fault,) = page.widget.run.faults
        assert fault == Fault.raising(ValueError(nasty), at="b", where="after")
        names: dict[str, Any] = {"bench": bench_of([]).widget}
        exec("\n".join(page.python), names)
        assert names["bench"].run.faults == (fault,)

    play(main())
