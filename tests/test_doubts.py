"""What lint has found, as a page gets it: short, and each text once."""

import json

from helpers import flow_of

from daga_nb import canvas, sketch
from daga_nb.debug.finding import Finding
from daga_nb.page.doubts import doubts_of
from daga_nb.page.marks import face


def test_a_canvas_is_told_the_findings():
    flow = sketch("book[no rollback] >> pay >> ship[no rollback]", on_rollback_error="stop")
    shown = canvas(flow.start())._face["doubts"]
    told = {
        name: [shown["texts"][number][:3] for number in shown["at"].get(str(node), ())]
        for name, node in flow.plan.ids.items()
    }
    assert told == {
        "book": [["!", "warning", "no-rollback"]],
        "pay": [],
        "ship": [["i", "note", "no-rollback"]],
    }
    assert shown["flow"] == [], "with one rollback there are no others to stop"


def test_what_is_about_the_flow_stands_apart():
    flow = sketch("book >> pay", on_rollback_error="stop")
    assert doubts_of(flow.plan, flow.lint())["flow"] == [0]


def test_many_actions_share_one_text(done):
    flow = flow_of(
        done,
        [(f"n{number}", f"n{number + 1}") for number in range(300)],
        how={f"n{number}": {"undo": False} for number in range(300)},
    )
    doubts = doubts_of(flow.plan, flow.lint())
    assert len(doubts["at"]) == 300
    assert len(doubts["texts"]) == 1
    assert len(json.dumps(doubts)) < 5_000


def test_what_is_not_in_the_plan_is_left_out_and_half_characters_are_mended():
    plan = sketch("a").plan
    findings = [Finding("r", "b", "note", "", ""), Finding("r", "a", "note", "\ud83d", "")]
    assert doubts_of(plan, findings) == {"texts": [["i", "note", "r", "�", ""]], "at": {"0": [0]}, "flow": []}


def test_a_face_without_findings_has_none():
    assert face(sketch("a").plan, "a")["doubts"] == {"texts": [], "at": {}, "flow": []}
