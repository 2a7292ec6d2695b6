"""Files of stories are data of others: every field is checked, and what is wrong is said with its place."""

from __future__ import annotations

import copy
import json
import os
import re
import time
from typing import Any

import networkx as nx
import pytest
from helpers import Boom, action, flow_of
from hypothesis import given, settings
from hypothesis import strategies as st
from story_runs import CHAIN, drive, failing, runs
from test_hostile import HOSTILE
from test_ledger_rows import run_with_effects

from daga_nb import DagaFlow, Story
from daga_nb.core import shape
from daga_nb.debug import story_file
from daga_nb.debug.history import story_of
from daga_nb.debug.story_file import from_json, to_json
from daga_nb.errors import StoryError
from daga_nb.page.record import record_of
from daga_nb.page.report import html_of

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def data(done):
    """Give the JSON values of a good story: a, b, c with c failing."""
    run = flow_of(done, CHAIN, name="trip").start(17, faults=[failing("c")])
    drive(run.go())
    return to_json(run.story)


@pytest.fixture
def load(tmp_path):
    """Give what loads JSON values, or any text or bytes, from a file."""

    def load(data: Any) -> Story:
        text = data if isinstance(data, str | bytes) else json.dumps(data)
        path = tmp_path / "run.json"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        return Story.load(path)

    return load


def refused(load: Any, data: Any, says: str) -> str:
    """Have a file refused: the message names the file and the place, and is short."""
    with pytest.raises(StoryError) as error:
        load(data)
    message = str(error.value)
    assert re.search(says, message), message
    assert "run.json" in message
    assert len(message) < 1500
    return message


# ------------------------------------------------------------------------------ what it is not


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "no JSON"),
        ("{", "no JSON"),
        (b"\xff\xfe{}", "no JSON"),
        (b"\xef\xbb\xbf{}", "no JSON"),
        ("\ud800", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('{"format":' * 50_000, "no JSON"),
        ('{"version": ' + "9" * 5000 + "}", "no JSON"),
        ("[]", "does not say that it is one"),
        ("null", "does not say that it is one"),
        ('"daga-nb story"', "does not say that it is one"),
        ('{"format": "daga-nb scenario"}', "does not say that it is one"),
        ('{"format": ["daga-nb story"]}', "does not say that it is one"),
        ('{"format": "daga-nb story"}', "of version None"),
        ('{"format": "daga-nb story", "version": 2}', "of version 2; this daga_nb reads version 1"),
        ('{"format": "daga-nb story", "version": true}', "of version True"),
        ('{"format": "daga-nb story", "version": 1.0}', "of version 1.0"),
        ('{"format": "daga-nb story", "version": "' + "1" * 9000 + '"}', "of version"),
        ('{"format": "daga-nb story", "version": ' + "[" * 900 + "]" * 900 + "}", "of version|no JSON"),
        ('{"format": "daga-nb story", "version": 1}', "the fields .*events.* are missing, or not known"),
    ],
)
def test_what_is_no_story_is_refused(load, content, says):
    refused(load, content, says)


def test_a_file_that_is_too_large_is_not_read(load, monkeypatch, data):
    monkeypatch.setattr(story_file, "LARGEST", 2**20)
    assert load(data)
    refused(load, b" " * (2**20 + 1), "larger than 1 MB: it is not read")


BOMBS = {
    "lists": '{"format":"daga-nb story","names":[' + "[]," * 3_000_000 + "[]]}",
    "numbers": '{"format":"daga-nb story","names":[' + "0.5," * 3_000_000 + "0]}",
    "texts": '{"format":"daga-nb story","lines":[' + '"ab",' * 3_000_000 + "0]}",
    "fields": '{"format":"daga-nb story",' + ",".join(f'"{number}":0' for number in range(2_100_000)) + "}",
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_file_of_very_many_values_is_not_read(load, tmp_path, bomb):
    """Read, each would take some sixty bytes, and the file the memory of others."""
    path = tmp_path / "bomb.json"
    path.write_text(bomb)
    began = time.process_time()
    with pytest.raises(StoryError, match=r"bomb\.json is not read: it has more than 2000000 values"):
        Story.load(path)
    assert time.process_time() - began < 2


def test_a_story_of_very_many_values_is_not_written(done, monkeypatch, tmp_path):
    run = flow_of(done).start()
    drive(run.go())
    monkeypatch.setattr(shape, "MOST_PARTS", 10)
    with pytest.raises(StoryError, match="could not be read again: it has more than 10 values"):
        run.save(tmp_path / "run.json")
    assert os.listdir(tmp_path) == []


def test_a_story_that_could_not_be_read_again_is_not_written(done, monkeypatch, tmp_path):
    run = flow_of(done).start()
    path = run.save(tmp_path / "run.json")
    before = path.read_bytes()
    monkeypatch.setattr(story_file, "LARGEST", 200)
    with pytest.raises(StoryError, match="larger"):
        run.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["run.json"]


def test_what_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        Story.load(tmp_path / "none.json")
    with pytest.raises(OSError, match=r"irectory|ermission"):
        Story.load(tmp_path)


# ------------------------------------------------------------------------------- wrong fields


def put(data: Any, place: str, value: Any) -> Any:
    """Give a copy with another value at a place like ``events.2.0``; ``DELETE`` takes it out."""
    data = copy.deepcopy(data)
    *path, last = [int(part) if part.isdigit() else part for part in place.split(".")]
    part = data
    for step in path:
        part = part[step]
    if value is DELETE:
        del part[last]
    else:
        part[last] = value
    return data


DELETE: Any = type("DELETE", (), {"__repr__": lambda self: "DELETE"})()
HUGE = 10**400
NAN, INF = float("nan"), float("inf")

WRONG = [
    ("flow", 3, "flow is not"),
    ("run", None, "run is not"),
    ("input", ["x"], "input is not"),
    ("input", "x" * 200_000, "input is not"),
    ("names", "abc", "names is not"),
    ("names", [], "names is not"),
    ("names", ["a", "b", 3], "names is not"),
    ("names", ["a", "b", "a"], "names is not"),
    ("names", ["a", "b"], "predecessors is not"),
    ("predecessors", DELETE, "the fields predecessors are missing"),
    ("more", 1, "the fields more are missing, or not known"),
    ("predecessors.1", [1], r"predecessors\[1\]"),
    ("predecessors.1", [2], r"predecessors\[1\]"),
    ("predecessors.1", [-1], r"predecessors\[1\]"),
    ("predecessors.1", [0, 0], r"predecessors\[1\]"),
    ("predecessors.1", [True], r"predecessors\[1\]"),
    ("predecessors.1", [0.0], r"predecessors\[1\]"),
    ("predecessors.1", ["a"], r"predecessors\[1\]"),
    ("predecessors.1", [[0]], r"predecessors\[1\]"),
    ("predecessors.1", None, r"predecessors\[1\]"),
    ("predecessors.2", [], r"predecessors\[2\]"),
    ("predecessors", {}, "predecessors is not"),
    ("undo", ["call", "call"], "undo is not"),
    ("undo.1", "eval", "undo is not"),
    ("undo.1", ["call"], "undo is not"),
    ("undo", None, "undo is not"),
    ("policy", [], "policy is not"),
    ("policy.more", 1, "policy is not"),
    ("policy.schedule", "lazy", "policy is not"),
    ("policy.schedule", ["batch"], "policy is not"),
    ("policy.rollback_failed", 1, "policy is not"),
    ("policy.on_rollback_error", None, "policy is not"),
    ("started_at", "now", "started_at is not"),
    ("started_at", True, "started_at is not"),
    ("started_at", NAN, "started_at is not"),
    ("started_at", HUGE, "started_at is not"),
    ("events", {}, "events is not"),
    ("events.3", {}, "event 4 is not"),
    ("events.3", [], "event 4 is not"),
    ("events.3.0", NAN, "event 4"),
    ("events.3.0", INF, "event 4"),
    ("events.3.0", HUGE, "event 4"),
    ("events.3.0", 1e300, "event 4"),
    ("events.3.0", -1, "event 4"),
    ("events.3.0", "0.1", "event 4"),
    ("events.3.0", True, "event 4"),
    ("events.3.1", 3, "event 4"),
    ("events.3.1", -1, "event 4"),
    ("events.3.1", "b", "event 4"),
    ("events.3.1", True, "event 4"),
    ("events.3.1", 1.0, "event 4"),
    ("events.3.1", None, "the run cannot go from RUNNING to RUNNING"),
    ("events.3.2", "DANCING", "event 4: there is no state"),
    ("events.3.2", None, "event 4: there is no state"),
    ("events.3.2", ["RUNNING"], "event 4: there is no state"),
    ("events.3.2", "x" * 90_000, "event 4: there is no state"),
    ("events.3.2", "SUCCEEDED", "no run could have gone like this"),
    ("events.3.3", 2, "event 4: this is attempt 1, not 2"),
    ("events.3.3", 0, "event 4"),
    ("events.3.3", HUGE, "event 4"),
    ("events.3.3", True, "event 4"),
    ("events.3.4", None, "event 4"),
    ("events.3.5", 3, "event 4"),
    ("events.3.5", "x" * 9000, "event 4"),
    ("events.3.6", -1, "event 4"),
    ("events.3.6", NAN, "event 4"),
    ("events.3.6", 1e300, "event 4"),
    ("events.3.6", HUGE, "event 4"),
    ("events.3.6", False, "event 4"),
    ("events.0", DELETE, "no run could have gone like this"),
    ("events.6", DELETE, "no run could have gone like this"),
    ("events.0.2", "SUCCEEDED", "no run could have gone like this"),
    ("lines", None, "lines is not"),
    ("lines", ["x"], "lines is not"),
    ("lines", [[1, "x", 2]], "lines is not"),
    ("lines", [[1.0, "x"]], "lines is not"),
    ("lines", [[True, "x"]], "lines is not"),
    ("lines", [[-1, "x"]], "lines is not"),
    ("lines", [[99, "x"]], "lines is not"),
    ("lines", [[2, "x"], [1, "x"]], "lines is not"),
    ("lines", [[1, 3]], "lines is not"),
    ("lines", [[1, "x" * 9000]], "lines is not"),
]


@pytest.mark.parametrize(("place", "value", "says"), WRONG, ids=lambda value: str(value)[:30])
def test_a_wrong_field_is_refused_with_its_place(load, data, place, value, says):
    assert load(data)
    refused(load, put(data, place, value), says)


def test_deep_values_anywhere_are_refused_in_words(load, data):
    deep: Any = "["
    for place in (
        "version",
        "events.3.2",
        "names",
        "undo.1",
        "policy.schedule",
        "started_at",
        "lines",
        "flow",
    ):
        for depth in (200, 600, 800):
            deep = json.loads("[" * depth + "]" * depth)
            refused(load, put(data, place, deep), "is not|there is no state|of version|no JSON")


def test_a_message_is_short_however_long_the_names_are(load, data):
    long = "x" * 900_000
    wrong = put(put(data, "names.1", long), "events.3.2", "SUCCEEDED")
    refused(load, wrong, "no run could have gone like this")
    refused(load, put(data, long, 1), "not known")
    refused(load, put(data, "version", long), "of version")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["RUNNING", "SUCCEEDED", "FAILED", "ROLLED_BACK", "call", "missing", "a", 0, 1, 2, 3]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
GOOD = [to_json(run.story) for run in (*runs().values(), *[run_with_effects()] * 4)]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Give every place in JSON values, as the container and the key."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [(value, key) for key in keys] + [one for key in keys for one in places(value[key])]


@given(st.sampled_from(GOOD), st.data())
@settings(max_examples=400, deadline=None, derandomize=True)
def test_a_changed_file_is_a_story_or_is_refused(good, draws):
    changed = copy.deepcopy(good)
    for _ in range(draws.draw(st.integers(1, 3))):
        spots = places(changed)
        if not spots:
            break
        container, key = spots[draws.draw(st.integers(0, len(spots) - 1))]
        how = draws.draw(st.sampled_from(["other", "other", "delete", "swap"]))
        if how == "other":
            container[key] = draws.draw(json_values)
        elif how == "delete":
            del container[key]
        else:
            other, its = spots[draws.draw(st.integers(0, len(spots) - 1))]
            try:
                container[key], other[its] = copy.deepcopy(other[its]), copy.deepcopy(container[key])
            except (LookupError, TypeError):
                continue
    try:
        story = from_json(changed)
    except StoryError:
        return
    story.at(len(story))
    assert from_json(json.loads(json.dumps(to_json(story), allow_nan=False))) == story


# --------------------------------------------------------------------------- texts of others


@HOSTILE
def test_texts_of_others_come_through_whole(done, load, text, tmp_path):
    failed = action(done, text, fails=Boom(text))
    flow = DagaFlow([(action(done, text, result=text), failed)], name=text)
    run = flow.start(text)
    drive(run.go())
    path = run.save(tmp_path / "run.json")
    assert path.read_bytes().isascii()
    loaded = Story.load(path)
    assert loaded == run.story
    assert loaded.plan.names == flow.plan.names
    assert html_of(loaded)
    assert done == [f"do {text}", f"do {text}", f"undo {text}", f"undo {text}"]


def test_halves_of_characters_in_a_file_reach_no_page(load, data):
    data["input"] = data["events"][1][4] = data["events"][2][5] = "\ud800"
    data["lines"] = [[1, "\udfff"]]
    story = load(data)
    assert (story.input, story.notes[2].text, story.lines) == ("\ufffd", "\ufffd", ((1, "\ufffd"),))
    assert json.dumps(record_of(story), ensure_ascii=False).encode()


def test_many_failures_at_once_make_a_long_reason_that_can_be_loaded(done, load):
    names = [f"an action with a rather long name, number {number}" for number in range(400)]
    graph: nx.DiGraph[Any] = nx.DiGraph()
    graph.add_nodes_from(action(done, name, fails=Boom("x")) for name in names)
    run = DagaFlow(graph).start()
    drive(run.go())
    assert load(to_json(run.story)) == run.story


# -------------------------------------------------------------------------------- whole or not


def test_saving_is_atomic(done, tmp_path, monkeypatch):
    run = flow_of(done).start()
    path = run.save(tmp_path / "run.json")
    before = path.read_bytes()
    drive(run.go())

    def fails(*_: Any, **__: Any) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.replace", fails)
        for write in (run.save, run.report):
            with pytest.raises(OSError, match="the disk is full"):
                write(path)
            assert path.read_bytes() == before
            assert os.listdir(tmp_path) == ["run.json"]
    run.save(path)
    assert len(Story.load(path)) == len(run.events)
    assert os.listdir(tmp_path) == ["run.json"]


def test_a_name_as_long_as_the_system_allows_can_be_used(done, tmp_path):
    path = tmp_path / ("x" * 250 + ".html")
    assert flow_of(done).start().report(path) == path
    assert os.listdir(tmp_path) == [path.name]


def test_where_nothing_can_be_written_nothing_is_left(done, tmp_path):
    run = flow_of(done).start()
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "no" / "run.json", tmp_path / "folder"):
        for write in (run.save, run.report):
            with pytest.raises(OSError, match=r".") as failed:
                write(path)
            assert (failed.value.filename, failed.value.filename2) == (str(path), None)
    assert os.listdir(tmp_path) == ["folder"]
    assert os.listdir(tmp_path / "folder") == []


def test_a_story_is_the_same_with_and_without_a_history_object(done):
    run = flow_of(done).start()
    drive(run.go())
    assert story_of(run, None) == run.story
