"""Predict, then step: in a quiz nothing is undone before the learner has said what."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import Boom, flow_of, play
from story_runs import CHAIN
from widget_page import Page, failing

from daga_nb import lab
from daga_nb.core.states import RunState
from daga_nb.debug.quiz import Quiz, Verdict
from daga_nb.errors import StepError
from daga_nb.page.marks import RUN_NUMBER


def quiz_of(
    done: list[str], edges: Any = None, *, faults: Any = (), on_failure: Any = "rollback", **options: Any
) -> Page:
    return Page(
        lab(flow_of(done, edges, **options), faults=faults, on_failure=on_failure, quiz=True, speed=1.0)
    )


def quiz(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.facts["quiz"]
    return found


def undone(done: list[str]) -> list[str]:
    return [line for line in done if line.startswith("undo")]


# ------------------------------------------------------------------------------------ the value


def test_a_verdict_tells_right_wrong_and_missed():
    quiz = Quiz()
    for node in (1, 2, 5, 2):
        quiz.toggle(node)
    assert quiz.guess == {1, 5}
    assert quiz.answer([1, 3]) == Verdict((1,), (5,), (3,))
    assert not quiz.verdict.all_right
    assert quiz.guess == set()
    quiz.toggle(0)
    assert quiz.verdict is None
    assert quiz.answer([0]).all_right
    assert quiz.score == "1 of 2 right"
    quiz.begin()
    assert (quiz.guess, quiz.verdict, quiz.score) == (set(), None, "1 of 2 right")


# -------------------------------------------------------------------------------------- the lab


def test_going_on_stops_before_the_first_undo_and_the_head_gives_nothing_away(done):
    async def main() -> None:
        page = quiz_of(done, faults=[failing("d")])
        await page.open()
        await page.click(cmd="run")
        assert done == ["do a", "do b", "do c"]
        assert page.states() == ["succeeded", "succeeded", "succeeded", "failed"]
        assert quiz(page) == {"asking": True, "guess": [], "verdict": None, "score": "0 of 0 right"}
        assert page.facts["next"] == "what is undone next? Click it, then Batch (N)"
        assert page.facts["front"] == 0
        assert not {"run", "step", "action"} & set(page.facts["can"])

    play(main())


@pytest.mark.parametrize("command", ["run", "step", "action", "rollback", "pause"])
def test_without_a_prediction_no_button_undoes_anything(done, command):
    async def main() -> None:
        page = quiz_of(done, faults=[failing("d")])
        await page.open()
        await page.click(cmd="run")
        await page.click(cmd=command)
        assert undone(done) == []
        assert quiz(page)["asking"]

    play(main())


def test_without_a_prediction_no_method_undoes_anything(done):
    async def main() -> None:
        page = quiz_of(done, faults=[failing("d")])
        await page.open()
        await page.click(cmd="run")
        said = list(page.widget._log.python)
        for step in (page.widget.step, page.widget.step_action, lambda: page.widget.step_action("b")):
            with pytest.raises(StepError, match=r"predict"):
                step()
        await page.rest()
        page.widget.play()
        await page.rest()
        assert undone(done) == []
        assert list(page.widget._log.python) == [*said, "bench.play()"]
        assert quiz(page)["score"] == "0 of 0 right"

    play(main())


def test_a_right_prediction_and_a_wrong_one(done):
    async def main() -> None:
        page = quiz_of(done, faults=[failing("d")])
        await page.open()
        await page.click(cmd="run")
        await page.click(cmd="predict", node=3)
        assert quiz(page)["guess"] == [3]
        assert "step" in page.facts["can"]
        await page.click(cmd="step")
        assert undone(done) == ["undo d"]
        assert quiz(page) == {
            "asking": True,
            "guess": [],
            "verdict": [[3], [], []],
            "score": "1 of 1 right",
        }
        for node in (0, 1):
            await page.click(cmd="predict", node=node)
        assert quiz(page)["verdict"] is None
        await page.click(cmd="step")
        assert undone(done) == ["undo d", "undo b", "undo c"]
        assert quiz(page)["verdict"] == [[1], [0], [2]]
        notes = [(line[4], line[5]) for line in page.log if line[0] == "note"]
        assert notes == [
            ("prediction right (1 of 1 right)", "right: d"),
            ("prediction not quite (1 of 2 right)", "right: b; wrong: a; missed: c"),
        ]
        await page.click(cmd="predict", node=0)
        await page.click(cmd="step")
        assert undone(done) == ["undo d", "undo b", "undo c", "undo a"]
        assert quiz(page)["score"] == "2 of 3 right"
        assert not quiz(page)["asking"]
        assert page.facts["next"] == "rolled back: nothing is left"

    play(main())


def test_what_is_kept_or_has_no_effect_is_no_part_of_the_truth(done):
    async def main() -> None:
        how = {"b": {"undo": False}, "a": {"undo": False, "no_effect": True}}
        page = quiz_of(done, faults=[failing("d")], how=how)
        await page.open()
        await page.click(cmd="run")
        await page.click(cmd="predict", node=3)
        await page.click(cmd="step")
        await page.click(cmd="predict", node=2)
        await page.click(cmd="step")
        assert quiz(page)["verdict"] == [[2], [], []]
        assert page.states() == ["succeeded", "kept", "rolled back", "rolled back"]
        assert not quiz(page)["asking"]
        assert page.facts["next"] == "next: rolling back batch 1 of 3: a"
        assert "step" in page.facts["can"]
        await page.click(cmd="step")
        assert page.states() == ["rolled back", "kept", "rolled back", "rolled back"]
        assert quiz(page)["score"] == "2 of 2 right"
        assert undone(done) == ["undo d", "undo c"]

    play(main())


def test_who_says_that_a_kept_action_is_undone_is_wrong(done):
    async def main() -> None:
        page = quiz_of(done, faults=[failing("d")], how={"b": {"undo": False}})
        await page.open()
        await page.click(cmd="run")
        await page.click(cmd="predict", node=3)
        await page.click(cmd="step")
        for node in (1, 2):
            await page.click(cmd="predict", node=node)
        await page.click(cmd="step")
        assert quiz(page)["verdict"] == [[2], [1], []]
        assert undone(done) == ["undo d", "undo c"]

    play(main())


def test_by_request_too_the_learner_is_asked_first(done):
    async def main() -> None:
        page = quiz_of(done, CHAIN)
        await page.open()
        await page.click(cmd="run")
        assert not quiz(page)["asking"]
        await page.click(cmd="rollback")
        assert undone(done) == []
        assert page.facts["state"] == RUN_NUMBER[RunState.ROLLING_BACK]
        assert quiz(page)["asking"]
        for node in (2, 1, 0):
            await page.click(cmd="predict", node=node)
            await page.click(cmd="step")
        assert undone(done) == ["undo c", "undo b", "undo a"]
        assert quiz(page)["score"] == "3 of 3 right"

    play(main())


def test_the_score_goes_on_over_several_runs(done):
    async def main() -> None:
        page = quiz_of(done, CHAIN, faults=[failing("b")])
        await page.open()
        for _ in range(2):
            await page.click(cmd="run")
            await page.click(cmd="predict", node=1)
            await page.click(cmd="step")
            await page.click(cmd="predict", node=2)
            await page.click(cmd="reset")
            assert quiz(page)["guess"] == []
            assert quiz(page)["verdict"] is None
        assert quiz(page)["score"] == "2 of 2 right"
        await page.click(cmd="run")
        assert quiz(page)["asking"]
        assert undone(done) == ["undo b", "undo b"]

    play(main())


def test_a_rollback_that_failed_is_tried_again_without_a_question(done):
    async def main() -> None:
        page = quiz_of(done, CHAIN, faults=[failing("b"), failing("b", "rollback")], on_failure="pause")
        await page.open()
        await page.click(cmd="run")
        assert "rollback" in page.facts["can"]
        await page.click(cmd="rollback")
        await page.click(cmd="predict", node=1)
        await page.click(cmd="step")
        assert page.states() == ["succeeded", "rollback failed", "abandoned"]
        await page.click(cmd="clear", node=1, where="rollback")
        await page.click(cmd="fix")
        assert undone(done) == ["undo b"]
        assert page.states() == ["succeeded", "rolled back", "abandoned"]
        assert quiz(page)["asking"]
        await page.click(cmd="predict", node=0)
        await page.click(cmd="step")
        assert undone(done) == ["undo b", "undo a"]
        assert quiz(page)["score"] == "2 of 2 right"

    play(main())


def test_predicting_where_there_is_nothing_to_predict_does_nothing(done):
    async def main() -> None:
        page = quiz_of(done, CHAIN)
        await page.open()
        await page.click(cmd="predict", node=1)
        assert quiz(page)["guess"] == []
        assert page.python == []
        with pytest.raises(StepError, match="nothing to predict now"):
            page.widget.predict("a")
        plain = Page(lab(flow_of(done), speed=1.0))
        await plain.open()
        await plain.click(cmd="predict", node=1)
        assert "quiz" not in plain.facts
        with pytest.raises(StepError, match="with quiz=True"):
            plain.widget.predict("a")

    play(main())


def test_forward_a_quiz_steps_as_any_lab(done):
    async def main() -> None:
        page = quiz_of(done, how={"d": {"fails": Boom("no")}})
        await page.open()
        await page.click(cmd="step")
        await page.click(cmd="action")
        assert done == ["do a", "do b"]
        await page.click(cmd="step")
        await page.click(cmd="step")
        assert done == ["do a", "do b", "do c", "do d"]
        assert quiz(page)["asking"]
        assert undone(done) == []

    play(main())
