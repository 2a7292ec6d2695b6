"""The ledger in the file of a story: it comes back as it was, and what is none is refused with its place."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from story_runs import drive, failing
from test_effects import effectful
from test_hostile import HOSTILE

from daga_nb import DagaAction, DagaFlow, FlowRun, Story
from daga_nb.debug.story_file import from_json, to_json
from daga_nb.engine.calls import Context
from daga_nb.errors import StoryError


def run_with_effects() -> FlowRun:
    """Give a run of a, b, c with the effect of each, where c's is left behind."""
    acts = [effectful(name, rollback="never" if name == "c" else "by key") for name in "abc"]
    run = DagaFlow([(acts[0], acts[1]), (acts[1], acts[2])]).start(faults=[failing("c", "after")])
    drive(run.go())
    return run


def test_a_story_comes_back_with_its_ledger(tmp_path):
    story = run_with_effects().story
    loaded = Story.load(story.save(tmp_path / "run.json"))
    assert loaded == story
    assert loaded.ledger == story.ledger
    assert str(loaded.ledger) == str(story.ledger)
    assert [row.name for row in loaded.ledger.left] == ["c"]
    assert [row.name for row in loaded.at(5).ledger.in_world] == ["a", "b"]


def test_a_file_without_a_ledger_is_read_and_has_an_empty_one():
    data = to_json(run_with_effects().story)
    del data["effects"]
    story = from_json(data)
    assert story.effects == ()
    assert story.ledger.clean
    assert "effects" in to_json(story)


ROW = [2, 0.5, 0, 1, "forward", "done", "charge", "17", False, [["euro", "42"]]]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *((0, value) for value in (-1, 99, True, 2.0, None, 10**400)),
        *((1, value) for value in (-1, 1e300, float("nan"), 10**400, "0.1", True, None)),
        *((2, value) for value in (3, -1, True, "a", 1.0, None)),
        *((3, value) for value in (0, True, "1", None)),
        *((4, value) for value in ("up", 1, ["back"], None)),
        *((5, value) for value in ("half", {}, None)),
        *((6, value) for value in ("", "x" * 101, 7, None)),
        *((7, value) for value in ("x" * 401, 7, None)),
        *((8, value) for value in (0, "no", None)),
        *(
            (9, value)
            for value in ({}, [["a"]], [["a", 1]], [["a", "x" * 401]], [["a", "b"]] * 21, "ab", None)
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_wrong_row_is_refused_with_its_place(place, value):
    data = to_json(run_with_effects().story)
    data["effects"] = [ROW, [*ROW[:place], value, *ROW[place + 1 :]]]
    with pytest.raises(StoryError, match="effect 2: ") as refused:
        from_json(data)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("rows", [None, {}, "rows", [ROW[:-1]], [None], [[*ROW, 1]], [[4, *ROW[1:]], ROW]])
def test_what_are_no_rows_is_refused(rows):
    data = to_json(run_with_effects().story)
    data["effects"] = rows
    with pytest.raises(StoryError, match=r"effects is not|effect \d: "):
        from_json(data)


def test_halves_of_characters_in_a_file_are_replaced():
    data = to_json(run_with_effects().story)
    half = "half \ud800"
    data["effects"] = [[*ROW[:6], half, half, True, [[half, half]]]]
    (entry,) = from_json(data).effects
    text = re.sub(r"\ud800", "\ufffd", half)
    assert (entry.name, entry.key, entry.details) == (text, text, ((text, text),))


@HOSTILE
def test_texts_of_others_come_through_whole(text, tmp_path):
    def act(results: list[Any], context: Context) -> None:
        context.effect((text or "none")[:100], (text or "none")[:400], more=text)

    run = DagaFlow([(DagaAction[Any, Any](act), print)]).start()
    drive(run.step())
    story = run.story
    assert Story.load(story.save(tmp_path / "run.json")) == story
    assert json.dumps(to_json(story)).isascii()
