"""What actions and flows have agreed on: as marks, in pictures, in the face of a page, and in words."""

from __future__ import annotations

import json

import pytest
from helpers import play
from test_picture import texts
from widget_page import Page

from daga_nb import Fault, Retries, canvas, sketch
from daga_nb.core.events import Event
from daga_nb.core.moves import Policy
from daga_nb.core.states import NodeState
from daga_nb.core.tags import KINDS_OF_TAGS, Tag
from daga_nb.core.tries import Tries, is_retry
from daga_nb.debug.story_file import from_json, to_json
from daga_nb.engine.retries import Retry
from daga_nb.page.record import record_of
from daga_nb.page.words import lines_of
from daga_nb.render.agreed import TAG_LOOKS, marks_of, room_beside, saved_in
from daga_nb.render.dot import layout
from daga_nb.render.ink import drawing, glyph_path
from daga_nb.render.theme import LOOKS, RUN_LOOKS

N = NodeState
TRIP = "look[no effect] >> book[save point] >> (hold[timeout=5], pay[pivot, retries=3]) >> ship[retries=1]"


def trip(**options):
    return sketch(TRIP, name="trip", **options)


# ------------------------------------------------------------------------------- signs


def test_each_mark_has_a_glyph_of_its_own_that_the_static_font_can_draw():
    glyphs = [look.glyph for look in TAG_LOOKS.values()]
    taken = {look.glyph for look in (*LOOKS.values(), *RUN_LOOKS.values())}
    assert len({*glyphs}) == len(glyphs)
    assert not taken & {*glyphs}
    assert set(TAG_LOOKS) <= set(KINDS_OF_TAGS)
    with drawing():
        missing = glyph_path("\U0010ffff", 13)
        for look in TAG_LOOKS.values():
            for glyph in (look.glyph, look.reached):
                path = glyph_path(glyph, 13)
                assert len(path.vertices)
                assert (
                    path.vertices.shape != missing.vertices.shape or (path.vertices != missing.vertices).any()
                )


def test_marks_are_what_is_seen_from_afar_and_the_rest_is_in_words():
    tags = [Tag("pivot"), Tag("retries", "3, from 1 s apart", "3"), Tag("rollback failed", "no")]
    assert [mark.text for mark in marks_of(tags)] == ["◇", "↻3"]
    assert [str(tag) for tag in tags] == ["pivot", "retries: 3, from 1 s apart", "rollback failed: no"]
    (mark,) = marks_of([Tag("timeout", "123456789 s", "123456789 s")])
    assert len(mark.text) < 12


def test_what_matters_only_in_a_crash_is_told_in_words_alone():
    flow = sketch("pay[idempotent, retries=2] >> ship")
    assert [[str(tag) for tag in tags] for tags in flow.tags] == [["retries: 2", "idempotent"], []]
    assert [mark.text for mark in marks_of(flow.tags[0])] == ["↻2"]
    run = flow.start()
    assert "pay (pending, retries: 2, idempotent)" in run.picture().text
    story = from_json(json.loads(json.dumps(to_json(run.story))))
    assert story.tags == flow.tags
    agreed = record_of(story)["face"]["agreed"]
    assert [agreed["texts"][one] for one in agreed["at"]["0"]] == [
        ["retries: 2", "↻", "↻", "2"],
        ["idempotent", "", "", ""],
    ]
    assert room_beside(sketch("pay[idempotent] >> ship").tags) == ()


def test_only_what_has_marks_takes_more_room():
    flow = trip()
    rooms = dict(zip(flow.plan.names, room_beside(flow.tags), strict=True))
    assert rooms["look"] == 0 < rooms["book"] < rooms["pay"]
    plain, wider = layout(flow.plan, "TB"), layout(flow.plan, "TB", room_beside(flow.tags))
    grown = [two.width - one.width for one, two in zip(plain.boxes, wider.boxes, strict=True)]
    assert [round(more) for more in grown] == [round(room) for room in rooms.values()]
    assert room_beside(sketch("a >> b").tags) == ()


def test_a_save_point_is_reached_when_all_up_to_its_batch_is_done():
    flow = trip()
    done, pending = N.SUCCEEDED, N.PENDING
    for states, reached in (
        (None, False),
        ([done, pending, pending, pending, pending], False),
        ([done, done, pending, N.FAILED, pending], True),
        ([N.ROLLED_BACK, done, pending, pending, pending], False),
    ):
        assert saved_in(flow.plan, flow.policy, states) == {1: reached}


# ---------------------------------------------------------------------------- attempts


def test_a_retry_is_told_from_its_reason_as_the_engine_writes_it():
    waits, at_once = Retry("forward", 1, 3, 0.5), Retry("back", 2, 3, 0.0)
    tries = Tries([Event(1, 0.0, "pay", N.RUNNING, 2, str(waits))])
    assert tries.of("pay") == "attempt 2, after 0.5 s"
    assert tries.add(Event(2, 0.0, "pay", N.FAILED, 2, "ValueError: x, after 9 s")) == "attempt 2"
    assert tries.add(Event(3, 0.0, "pay", N.ROLLING_BACK, 1)) == tries.of("pay") == ""
    assert is_retry(Event(4, 0.0, "pay", N.ROLLING_BACK, 3, str(at_once)))
    assert not is_retry(Event(5, 0.0, "pay", N.RUNNING, 2, "tried again"))
    assert not is_retry(Event(6, 0.0, "pay", N.FAILED, 2, str(waits)))


def test_a_card_on_a_later_attempt_says_so_live_in_the_picture_and_in_the_past():
    flow = sketch("book >> pay[retries=2]")
    run = flow.start(faults=[Fault.raising(TimeoutError, at="pay")])
    page = Page(canvas(run))

    async def go():
        await page.open()
        await run.go()
        await page.rest()

    play(go())
    record = record_of(run.story)
    told = [row[2] for row in record["events"] if row[0] == 1]
    assert told[:6] == ["", "", *["attempt 2"] * 2, *["attempt 3"] * 2]
    assert [mark[:2] for mark in page.nodes] == [mark[:2] for mark in record["nodes"]]
    failed = next(event.seq for event in run.events if event.attempt == 3 and event.state is N.FAILED)
    assert "pay (failed, attempt 3" in run.story.picture(failed).text
    lines = [" ".join(filter(None, line[4:6])) for line in lines_of(run.story)]
    assert "pay running retry 2 of 2" in lines
    assert run.story.picture().text == run.picture().text.replace(", ⚡ fault planted", "")


# ---------------------------------------------------------------------------- pictures


def test_a_static_picture_shows_marks_and_explains_those_that_occur():
    picture = trip(rollback_failed=False, on_rollback_error="stop").start().picture()
    found = texts(picture.svg)
    assert {"3", "1", "5 s"} <= {*found}
    for kind in ("pivot", "save point", "retries", "timeout"):
        assert TAG_LOOKS[kind].words in found
    assert {"what failed is not rolled back", "stops where a rollback fails"} <= {*found}
    assert "pay (pending, pivot, retries: 3)" in picture.text
    assert picture.text.endswith("§ what failed is not rolled back · stops where a rollback fails")
    plain = texts(sketch("a >> b").start().picture().svg)
    assert not {look.words for look in TAG_LOOKS.values()} & {*plain}


def test_the_choices_of_a_flow_are_told_only_where_they_are_other():
    assert Policy().choices == Policy("batch", rollback_order="batches").choices == ()
    assert Policy("eager", rollback_order="graph").choices == ("eager schedule",)
    assert Policy(rollback_order="completion").choices == ("rolls back one at a time, the newest first",)
    assert Policy("eager", rollback_order="batches").choices == (
        "eager schedule",
        "rolls back batch by batch",
    )


# -------------------------------------------------------------------------------- page


def test_the_face_has_each_tag_once_and_where_it_stands():
    agreed = record_of(trip(schedule="eager").start().story)["face"]["agreed"]
    words = {node: [agreed["texts"][one][0] for one in some] for node, some in agreed["at"].items()}
    assert words == {
        "0": ["no effect"],
        "1": ["save point"],
        "2": ["timeout: 5 s"],
        "3": ["pivot", "retries: 3"],
        "4": ["retries: 1"],
    }
    assert [glyph for glyph, _ in agreed["legend"]] == ["◇", "⇤", "↻", "◷"]
    assert (agreed["pivots"], agreed["saves"], agreed["flow"]) == ([3], [2], ["eager schedule"])
    many = sketch(" >> ".join(f"a{number}" for number in range(30)), retries=Retries(2, wait=0.1))
    assert len(record_of(many.start().story)["face"]["agreed"]["texts"]) == 1


def test_the_head_names_the_pivot_that_was_passed():
    run = trip().start()
    assert record_of(run.story)["head"]["pivot"] == -1
    play(run.go())
    assert record_of(run.story)["head"]["pivot"] == run.plan.ids["pay"]


def test_going_back_to_a_save_point_reads_as_such():
    run = sketch("book[save point] >> hold >> pay").start(faults=[Fault.raising(TimeoutError, at="pay")])
    play(run.go())
    assert [(event.node, event.attempt) for event in run.events if event.state is N.ROLLING_BACK] == [
        ("pay", 1), ("hold", 1), ("pay", 2), ("hold", 2), ("book", 1),
    ]  # fmt: skip
    assert "back to the save point" in run.timeline()._bundle[0]["image/svg+xml"]
    story = run.story
    turned = next(event.seq for event in run.events if str(event.state) == "RECOVERING")
    cut = from_json({**to_json(story), "events": to_json(story)["events"][:turned], "effects": []})
    assert str(cut.at(turned).next).endswith("back to the save point: rolling back batch 3 of 3: pay")
    cut = from_json({**to_json(story), "events": to_json(story)["events"][: turned + 1], "effects": []})
    assert record_of(cut)["head"]["next"] == "back to the save point: rolling back batch 3 of 3: pay"


# ------------------------------------------------------------------------------- files


def test_a_story_keeps_what_was_agreed_on_and_older_files_have_nothing():
    story = trip().start().story
    data = json.loads(json.dumps(to_json(story)))
    assert from_json(data) == story
    assert from_json(data).tags == story.tags == trip().tags
    del data["tags"]
    assert from_json(data).tags == ((),) * 5
    assert from_json(data).picture().text.splitlines()[1] == "batch 1: ○ look (pending)"


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ({}, "tags is not what it should be"),
        ([[0, "pivot", ""]], "tag 1: it is not a list of 4"),
        ([[9, "pivot", "", ""]], "tag 1: there is no such action"),
        ([[True, "pivot", "", ""]], "tag 1: there is no such action"),
        ([[0, "pivot", "", ""], [0, "luck", "", ""]], "tag 2: there is no such kind"),
        ([[0, "pivot", "", ""], [0, "pivot", "", ""]], "tag 2: there is no such kind, or its action has two"),
        ([[0, ["pivot"], "", ""]], "tag 1: there is no such kind"),
        ([[0, "retries", 3, "3"]], "tag 1: a text of it is none"),
        ([[0, "retries", "3" * 101, "3"]], "tag 1: a text of it is none, or too long"),
    ],
)
def test_wrong_tags_in_a_file_are_refused_with_their_place(rows, says):
    from daga_nb.errors import StoryError

    data = to_json(trip().start().story)
    with pytest.raises(StoryError, match=says):
        from_json({**data, "tags": rows})


def test_hostile_words_in_a_file_stay_short_and_data():
    data = to_json(trip().start().story)
    story = from_json({**data, "tags": [[0, "retries", "<b>\ud800", "<script>alert(1)</script>"]]})
    assert "\\ud800" not in json.dumps(record_of(story)["face"]["agreed"])
    assert all(len(mark.short) <= 8 for mark in marks_of(story.tags[0]))
    assert "<script>" not in story.picture().svg
