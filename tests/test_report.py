"""The page of a run: all it needs is in it, and text of others is data there too."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from helpers import Boom, action, flow_of
from story_runs import drive, failing, runs
from test_hostile import HOSTILE

from daga_nb import DagaFlow, Story
from daga_nb.debug.story_file import from_json, to_json
from daga_nb.page.record import record_of
from daga_nb.page.report import html_of

NASTY = [
    "</script><script>alert(1)</script>",
    "<!-- <script>",
    "]]></style><img src=x onerror=alert(1)>",
    "one\u2028two\u2029three",
    '"><svg onload=alert(1)>&lt;',
    "half \ud83d",
    "\x00\x0b\x1b",
    "__proto__",
]


class Parsed(HTMLParser):
    """What a browser makes of the page: the tags, and the texts in scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[int, str] = {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        at = len(self.tags) - 1
        self.texts[at] = self.texts.get(at, "") + data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data[:80]}")

    def text_of(self, **attributes: str) -> str:
        (found,) = [at for at, (_, has) in enumerate(self.tags) if attributes.items() <= has.items()]
        return self.texts[found]


def record_in(page: str) -> Any:
    """Give the record that the page holds, read as a browser reads it: JSON has no NaN."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(Parsed(page).text_of(id="record"), parse_constant=refuse)


HEAD = ["html", "head", "meta", "meta", "meta", "link", "title", "style"]
TAGS = [*HEAD, "body", "main", "noscript", "script", "script"]


def nasty_run(text: str) -> Any:
    done: list[str] = []
    failed = action(done, text, fails=Boom(text), undo_fails=Boom(text))
    run = DagaFlow([(action(done, text, result=text), failed)], name=text).start(text)
    run.take_notes().wrote(text[:600])
    drive(run.go())
    return run


@pytest.mark.parametrize("text", NASTY)
def test_texts_of_others_open_no_tag_and_close_none(text):
    run = nasty_run(text)
    page = html_of(run.story)
    parsed = Parsed(page)
    assert [tag for tag, _ in parsed.tags] == TAGS
    assert all(not name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    data = parsed.text_of(id="record")
    assert "<" not in data
    assert data.isascii()
    assert record_in(page) == json.loads(json.dumps(record_of(run.story)))


@HOSTILE
def test_the_page_can_be_made_of_any_texts(text, tmp_path):
    run = nasty_run(text)
    page = run.report(tmp_path / "run.html").read_text(encoding="utf-8")
    assert [tag for tag, _ in Parsed(page).tags] == TAGS
    assert len(page) < 400_000
    record = record_in(page)
    assert record["face"]["names"][0] == record_of(run.story)["face"]["names"][0]
    page.encode()


@pytest.mark.parametrize("what", runs())
def test_what_is_in_it_is_the_record_of_the_story(what, tmp_path):
    run = runs()[what]
    record = record_in(run.report(tmp_path / "run.html").read_text())
    assert record == json.loads(json.dumps(record_of(run.story)))
    assert len(record["events"]) == len(run.events)
    assert [row[0] for row in record["log"]].count("run") == sum(event.node is None for event in run.events)
    assert [one["node"] for one in record["details"]] == list(range(len(run.plan)))
    assert set(record["layouts"]) == {"LR", "TB"}
    states = [look["word"] for look in record["face"]["looks"]]
    assert [states[mark[0]] for mark in record["nodes"]] == [state.word for state in run.node_states]
    assert record["face"]["run_looks"][record["head"]["state"]]["word"] == run.state.word


def test_nothing_is_loaded_and_nothing_is_sent(done):
    page = html_of(flow_of(done).start().story)
    assert set(re.findall(r"https?://[^\s\"'`)]*", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"url\((?!#)|@import|import\s*\(|\bfetch\(|XMLHttpRequest|WebSocket|\beval\(", page)
    parsed = Parsed(page)
    policy = [
        has["content"] for tag, has in parsed.tags if has.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == [
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
    ]
    assert [has["href"] for tag, has in parsed.tags if tag == "link"] == ["data:,"]
    assert not [has for _, has in parsed.tags if "src" in has]
    module = parsed.text_of(type="module")
    assert "innerHTML" not in module


def test_a_run_that_has_not_begun_and_one_that_goes_on_have_a_page(done):
    run = flow_of(done, name="trip").start()
    before = record_in(html_of(run.story))
    assert (before["when"], before["events"], before["log"]) == ("", [], [])
    assert before["head"]["next"] == "next: batch 1, 1 action: a"
    drive(run.step())
    going = record_in(html_of(run.story))
    assert going["head"]["next"] == "next: batch 2, 2 actions: b, c"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", going["when"])
    assert going["lab"] == {"run": run.id, "input": ""}


@pytest.mark.parametrize("when", [1e300, -1e300, 0, -1, 10**15])
def test_a_file_may_say_any_time(done, when):
    run = flow_of(done).start()
    drive(run.go())
    story = from_json({**to_json(run.story), "started_at": when})
    assert isinstance(record_in(html_of(story))["when"], str)


def test_the_times_of_a_file_are_no_harm_to_its_page(done):
    run = flow_of(done).start(faults=[failing("d")])
    drive(run.go())
    data = to_json(run.story)
    for event in data["events"]:
        event[0] = event[6] = 3.2e9
    page = html_of(from_json(data))
    assert record_in(page)["events"][0][4] == 3.2e12


def test_a_page_of_a_thousand_actions_is_not_large(done):
    run = flow_of(done, [("start", f"a{number}") for number in range(1000)]).start()
    drive(run.go())
    assert len(html_of(run.story)) < 1_500_000


def test_writing_it_gives_the_path_and_takes_text_paths(done, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = flow_of(done).start()
    assert str(run.report("run.html")) == "run.html"
    loaded = Story.load(run.save("run.json"))
    assert loaded.report("again.html").read_text() == (tmp_path / "run.html").read_text()
    assert done == []
