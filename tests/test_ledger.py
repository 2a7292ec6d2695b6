"""The ledger as a fold: counted against a model of its own, each verdict from a small story."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daga_nb.core import tally
from daga_nb.core.entries import Entry
from daga_nb.core.ledger import Ledger
from daga_nb.core.plan import Plan
from daga_nb.core.states import RunState
from daga_nb.core.tally import Row, Tally, Verdict
from daga_nb.errors import DagaError, StoryError
from daga_nb.render.ledger import MOST_ROWS, VERDICT_LOOKS, LedgerTable

CHAIN = Plan.compile(nx.DiGraph([("a", "b"), ("b", "c"), ("a", "d")]), str)


def entries(*lines: str, seq: int = 1) -> tuple[Entry, ...]:
    """Give entries written as "a does x", "a undoes x" (its rollback does), "a does x once"."""
    found = []
    for line in lines:
        node, verb, key, *once = line.split()
        kind, direction = {"does": ("done", "forward"), "undoes": ("undone", "back")}[verb]
        found.append(Entry(seq, 0.0, node, 1, direction, kind, "effect", key, bool(once)))  # type: ignore[arg-type]
    return tuple(found)


def verdicts(*lines: str, state: RunState = RunState.ROLLED_BACK) -> dict[str, list[str]]:
    """Give what is wrong with each effect, by its key; or the plain verdict."""
    ledger = Ledger(entries(*lines), CHAIN, state)
    assert ledger.clean is not any(row.flaws for row in ledger.rows)
    return {row.key: [str(one) for one in row.flaws or (row.verdict,)] for row in ledger.rows}


# ---------------------------------------------------------------------------------- the verdicts


@pytest.mark.parametrize(
    ("lines", "state", "expected"),
    [
        (["a does x"], RunState.RUNNING, {"x": ["in the world"]}),
        (["a does x"], RunState.SUCCEEDED, {"x": ["in the world"]}),
        (["a does x"], RunState.ROLLING_BACK, {"x": ["in the world"]}),
        (["a does x"], RunState.ROLLED_BACK, {"x": ["left behind"]}),
        (["a does x"], RunState.ROLLBACK_INCOMPLETE, {"x": ["left behind"]}),
        (["a does x", "a undoes x"], RunState.ROLLED_BACK, {"x": ["undone"]}),
        (["a does x", "a undoes x", "a does x"], RunState.RUNNING, {"x": ["in the world"]}),
        (["a does x", "a undoes x", "a undoes x"], RunState.ROLLED_BACK, {"x": ["undone twice"]}),
        (["a undoes x"], RunState.ROLLED_BACK, {"x": ["undone, never done"]}),
        (["a undoes x", "a does x"], RunState.ROLLED_BACK, {"x": ["undone, never done"]}),
        (["a does x", "a does x"], RunState.RUNNING, {"x": ["done twice"]}),
        (["a does x", "a does x", "a undoes x"], RunState.ROLLED_BACK, {"x": ["left behind", "done twice"]}),
        (["a does x", "a does x once"], RunState.RUNNING, {"x": ["in the world"]}),
        (["a does x once", "a does x once", "a undoes x once"], RunState.ROLLED_BACK, {"x": ["undone"]}),
        (["a does x", "a undoes x once", "a undoes x once"], RunState.ROLLED_BACK, {"x": ["undone"]}),
        (["a undoes x once"], RunState.ROLLED_BACK, {"x": ["nothing done"]}),
    ],
)
def test_what_is_said_of_an_effect(lines, state, expected):
    assert verdicts(*lines, state=state) == expected


def test_undone_too_early_is_what_something_stood_on_that_was_undone_later():
    right = verdicts("a does x", "b does y", "b undoes y", "a undoes x")
    assert right == {"x": ["undone"], "y": ["undone"]}
    wrong = verdicts("a does x", "b does y", "c does z", "a undoes x", "c undoes z", "b undoes y")
    assert wrong == {"x": ["undone too early"], "y": ["undone"], "z": ["undone"]}


def test_what_is_beside_or_never_undone_makes_nothing_too_early():
    beside = verdicts("b does y", "d does w", "b undoes y", "d undoes w")
    assert beside == {"y": ["undone"], "w": ["undone"]}
    left = verdicts("a does x", "b does y", "a undoes x")
    assert left == {"x": ["undone"], "y": ["left behind"]}


def test_what_was_undone_before_the_run_went_forward_again_is_not_too_early_for_what_is_undone_then():
    once = ["b does y", "c does z", "c does z", "c undoes z", "b undoes y"]
    assert verdicts("a does x", *once, *once, "a undoes x") == {
        "x": ["undone"],
        "y": ["undone"],
        "z": ["left behind", "done twice"],
    }


def test_an_action_that_takes_back_what_another_did_on_the_way_forward_is_in_no_wrong_order():
    forward = [one._replace(direction="forward") for one in entries("a undoes x", "b undoes y")]
    ledger = Ledger((*entries("a does x", "b does y"), *forward), CHAIN, RunState.ROLLED_BACK)
    assert ledger.clean


def test_without_a_plan_and_in_very_large_flows_the_order_is_not_looked_at(monkeypatch):
    lines = entries("a does x", "b does y", "a undoes x", "b undoes y")
    assert [row.key for row in Ledger(lines, CHAIN).wrong_order] == ["x"]
    assert Ledger(lines).clean
    monkeypatch.setattr(tally, "MOST_ORDERED", 3)
    assert Ledger(lines, CHAIN).clean


def test_the_parts_of_a_ledger():
    lines = ["a does x", "b does y", "a undoes x", "a undoes x", "b undoes z", "b does y", "c does w"]
    ledger = Ledger(entries(*lines), CHAIN, RunState.ROLLED_BACK)
    found = {
        name: [row.key for row in getattr(ledger, name)]
        for name in ("in_world", "left", "done_twice", "undone_twice", "undone_never_done", "wrong_order")
    }
    assert found == {
        "in_world": ["y", "w"],
        "left": ["y", "w"],
        "done_twice": ["y"],
        "undone_twice": ["x"],
        "undone_never_done": ["z"],
        "wrong_order": [],
    }
    assert [ledger.count("effect", key) for key in "xyzw"] == [-1, 2, -1, 1]
    assert ledger.count("other", "x") == 0
    assert repr(ledger) == "<Ledger of 4 effects: 2 left behind, 1 undone twice, 1 undone, never done>"
    assert Ledger(ledger.entries, CHAIN, RunState.ROLLING_BACK).left == ()


def test_who_did_it_is_named_and_of_many_only_the_first():
    lines = [f"a{number} does x once" for number in range(20)]
    (row,) = Ledger(entries(*lines)).rows
    assert row.by == tuple(f"a{number}" for number in range(tally.NAMED))
    assert (row.done, row.repeats) == (1, 19)


# ------------------------------------------------------------------------------- against a model


class World:
    """What a world does: a list of what is in it, and a list of what was asked for too often."""

    def __init__(self) -> None:
        self.things: list[str] = []
        self.owed: list[str] = []
        self.ever: set[str] = set()
        self.wrong: set[tuple[str, str]] = set()

    def do(self, key: str, once: bool) -> None:
        if key in self.things and once:
            return
        if key in self.things:
            self.wrong.add((key, "done twice"))
        self.ever.add(key)
        if key in self.owed:
            self.owed.remove(key)
        else:
            self.things.append(key)

    def undo(self, key: str, once: bool) -> None:
        if key in self.things:
            self.things.remove(key)
        elif not once:
            self.owed.append(key)
            self.wrong.add((key, "undone twice" if key in self.ever else "undone, never done"))


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("xyz"), st.booleans()), max_size=40))
def test_the_count_is_that_of_a_world_of_things(asked):
    world, fold = World(), Tally()
    for number, (done, key, once) in enumerate(asked):
        (world.do if done else world.undo)(key, once)
        fold.add(Entry(number, 0.0, "a", 1, "forward", "done" if done else "undone", "effect", key, once))
        for row in fold.rows:
            assert row.in_world == world.things.count(row.key) - world.owed.count(row.key)
            assert fold.count("effect", row.key) == row.in_world
            assert {(row.key, str(flaw)) for flaw in row.flaws} == {
                one for one in world.wrong if one[0] == row.key
            }
    assert [row.key for row in fold.rows] == list(dict.fromkeys(key for _, key, _ in asked))


@given(st.permutations(["a", "b", "c", "d"]))
def test_an_order_is_wrong_if_an_action_is_undone_before_one_downstream_of_it(order):
    found = verdicts(
        *(f"{node} does {node}" for node in "abcd"), *(f"{node} undoes {node}" for node in order)
    )
    below = {"a": "bcd", "b": "c", "c": "", "d": ""}
    for place, node in enumerate(order):
        early = bool({*order[place + 1 :]} & {*below[node]})
        assert found[node] == ["undone too early" if early else "undone"]


def test_a_million_sets_of_nodes_are_not_waited_for(monkeypatch):
    monkeypatch.setattr(tally, "MOST_WAITING", 1)
    lines = [
        "a does x",
        "b does y",
        "b does y2",
        "c does z",
        "a undoes x",
        "b undoes y",
        "c undoes z",
        "b undoes y2",
    ]
    assert verdicts(*lines)["x"] == ["undone too early"]


# ------------------------------------------------------------------------------ as text, as JSON


def test_as_text_each_verdict_has_its_glyph_and_its_word():
    assert list(VERDICT_LOOKS) == list(Verdict)
    assert len({look.glyph for look in VERDICT_LOOKS.values()}) == len(Verdict)
    lines = ["a does seat", "b does charge", "b does charge", "a undoes seat"]
    assert str(Ledger(entries(*lines), CHAIN, RunState.ROLLED_BACK)).splitlines() == [
        "effect  key     in the world  done  undone  by  verdict",
        "effect  seat               0     1       1  a   ↩ undone",
        "effect  charge             2     2       0  b   ⚑ left behind, ⇉ done twice",
    ]
    assert str(Ledger()) == "no effects recorded"
    assert Ledger()._repr_html_() == "<p>no effects recorded</p>"


def test_texts_of_others_are_escaped_and_cut_and_stay_on_their_line():
    row = Row("<script>\n", "鍵" * 1000, 1, 1, by=("<b>",))
    html = LedgerTable([row]).html
    assert "<script>" not in html
    assert "<b>" not in html
    lines = str(LedgerTable([row, Row("x", "y")])).splitlines()
    assert len(lines) == 3
    assert max(map(len, lines)) < 200


def test_a_long_table_says_how_much_there_is_more():
    table = LedgerTable([Row("file", str(number)) for number in range(MOST_ROWS + 7)])
    assert str(table).splitlines()[-1] == "and 7 more effects"
    assert table.html.endswith("<p>and 7 more effects</p>")


def test_a_frame_has_a_row_for_each_effect_and_needs_pandas(monkeypatch):
    def frame(rows: list[dict[str, Any]], columns: list[str]) -> Any:
        assert all(list(row) == columns for row in rows)
        return rows

    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=frame))
    (row,) = Ledger(entries("a does x", "a does x"), CHAIN).to_frame()
    assert row == {
        "name": "effect",
        "key": "x",
        "in_world": 2,
        "done": 2,
        "undone": 0,
        "repeats": 0,
        "by": "a",
        "verdict": "done twice",
        "flaws": "done twice",
    }
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(DagaError, match="pip install pandas"):
        Ledger().to_frame()


def test_a_real_frame():
    import pandas

    frame = Ledger(entries("a does x")).to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == 1


ENTRY = Entry(3, 0.5, "pay", 2, "back", "undone", "charge", "17", True, (("euro", "42"),))


def test_an_entry_goes_through_json():
    assert Entry.from_json(json.loads(json.dumps(ENTRY.to_json()))) == ENTRY
    assert str(ENTRY) == "charge 17 undone by the rollback of pay"
    assert hash(ENTRY)


@pytest.mark.parametrize(
    "change",
    [
        *({"seq": value} for value in (-1, True, 1.0, None, "1")),
        *({"attempt": value} for value in (0, "1")),
        *({"at": value} for value in ("0", None, float("nan"), float("inf"))),
        *({field: 7} for field in ("node", "name", "key", "once", "details")),
        {"direction": "up"},
        {"direction": []},
        {"kind": "half"},
        {"name": ""},
        *({"details": value} for value in ([["a"]], [["a", 1]], [["a", "b", "c"]], ["ab"], [None])),
        {"more": 1},
    ],
)
def test_what_is_no_entry_is_refused(change):
    with pytest.raises(StoryError, match="entry"):
        Entry.from_json({**ENTRY.to_json(), **change})


def test_a_field_that_is_missing_is_refused():
    data = ENTRY.to_json()
    del data["key"]
    with pytest.raises(StoryError, match="expected the fields seq, at"):
        Entry.from_json(data)
    with pytest.raises(StoryError):
        Entry.from_json([])  # type: ignore[arg-type]
