"""Static pictures: the same in SVG, PNG and text, whatever the names are, and without side effects."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from io import BytesIO
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import matplotlib as mpl
import networkx as nx
import pytest
from PIL import Image

from daga_nb.core.moves import Policy
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState, RunState
from daga_nb.render.picture import Picture, picture_of_flow, picture_of_run
from daga_nb.render.png import palette
from daga_nb.render.text import elide
from daga_nb.render.theme import LOOKS, edge_kind

N = NodeState

HOSTILE = [
    "<script>alert(1)</script>",
    "say \"hi\" & 'bye'",
    "]]>",
    "a:b",
    "<b>x</b>",
    "nul\0nul",
    "right\u202eleft",
    "$x^2$",
    "$\\frac{",
    "two\nlines",
    "lone \ud800 surrogate",
    "שלום 支付 👩‍🚀",
    "style=\"font-family: 'DejaVu Sans'",
    "x" * 1_000_000,
]


def trip() -> Plan:
    graph = nx.DiGraph(
        [
            ("quote", "flight"),
            ("quote", "hotel"),
            ("flight", "payment"),
            ("hotel", "payment"),
            ("payment", "ticket"),
        ]
    )
    return Plan.compile(graph, str)


MIDDLE = (N.SUCCEEDED, N.ROLLED_BACK, N.ROLLING_BACK, N.ROLLED_BACK, N.ABANDONED)


def rolling() -> Picture:
    return Picture(
        trip(),
        MIDDLE,
        details=["0.12 s", "0.03 s", "", "0.11 s", ""],
        failed=[3],
        faults=[3],
        title="book_trip",
        text="rolling back batch 2 of 4: hotel",
        run_state=RunState.ROLLING_BACK,
    )


def texts(svg: str) -> list[str]:
    return [
        element.text or ""
        for element in ET.fromstring(svg).iter()
        if element.tag == "{http://www.w3.org/2000/svg}text"
    ]


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


def test_text_says_it_all() -> None:
    assert rolling().text.splitlines() == [
        "book_trip · ↺ rolling back · rolling back batch 2 of 4: hotel",
        "batch 1: ✓ quote (succeeded, 0.12 s)",
        "batch 2: ↩ flight (rolled back, 0.03 s), ↺ hotel (rolling back)",
        "batch 3: ↩ payment (rolled back, had failed, 0.11 s, ⚡ fault planted)",
        "batch 4: ⊘ ticket (abandoned)",
    ]


def test_svg_says_the_same() -> None:
    found = texts(rolling().svg)
    assert found[:3] == ["book_trip", "rolling back", "rolling back batch 2 of 4: hotel"]
    assert [text for text in found if text.startswith("batch ")] == [f"batch {k}" for k in range(1, 5)]
    for text in ("quote", "succeeded · 0.12 s", "rolled back · 0.11 s", "abandoned", "hotel"):
        assert text in found
    assert found[-6:] == [
        "succeeded",
        "rolling back",
        "rolled back",
        "abandoned",
        "failed before its rollback",
        "fault planted",
    ]


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_png_has_two_dots_to_a_pixel(direction: Any) -> None:
    picture = Picture(trip(), MIDDLE, direction=direction)
    image = opened(picture.png)
    width, height = picture.size
    assert image.size == pytest.approx((2 * width, 2 * height), abs=2)
    assert image.format == "PNG"


def test_png_shows_the_fill_of_every_state() -> None:
    plan = Plan.compile(nx.empty_graph(len(N), nx.DiGraph), str)
    picture = Picture(plan, list(N))
    image = opened(picture.png).convert("RGB")
    for box, state in zip(picture.layout.boxes, N, strict=True):
        # A place in the box that neither glyph nor text covers.
        x, y = 2 * (box.x + box.width - 8), 2 * (box.y + box.height - 8)
        fill = LOOKS[state].light.fill
        assert image.getpixel((round(x), round(y))) == tuple(bytes.fromhex(fill[1:])), state


def test_palette_holds_every_colour_of_the_light_theme() -> None:
    known = set(palette())
    for look in LOOKS.values():
        for colour in (look.light.ink, look.light.fill):
            assert tuple(bytes.fromhex(colour[1:])) in known


@pytest.mark.parametrize("state", N)
def test_every_state_is_drawn_with_word_and_border(state: NodeState) -> None:
    look = LOOKS[state]
    picture = Picture(Plan.compile(nx.DiGraph([("a", "b")]), str), [state, N.PENDING])
    found = texts(picture.svg)
    assert look.word in found
    assert f"stroke: {look.light.ink}" in picture.svg
    dashes = picture.svg.count("stroke-dasharray")
    assert bool(dashes) == bool(look.dash) or state is N.ABANDONED


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_hostile_names_are_text_and_nothing_else(direction: Any) -> None:
    def draw(names: list[str]) -> Picture:
        graph = nx.DiGraph((0, k) for k in range(1, len(names)))
        plan = Plan.compile(graph, names.__getitem__)
        return Picture(
            plan,
            [N.SUCCEEDED] * len(names),
            direction=direction,
            title=names[0],
            text=names[1],
            details=names,
            failed=[0],
            faults=[1],
        )

    hostile, tame = draw(HOSTILE), draw([f"name{k}" for k in range(len(HOSTILE))])

    def count(picture: Picture) -> Counter[str]:
        # Clones of shapes differ with the number of different shapes; the kinds of elements do not.
        return Counter(
            element.tag
            for element in ET.fromstring(picture.svg).iter()
            if not element.tag.endswith(("}use", "}path", "}defs", "}clipPath", "}g"))
        )

    assert count(hostile) == count(tame)
    found = texts(hostile.svg)
    for name in HOSTILE:
        shown = elide(name)
        assert any(shown in text for text in found), name
    assert "<script" not in hostile.svg
    assert len(hostile.svg) < 200_000
    assert len(hostile.text) < 10_000
    opened(hostile.png).load()


def test_two_pictures_on_a_page_share_no_ids() -> None:
    def ids(picture: Picture) -> set[str]:
        used = {element.get("id") for element in ET.fromstring(picture.svg).iter()}
        return {name for name in used if name and (name.startswith("C") or "_" not in name)}

    one = rolling()
    other = Picture(trip(), [N.SUCCEEDED] * 5)
    assert not ids(one) & ids(other)
    assert "<style" not in one.svg


def test_the_same_picture_is_the_same_to_the_byte() -> None:
    assert rolling().svg == rolling().svg
    assert rolling().png == rolling().png
    first, second = rolling(), rolling()
    assert first.png == second.png
    assert first.svg == second.svg


def test_a_flow_is_drawn_without_states() -> None:
    picture = picture_of_flow(SimpleNamespace(plan=trip(), name="book_trip", tags=(), policy=Policy()))
    found = texts(picture.svg)
    assert found == [
        "book_trip",
        "5 actions in 4 batches",
        *(f"batch {k}" for k in range(1, 5)),
        "quote",
        "flight",
        "hotel",
        "payment",
        "ticket",
    ]
    assert picture.text.splitlines()[1:3] == ["batch 1: quote", "batch 2: flight, hotel"]


def test_a_run_is_drawn_with_durations_failure_and_faults() -> None:
    class Run:
        plan = trip()
        flow = SimpleNamespace(name="book_trip")
        node_states = MIDDLE
        errors = MappingProxyType({"payment": TimeoutError()})
        unknown = ()
        faults = (SimpleNamespace(at="ticket"),)
        state = RunState.ROLLING_BACK
        next = "rolling back batch 2 of 4: hotel"
        events = tags = ()
        policy = Policy()

        def duration(self, name: str, *, rollback: bool = False) -> float | None:
            return {("quote", False): 0.12, ("flight", True): 0.03, ("payment", True): 75.2}.get(
                (name, rollback)
            )

    picture = picture_of_run(Run())
    assert picture.text.splitlines() == [
        "book_trip · ↺ rolling back · rolling back batch 2 of 4: hotel",
        "batch 1: ✓ quote (succeeded, 0.12 s)",
        "batch 2: ↩ flight (rolled back, 0.03 s), ↺ hotel (rolling back)",
        "batch 3: ↩ payment (rolled back, had failed, 75 s)",
        "batch 4: ⊘ ticket (abandoned, ⚡ fault planted)",
    ]


@pytest.mark.parametrize(
    ("tail", "head", "kind"),
    [
        (N.SUCCEEDED, N.PENDING, "plain"),
        (N.SUCCEEDED, N.FAILED, "plain"),
        (N.SUCCEEDED, N.ROLLING_BACK, "plain"),
        (N.SUCCEEDED, N.ROLLED_BACK, "plain"),
        (N.ROLLING_BACK, N.ROLLED_BACK, "back"),
        (N.ROLLED_BACK, N.ROLLED_BACK, "back"),
        (N.ROLLED_BACK, N.FAILED, "back"),
        (N.ROLLBACK_FAILED, N.KEPT, "back"),
        (N.ROLLED_BACK, N.ABANDONED, "dead"),
        (None, N.SUCCEEDED, "plain"),
        (None, N.ROLLED_BACK, "back"),
    ],
)
def test_an_edge_turns_back_when_the_rollback_has_passed_it(
    tail: NodeState | None, head: NodeState, kind: str
) -> None:
    assert edge_kind(tail, head) == kind


def test_jupyter_gets_every_format_and_may_choose() -> None:
    picture = rolling()
    data, metadata = picture._repr_mimebundle_()
    assert list(data) == ["image/svg+xml", "image/png", "text/plain"]
    assert data["image/png"] == picture.png
    assert metadata == {"image/png": {"width": picture.size[0], "height": picture.size[1]}}
    assert picture._repr_mimebundle_(include={"text/plain"}) == ({"text/plain": picture.text}, {})
    assert list(picture._repr_mimebundle_(exclude={"image/png"})[0]) == ["image/svg+xml", "text/plain"]


def test_save_writes_what_the_ending_says(tmp_path: Path) -> None:
    picture = rolling()
    assert picture.save(tmp_path / "a.SVG").read_text("utf-8") == picture.svg
    assert picture.save(str(tmp_path / "a.png")).read_bytes() == picture.png
    assert picture.save(tmp_path / "a.txt").read_text("utf-8").startswith("book_trip")
    with pytest.raises(ValueError, match=r"a\.jpeg: a picture can be saved as"):
        picture.save(tmp_path / "a.jpeg")


def test_a_wrong_number_of_states_is_refused() -> None:
    with pytest.raises(ValueError, match="5 nodes, but 1 values"):
        Picture(trip(), [N.PENDING])


def test_the_settings_of_the_user_stay_and_do_not_matter() -> None:
    plain = rolling().svg
    with mpl.rc_context({"text.color": "red", "lines.linewidth": 9, "figure.facecolor": "black"}):
        before = dict(mpl.rcParams)
        assert rolling().svg == plain
        opened(rolling().png).load()
        assert dict(mpl.rcParams) == before


def test_pyplot_is_not_loaded() -> None:
    code = (
        "import networkx as nx, sys\n"
        "from daga_nb.core.plan import Plan\n"
        "from daga_nb.render.picture import Picture\n"
        "picture = Picture(Plan.compile(nx.DiGraph([('a', 'b')]), str))\n"
        "picture.png, picture.svg\n"
        "print('matplotlib.pyplot' in sys.modules, 'IPython' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("False False\n", "")


def test_big_plans_make_pictures_of_bounded_size() -> None:
    edges = [(layer * 50 + k, layer * 50 + 50 + k) for layer in range(19) for k in range(50)]
    plan = Plan.compile(nx.DiGraph(edges), lambda node: f"task {node}")
    picture = Picture(plan, [N.SUCCEEDED] * 1000)
    image = opened(picture.png)
    assert image.width * image.height < 7e6
    assert picture.size[1] <= 2400
    assert len(texts(picture.svg)) == 2 * 1000 + 20 + 1
