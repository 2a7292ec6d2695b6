"""The layout: Graphviz where there is one, a plain layout where there is none, and nothing overlaps."""

from __future__ import annotations

import random
import subprocess
import sys
import time
import warnings
from importlib.util import find_spec
from itertools import pairwise

import graphviz
import networkx as nx
import pytest
from curves import hidden

from daga_nb.core.plan import Plan
from daga_nb.errors import LayoutWarning
from daga_nb.render import dot
from daga_nb.render.dot import Layout, dot_source, layout
from daga_nb.render.layout import ROOT, edges_of
from daga_nb.render.stack import plain_layout
from daga_nb.render.text import elide

HOSTILE = [
    "<script>alert(1)</script>",
    'say "hi"',
    "]]>",
    "a:b",
    "<b>x</b>",
    "nul\0nul",
    "right\u202eleft",
    "$x^2$",
    "\\N \\G",
    "two\nlines",
    "lone \ud800 surrogate",
    "x" * 1_000_000,
]


def plan_of(edges: list[tuple[str, str]]) -> Plan:
    return Plan.compile(nx.DiGraph(edges), str)


def layered(layers: int, width: int, fan: int = 2) -> Plan:
    chance = random.Random(7)
    edges = []
    for layer in range(1, layers):
        for place in range(width):
            edges += [
                (f"t{layer - 1}.{other}", f"t{layer}.{place}") for other in chance.sample(range(width), fan)
            ]
    return plan_of(edges)


def wide(count: int) -> Plan:
    return plan_of([edge for k in range(count - 2) for edge in (("first", f"w{k}"), (f"w{k}", "last"))])


def at_random(size: int, seed: int) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    return [
        (f"r{rng.randrange(head)}", f"r{head}")
        for head in range(1, size)
        for _ in range(rng.choice([1, 1, 3]))
    ]


PLANS = {
    "one": Plan.compile(nx.empty_graph(1, nx.DiGraph), str),
    "chain": plan_of([(f"c{k}", f"c{k + 1}") for k in range(4)]),
    "jump": plan_of([("a", "b"), ("b", "c"), ("c", "d"), ("a", "d"), ("a", "c")]),
    "past a grid": plan_of(
        [
            *(("source", f"w{number}") for number in range(36)),
            *((f"w{number}", "middle") for number in range(36)),
            ("middle", "sink"),
            ("source", "sink"),
        ]
    ),
    "past many": plan_of(
        [*pairwise(f"c{k}" for k in range(40)), *(("c0", f"c{k}") for k in range(3, 40, 5))]
    ),
    "at random": plan_of(at_random(60, 3)),
    "apart": plan_of([("a", "b"), ("x", "y"), ("y", "z")]),
    "layered 60": layered(6, 10),
    "wide 200": wide(200),
    "layered 1000": layered(20, 50),
    "hostile": plan_of(list(pairwise(HOSTILE))),
}


def check(plan: Plan, found: Layout) -> None:
    """Check what every layout promises."""
    close = 0.6
    assert len(found.boxes) == len(plan)
    assert len(found.bands) == len(plan.batches)
    assert [(edge.tail, edge.head) for edge in found.edges] == edges_of(plan)
    across = found.direction == "TB"
    for one, other in pairwise(found.bands):
        if across:
            assert one.y + one.height <= other.y
            assert (one.x, one.width) == (other.x, other.width)
        else:
            assert one.x + one.width <= other.x
            assert (one.y, one.height) == (other.y, other.height)
    for band, batch in zip(found.bands, plan.batches, strict=True):
        assert band.x >= 0
        assert band.y >= 0
        assert band.x + band.width <= found.width
        assert band.y + band.height <= found.height
        boxes = [found.boxes[node] for node in batch]
        for box in boxes:
            assert band.x <= box.x
            assert box.x + box.width <= band.x + band.width
            assert band.y <= box.y
            assert box.y + box.height <= band.y + band.height
        # Boxes stand on lines: on one line, they must not touch, and the lines must not touch each other.
        lines: dict[float, list[tuple[float, float]]] = {}
        for box in boxes:
            line, span = (box.y, (box.x, box.width)) if across else (box.x, (box.y, box.height))
            lines.setdefault(round(line, 1), []).append((span[0], span[0] + span[1]))
        depth = max(box.height if across else box.width for box in boxes)
        assert all(one + depth < other for one, other in pairwise(sorted(lines)))
        for spans in lines.values():
            assert all(before[1] < after[0] for before, after in pairwise(sorted(spans)))
    for edge in found.edges:
        assert len(edge.points) % 3 == 1
        assert len(edge.points) >= 4
        tail = found.root if edge.tail == ROOT else found.boxes[edge.tail]
        head = found.boxes[edge.head]
        if across:
            assert edge.points[0][1] == pytest.approx(tail.y + tail.height, abs=close)
            assert edge.points[-1][1] == pytest.approx(head.y, abs=close)
        else:
            assert edge.points[0][0] == pytest.approx(tail.x + tail.width, abs=close)
            assert edge.points[-1][0] == pytest.approx(head.x, abs=close)
        assert all(0 <= x <= found.width and 0 <= y <= found.height for x, y in edge.points)
    if len(plan) <= 200:
        assert hidden(found) == [], "an edge that runs behind a box shows edges that there are not"
    first, start = found.bands[0], found.root
    assert (start.y + start.height < first.y) if across else (start.x + start.width < first.x)


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("name", PLANS)
def test_layout_keeps_its_promises(name: str, direction: dot.Direction) -> None:
    plan = PLANS[name]
    found = layout(plan, direction)
    assert found.direction == direction
    assert found.engine in ("dot", "pygraphviz", "plain")
    check(plan, found)
    assert layout(plan, direction) == found


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("name", PLANS)
def test_plain_layout_keeps_the_same_promises(name: str, direction: dot.Direction) -> None:
    plan = PLANS[name]
    check(plan, plain_layout(plan, direction))
    assert plain_layout(plan, direction) == plain_layout(plan, direction)


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_without_dot_pygraphviz_does_it(direction: dot.Direction, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    plan = PLANS["jump"]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = layout(plan, direction)
    # It is required wherever it has wheels; elsewhere there is only the plain layout, with its warning.
    there = find_spec("pygraphviz") is not None
    assert found.engine == ("pygraphviz" if there else "plain")
    assert [one.category for one in caught] == ([] if there else [LayoutWarning])
    check(plan, found)


def test_without_any_graphviz_a_plain_layout_and_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(dot, "find_spec", lambda name: None)
    plan = PLANS["jump"]
    with pytest.warns(LayoutWarning, match="install graphviz"):
        found = layout(plan)
    assert found.engine == "plain"
    check(plan, found)


def test_a_dot_that_fails_falls_through(monkeypatch: pytest.MonkeyPatch) -> None:
    engines = {
        "dot": (sys.executable, "-c", "import sys; sys.exit(3)"),
        "pygraphviz": (sys.executable, "-c", "print('{\"objects\": []}')"),
    }
    monkeypatch.setattr(dot, "_engines", lambda: engines)
    with pytest.warns(LayoutWarning, match=r"dot failed \(CalledProcessError\); pygraphviz failed"):
        assert layout(PLANS["jump"]).engine == "plain"


def test_the_next_engine_is_asked_when_one_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    real = dot._engines()
    monkeypatch.setattr(dot, "_engines", lambda: {"broken": ("/nowhere/dot", "-Tjson0"), **real})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = layout(PLANS["jump"])
    assert found.engine == (next(iter(real)) if real else "plain")
    assert len(caught) == (0 if real else 1)


def test_a_dot_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    dot._ask.cache_clear()
    asked: list[object] = []

    def hang(*_: object, **options: object) -> None:
        asked.append(options["timeout"])
        raise subprocess.TimeoutExpired("dot", float(str(options["timeout"])))

    monkeypatch.setattr(dot, "_engines", lambda: {"dot": ("dot",), "pygraphviz": ("never asked",)})
    monkeypatch.setattr(dot.subprocess, "run", hang)
    for _ in range(2):
        with pytest.warns(LayoutWarning, match="dot took longer than 10 s"):
            assert layout(PLANS["jump"]).engine == "plain"
    assert asked == [10.0], "what hung once is not waited for again"


def test_big_plans_are_not_given_to_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dot, "_ask", lambda *_: pytest.fail("Graphviz was asked"))
    plan = layered(100, 100)
    began = time.perf_counter()
    found = layout(plan)
    assert time.perf_counter() - began < 5
    assert found.engine == "plain"
    check(plan, found)


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_far_out_places_stay_apart(direction: dot.Direction) -> None:
    """Graphviz writes five digits: a row of a thousand boxes would touch."""
    plan = wide(1000)
    check(plan, layout(plan, direction))


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_a_broad_batch_is_wrapped_in_its_band(direction: dot.Direction) -> None:
    found = layout(PLANS["wide 200"], direction)
    assert max(found.width, found.height) / min(found.width, found.height) < 4
    assert len({box.x for box in found.boxes[1:-1]}) > 5


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_edges_of_a_wrapped_batch_run_between_its_boxes(direction: dot.Direction) -> None:
    plan = PLANS["wide 200"]
    found = layout(plan, direction)
    for edge in found.edges:
        corners = edge.points[::3]
        for box in found.boxes:
            for x, y in corners:
                inside = box.x < x < box.x + box.width and box.y < y < box.y + box.height
                assert not inside


def fans(count: int, batches: int) -> Plan:
    """`count` chains side by side between a first and a last action."""
    edges = []
    for place in range(count):
        names = ["first", *(f"{batch}.{place}" for batch in range(batches)), "last"]
        edges += list(pairwise(names))
    return plan_of(edges)


def lines_of(found: Layout, nodes: tuple[int, ...]) -> int:
    across = found.direction == "LR"
    return len({found.boxes[node].x if across else found.boxes[node].y for node in nodes})


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_a_batch_is_wrapped_where_names_would_be_too_small_to_read(direction: dot.Direction) -> None:
    plan = fans(24, 3)
    found = layout(plan, direction)
    check(plan, found)
    assert lines_of(found, plan.batches[1]) > 1
    few = fans(4, 3)
    assert lines_of(layout(few, direction), few.batches[1]) == 1


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("count", [28, 34, 43])
def test_no_edge_of_a_wrapped_batch_turns_back(direction: dot.Direction, count: int) -> None:
    found = layout(fans(count, 3), direction)
    for edge in found.edges:
        along = [point[0 if direction == "LR" else 1] for point in edge.points]
        assert along == sorted(along), (edge.tail, edge.head)


def test_no_batch_is_wrapped_that_an_edge_passes() -> None:
    plan = plan_of([edge for k in range(24) for edge in (("a", f"b{k}"), (f"b{k}", "c"))] + [("a", "c")])
    assert lines_of(layout(plan), plan.batches[1]) == 1


def test_no_text_of_the_user_is_in_the_dot() -> None:
    source = dot_source(PLANS["hostile"])
    assert len(source) < 5_000
    for text in ("script", "hi", "]]", "a:b", "nul", "x^2", "right"):
        assert text not in source.replace("height", "")
    assert source.count("->") == len(edges_of(PLANS["hostile"]))
    assert source.count("rank=same") == len(PLANS["hostile"].batches)
    assert graphviz.Source(source).source.startswith("digraph plan {")


def test_bad_questions_are_refused() -> None:
    with pytest.raises(ValueError, match="direction must be 'LR' or 'TB', not 'RL'"):
        layout(PLANS["one"], "RL")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="empty"):
        layout(Plan.compile(nx.DiGraph(), str))


def test_json_form_is_plain_and_rounded() -> None:
    data = layout(PLANS["jump"]).to_json()
    assert set(data) == {"direction", "width", "height", "boxes", "edges", "bands", "root", "engine"}
    assert data["edges"][0]["tail"] == -1
    numbers = [value for box in data["boxes"] for value in box]
    assert all(value == round(value, 1) for value in numbers)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("limit", [1, 2, 8, 24])
def test_elided_names_are_short_and_show_everything(name: str, limit: int) -> None:
    shown = elide(name, limit)
    assert 1 <= len(shown) <= limit
    assert all(character.isprintable() for character in shown)
    shown.encode("utf-8")


def test_elide_keeps_what_tells_names_apart() -> None:
    one, other = (elide(f"individuals_of_chromosome_ID00000{k}") for k in (17, 18))
    assert one != other
    assert elide("支付" * 20, 8) == "支付…付"
    assert elide("کتاب‌ها") == "کتاب‌ها"
    assert elide("safe\u202egnp.exe") == "safe\ufffdgnp.exe"
