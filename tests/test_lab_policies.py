"""The lab past a pivot and while it recovers: what it offers, says and does, seen from the page."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import play
from scene import CHAIN, Scene
from test_lab_decisions import check_python
from widget_page import Page

from daga_nb import compare, lab
from daga_nb.render.bars import Course
from daga_nb.widgets.player import scrub


def page_of(scene: Scene, **options: Any) -> Page:
    return Page(lab(scene.flow, speed=1.0, **options))


def says(page: Page) -> str:
    return str(page.facts["next"])


@pytest.mark.parametrize("on_failure", ["rollback", "pause"])
def test_past_a_pivot_retry_and_skip_are_offered_and_the_rollback_is_not(on_failure):
    async def main() -> None:
        scene = Scene(CHAIN, how={"b": {"pivot": True}}, fails={"c": 2})
        page = page_of(scene, on_failure=on_failure)
        await page.open()
        await page.click(cmd="run")
        assert page.facts["can"] == ["fix", "rerun", "reset", "retry", "skip"]
        assert page.facts["failed"] == [2]
        assert page.facts["undoing"] is False
        assert page.facts["held"] is True
        assert says(page) == (
            "paused: c failed, and past the pivot b there is no way back; retry, or skip with a value"
        )
        await page.click(cmd="retry")
        assert page.states() == ["succeeded", "succeeded", "failed", "pending"]
        await page.click(cmd="skip", node=2, to="'by hand'")
        await page.click(cmd="run")
        assert page.widget.run.state.word == "succeeded"
        assert "rollback" not in page.facts["can"]
        assert scene.done == ["a", "b", "c", "c", "d"]
        check_python(page)

    play(main())


def test_before_the_pivot_the_rollback_is_offered():
    async def main() -> None:
        page = page_of(Scene(CHAIN, how={"b": {"pivot": True}}))
        await page.open()
        await page.click(cmd="step")
        assert "rollback" in page.facts["can"]
        await page.click(cmd="step")
        assert "rollback" not in page.facts["can"]

    play(main())


async def recovering() -> tuple[Scene, Page]:
    """A lab whose run has failed at d, and goes back to the save point b."""
    scene = Scene(CHAIN, how={"b": {"save_point": True}}, fails={"d": 1})
    page = page_of(scene)
    await page.open()
    for _ in range(4):
        await page.click(cmd="step")
    return scene, page


def test_a_recovery_step_by_step_in_the_lab():
    async def main() -> None:
        _, page = await recovering()
        assert page.widget.run.state.word == "recovering"
        assert page.facts["can"] == ["action", "rerun", "reset", "rollback", "run", "step"]
        assert page.facts["held"] is True
        assert page.facts["way"] == -1
        assert says(page) == "next: back to the save point: rolling back batch 4 of 4: d"
        await page.click(cmd="step")
        await page.click(cmd="step")
        assert page.facts["way"] == 1
        assert says(page) == "next: batch 3, 1 action: c"
        assert page.states() == ["succeeded", "succeeded", "rolled back", "rolled back"]
        await page.click(cmd="run")
        assert page.states() == ["succeeded"] * 4
        assert "run recovering d failed: back to the save point after batch 2" in page.words()
        assert "run running again from the save point after batch 2" in page.words()

    play(main())


def test_a_roll_back_in_the_middle_of_a_recovery():
    async def main() -> None:
        scene, page = await recovering()
        await page.click(cmd="rollback")
        assert scene.done[4:] == ["undo d", "undo c", "undo b", "undo a"]

    play(main())


def test_a_run_that_is_left_in_the_middle_of_a_recovery_is_said_to_be():
    async def main() -> None:
        page = page_of(Scene(CHAIN, how={"b": {"save_point": True}}, fails={"d": 1}))
        await page.open()
        for _ in range(4):
            await page.click(cmd="step")
        await page.click(cmd="reset")
        assert "run 1 is left without rollback; still done: 3" in page.words()

    play(main())


def test_the_quiz_asks_before_each_step_of_a_recovery_and_then_goes_forward():
    async def main() -> None:
        scene = Scene(CHAIN, how={"b": {"save_point": True}}, fails={"d": 1})
        page = page_of(scene, quiz=True)
        await page.open()
        await page.click(cmd="run")
        assert page.widget.run.state.word == "recovering"
        for name in ("d", "c"):
            assert page.facts["quiz"]["asking"] is True
            page.widget.predict(name)
            await page.click(cmd="step")
        assert page.widget.score == "2 of 2 right"
        assert page.facts["quiz"]["asking"] is False
        await page.click(cmd="run")
        assert page.widget.run.state.word == "succeeded"

    play(main())


def test_the_slider_the_bars_and_a_comparison_know_a_recovery(tmp_path):
    async def main() -> tuple[Any, Any]:
        scene = Scene(CHAIN, how={"b": {"save_point": True}}, fails={"d": 1})
        run = scene.flow.start()
        run.take_notes()
        await run.finish()
        scene.fails["d"] = 0
        smooth = scene.flow.start()
        await smooth.finish()
        return run, smooth

    run, smooth = play(main())
    course = Course(run.plan, run.events, run.state, run.flow.name)
    assert [(run.plan.names[bar.node], bar.back) for bar in course.bars] == [
        *[("a", False), ("b", False), ("c", False), ("d", False), ("d", True), ("c", True)],
        *[("c", False), ("d", False)],
    ]
    assert "succeeded, 6 calls, 2 rollbacks" in course.caption
    assert run.timeline() is not None
    assert run.report(tmp_path / "run.html").exists()
    assert scrub(run) is not None
    assert compare(run, smooth) is not None
