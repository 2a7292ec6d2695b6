"""What a journal has, as a value, a table, and the story of each run."""

import gc
from datetime import datetime

import pytest
from helpers import Boom, flow_of, play, story
from journals import changed_by_hand, everything

from daga_nb import DagaFlowError, list_runs
from daga_nb.errors import JournalError
from daga_nb.journal.file import opened

CHAIN = [("a", "b"), ("b", "c")]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


def ended(path, name, **how):
    run = flow_of([], CHAIN, how=how, name=name).start(17, journal=path)
    try:
        play(run.finish())
    except DagaFlowError:
        assert how
    return run


def test_how_each_stands(path):
    ended(path, "good")
    ended(path, "clean", b={"fails": Boom("no")})
    ended(path, "dirty", a={"undo": False}, c={"fails": Boom("no")})
    opened = flow_of([], CHAIN, name="open").start(17, journal=path)
    play(opened.step())
    released = flow_of([], CHAIN, name="released").start(17, journal=path)
    play(released.step())
    released.release()
    runs = list_runs(path)
    assert [(run.flow, run.condition, run.state.word, run.open) for run in runs] == [
        ("released", "released", "running", False),
        ("open", "open", "running", True),
        ("dirty", "dirty", "rollback incomplete", False),
        ("clean", "finished", "rolled back", False),
        ("good", "finished", "succeeded", False),
    ]
    assert [run.flow for run in runs.open] == ["open"]
    assert [run.flow for run in runs.dirty] == ["dirty"]
    assert [run.flow for run in list_runs(path, flow="good")] == ["good"]
    assert len(list_runs(path, flow="nobody's")) == 0
    assert repr(runs) == "<5 runs in runs.db: 1 open>"
    assert [run.flow for run in runs[1:3]] == ["open", "dirty"]
    assert runs[-1].run_id != runs[0].run_id
    assert abs((datetime.now().astimezone() - runs[0].created_at).total_seconds()) < 60
    assert runs[1].events == 3


def test_what_is_resumed_and_lost_is_told(path):
    flow = flow_of([], CHAIN)
    run = flow.start(17, journal=path)
    play(run.step())
    play(flow.resume(path, run.id).step())
    (kept,) = list_runs(path)
    assert (kept.resumed, kept.lost, kept.open) == (1, (), True)
    del run
    gc.collect()
    changed_by_hand(path, "DELETE FROM event WHERE seq = 5")
    assert list_runs(path)[0].lost == ("b",)


def test_looking_writes_nothing(path):
    ended(path, "good")
    before = everything(path)
    [(str(list_runs(path)), run.story, run.lost) for run in list_runs(path)]
    assert everything(path) == before


def test_as_a_table(path):
    ended(path, "good")
    ended(path, "<b>bold</b> & 'quotes'", b={"fails": Boom("no")})
    runs = list_runs(path)
    head, first, second = str(runs).splitlines()
    assert head.split() == ["run", "flow", "began", "state", "events", "run", "time", "resumed", "condition"]
    assert runs[0].run_id in first
    assert "rolled back" in first
    assert "succeeded" in second
    html = runs._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; &#x27;quotes&#x27;" in html
    assert html.count("<tr>") == 3
    frame = runs.to_frame()
    assert list(frame["flow"]) == ["<b>bold</b> & 'quotes'", "good"]
    assert list(frame["state"]) == ["ROLLED_BACK", "SUCCEEDED"]


def test_of_two_hundred_runs_a_hundred_are_written_out(path):
    flow = flow_of([], [("a", "b")])
    with opened(path, create=True):  # else it is opened and closed for each
        for _ in range(200):
            play(flow.run(17, journal=path))
    runs = list_runs(path)
    assert len(runs) == 200
    assert len({run.run_id for run in runs}) == 200
    assert len(str(runs).splitlines()) == 102
    assert str(runs).endswith("and 100 older runs")
    assert runs._repr_html_().count("<tr>") == 101
    assert len(runs.to_frame()) == 200


def test_no_runs(path):
    run = flow_of([], CHAIN).start(17, journal=path)
    runs = list_runs(path)
    assert (len(runs), str(runs), runs._repr_html_()) == (0, "no runs", "<p>no runs</p>")
    assert not run.state.ended


def test_the_story_of_a_run_is_that_of_the_run(path):
    run = ended(path, "trip", b={"fails": Boom("no")})
    kept = list_runs(path)[0].story
    assert (kept.flow, kept.run, kept.input) == ("trip", run.id, "17")
    assert [str(event) for event in kept.events] == story(run)
    assert kept.plan.names == run.plan.names
    assert [note.text for note in kept.notes] == [note.text for note in run.story.notes]
    assert sum("Boom: no" in note.text for note in kept.notes) == 1
    assert kept.notes[2].text == run.story.notes[2].text == "'a'"
    assert kept.at(3).states == run.story.at(3).states


def test_a_damaged_run_is_named_and_the_others_can_be_read(path):
    ended(path, "good")
    bad = ended(path, "bad")
    changed_by_hand(path, ("UPDATE run SET plan = '{}' WHERE run_id = ?", (bad.id,)))
    worse, good = list_runs(path)
    with pytest.raises(JournalError, match=f"run {bad.id} in .*runs.db is damaged"):
        _ = worse.story
    assert len(good.story) == 8
