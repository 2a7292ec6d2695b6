"""Stories as static pictures: at the end, at any moment, two at once, and in every display."""

from __future__ import annotations

import subprocess
import sys

import pytest
from helpers import flow_of, play
from test_picture import texts
from widget_page import failing

from daga_nb import Story, compare, scrub
from daga_nb.errors import StoryError
from daga_nb.render.moments import picture_of_story, picture_of_twin

VIEW = "application/vnd.jupyter.widget-view+json"
PICTURES = {"image/svg+xml", "image/png", "text/plain"}


def ended(done, faults=(), **options):
    run = flow_of(done).start(faults=faults, **options)
    play(run.go())
    return run


@pytest.mark.parametrize(
    ("at", "where"), [(None, "before"), ("b", "before"), ("d", "after"), ("b", "rollback")]
)
def test_at_its_end_it_is_the_picture_of_the_run_but_for_what_is_planted(done, at, where):
    faults = [failing(at, where)] if at else []
    faults += [failing("d")] if where == "rollback" else []
    run = ended(done, faults)
    assert run.story.picture().text == run.picture().text.replace(", ⚡ fault planted", "")


def test_of_a_loaded_story_it_is_the_same_to_the_byte(done, tmp_path):
    story = ended(done, [failing("d")]).story
    again = Story.load(story.save(tmp_path / "run.json"))
    assert again.picture().svg == story.picture().svg


def test_a_moment_shows_what_was_known_then(done):
    story = ended(done, [failing("d")]).story
    names = [str(event) for event in story.events]
    lines = [story.picture(names.index(what) + 1).text.splitlines() for what in ("b SUCCEEDED", "d FAILED")]
    assert lines[0][0].endswith(
        f"◐ running · b: succeeded (event {names.index('b SUCCEEDED') + 1} of {len(story)})"
    )
    assert "✓ b (succeeded, " in lines[0][2]
    assert lines[0][3] == "batch 3: ○ d (pending)"
    assert lines[1][3].startswith("batch 3: ✗ d (failed, ")
    assert (
        story.picture(0)
        .text.splitlines()[0]
        .endswith(f"○ ready · before the start (event 0 of {len(story)})")
    )


def test_looking_at_every_moment_calls_nothing(done):
    story = ended(done, [failing("d")]).story
    called = list(done)
    for position in range(len(story) + 1):
        assert story.picture(position).states == tuple(story.at(position).states.values())
    assert done == called
    with pytest.raises(StoryError, match="positions 0 to"):
        story.picture(len(story) + 1)


def test_tried_again_and_succeeded_it_has_not_failed_any_more(done):
    run = ended(done, [failing("d")], on_failure="pause")
    failed = len(run.events)
    run.clear_faults()
    play(run.retry())
    play(run.finish())
    assert "✗ d (failed" in run.story.picture(failed).text
    assert run.story.picture().failed == frozenset()


def test_a_story_that_ends_at_a_failure_that_is_to_be_decided_says_so(done):
    run = ended(done, [failing("d")], on_failure="pause")
    assert str(run.story.at(len(run.story)).next) == str(run.next)
    assert "paused: d failed" in run.story.picture().text
    assert str(run.story.at(len(run.story) - 1).next) == "waiting for what still runs"


def test_a_story_alone_in_a_cell_is_seen(done):
    data, _ = ended(done).story._repr_mimebundle_()
    assert set(data) == PICTURES


# ------------------------------------------------------------------------------------- two


def test_two_stories_stand_one_below_the_other(done):
    one, other = ended(done), ended(done, [failing("d")])
    picture = picture_of_twin(compare(one, other).table)
    first, _, above, *rest = picture.text.splitlines()
    assert first == "first difference: d: succeeded | failed (Boom: planted (planted, before the effect))"
    assert above.startswith("flow, run A · ✓ succeeded")
    assert any(line.startswith("flow, run B · ↩ rolled back") for line in rest)
    found = texts(picture.svg)
    assert [found.count(name) for name in "abcd"] == [2, 2, 2, 2]
    assert first in found
    alone = [one.size[1] for one in picture.pictures]
    assert picture.size[1] == pytest.approx(sum(alone) + 44, abs=2)


def test_two_runs_without_a_difference_say_so(done):
    picture = picture_of_twin(compare(ended(done), ended(done)).table)
    assert picture.text.splitlines()[0] == "no difference in what happened"


def test_a_twin_can_go_from_top_to_bottom(done):
    found = compare(ended(done), ended(done))
    assert picture_of_twin(found.table, "TB").size[1] > picture_of_twin(found.table).size[1]


# ---------------------------------------------------------------------------------- displays


@pytest.mark.parametrize("show", [scrub, lambda run: compare(run, run)], ids=["scrub", "compare"])
def test_every_display_carries_the_widget_and_pictures(done, show, monkeypatch):
    shown = []
    monkeypatch.setattr(
        "daga_nb.widgets.pictured.publish_display_data", lambda data, _: shown.append(set(data))
    )
    widget = show(ended(done))
    assert set(widget._repr_mimebundle_()[0]) == {VIEW, *PICTURES}
    widget._ipython_display_()
    assert shown == [{VIEW, "text/plain"}, PICTURES]


def test_the_picture_goes_the_way_of_the_widget(done):
    run = ended(done)
    data, _ = scrub(run, direction="TB")._repr_mimebundle_()
    assert data["image/svg+xml"] == picture_of_story(run.story, None, "TB").svg


def test_making_a_player_draws_nothing():
    code = (
        "import sys\n"
        "from daga_nb import DagaFlow, compare, scrub\n"
        "run = DagaFlow([(abs, max)]).start()\n"
        "scrub(run), compare(run, run)\n"
        "print('matplotlib' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
