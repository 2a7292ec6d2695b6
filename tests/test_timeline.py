"""Timelines: made of the story alone, with the failure and the rollback to be seen."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import networkx as nx
import pytest
from helpers import Gate, flow_of, play
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from daga_nb.core.events import Event
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState, RunState
from daga_nb.render.bars import Bar, Course, bars_of
from daga_nb.render.timeline import timeline

N, R = NodeState, RunState

TRIP = Plan.compile(nx.DiGraph([("quote", "hotel"), ("quote", "car"), ("hotel", "pay"), ("car", "pay")]), str)

FAILED_STORY = [
    (0.0, None, R.RUNNING),
    (0.0, "quote", N.RUNNING),
    (0.1, "quote", N.SUCCEEDED),
    (0.1, "hotel", N.RUNNING),
    (0.1, "car", N.RUNNING),
    (0.3, "hotel", N.FAILED),
    (0.5, "car", N.SUCCEEDED),
    (0.5, None, R.ROLLING_BACK),
    (0.5, "pay", N.ABANDONED),
    (0.5, "hotel", N.ROLLING_BACK),
    (0.5, "car", N.KEPT),
    (0.7, "hotel", N.ROLLBACK_FAILED),
    (0.7, "quote", N.ROLLING_BACK),
    (0.8, "quote", N.ROLLED_BACK),
    (0.8, None, R.ROLLBACK_INCOMPLETE),
]


def run_of(plan: Plan, story: Sequence[tuple[float, str | None, Any]], name: str = "book_trip") -> Any:
    events = [Event(seq, at, node, state) for seq, (at, node, state) in enumerate(story, start=1)]
    state = next((event.state for event in reversed(events) if event.node is None), R.READY)
    left = SimpleNamespace(what_is_left="left: invoice" if state is R.ROLLBACK_INCOMPLETE else "")
    flow = SimpleNamespace(name=name)
    return SimpleNamespace(
        plan=plan, events=events, state=state, flow=flow, running=0, elapsed=0.0, next=left
    )


def texts(run: Any) -> list[str]:
    root = ET.fromstring(timeline(run)._repr_mimebundle_()[0]["image/svg+xml"])
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


def bars_drawn(figure: Figure) -> list[tuple[int, float, float]]:
    time_axes = next(axes for axes in figure.axes if axes.get_label() == "time")
    found = [patch for patch in time_axes.patches if isinstance(patch, Rectangle)]
    return [
        (
            round(patch.get_y() + patch.get_height() / 2),
            round(patch.get_x(), 3),
            round(patch.get_x() + patch.get_width(), 3),
        )
        for patch in found
    ]


def test_a_bar_for_each_action_and_each_rollback() -> None:
    run = run_of(TRIP, FAILED_STORY)
    quote, hotel, car, _ = range(4)
    assert bars_of(TRIP, run.events) == [
        Bar(quote, 0.0, 0.1, False, N.SUCCEEDED),
        Bar(hotel, 0.1, 0.3, False, N.FAILED),
        Bar(car, 0.1, 0.5, False, N.SUCCEEDED),
        Bar(hotel, 0.5, 0.7, True, N.ROLLBACK_FAILED),
        Bar(quote, 0.7, 0.8, True, N.ROLLED_BACK),
    ]
    assert bars_drawn(timeline(run)) == [
        (quote, 0.0, 0.1),
        (hotel, 0.1, 0.3),
        (car, 0.1, 0.5),
        (hotel, 0.5, 0.7),
        (quote, 0.7, 0.8),
    ]


def test_what_has_not_ended_lasts_until_now() -> None:
    run = run_of(TRIP, FAILED_STORY[:6])
    assert bars_of(TRIP, run.events)[-1] == Bar(2, 0.1, 0.3, False, N.RUNNING)
    run = run_of(TRIP, FAILED_STORY[:13])
    assert bars_of(TRIP, run.events)[-1] == Bar(0, 0.7, 0.7, True, N.ROLLING_BACK)


def test_while_an_action_runs_its_bar_grows_and_the_time_with_it() -> None:
    run = run_of(TRIP, FAILED_STORY[:6])
    for now in (1.0, 2.5):
        run.running, run.elapsed = 1, now
        assert timeline(run).caption.endswith(f"{now:.2f} s")
        assert max(end for _, _, end in bars_drawn(timeline(run))) == now


def test_the_clock_of_a_run_goes_on_while_it_is_driven_and_stands_still_else() -> None:
    async def main() -> None:
        gate = Gate()
        run = flow_of([], how={"b": {"before": gate.wait}}).start()
        assert run.elapsed == 0.0
        going = asyncio.ensure_future(run.go())
        await gate.reached.wait()
        one, two = run.elapsed, run.elapsed
        assert 0 < one < two
        gate.open()
        await going
        assert run.events[-1].at <= run.elapsed == run.elapsed

    play(main())


def test_every_attempt_has_its_bar() -> None:
    story = [(0.0, "quote", N.RUNNING), (0.2, "quote", N.RUNNING), (0.5, "quote", N.SUCCEEDED)]
    assert bars_of(TRIP, run_of(TRIP, story).events) == [
        Bar(0, 0.0, 0.2, False, N.RUNNING),
        Bar(0, 0.2, 0.5, False, N.SUCCEEDED),
    ]


def test_a_rollback_that_is_tried_again_does_not_move_where_the_rollback_began() -> None:
    again = [
        (0.9, None, R.ROLLING_BACK),
        (0.9, "hotel", N.ROLLING_BACK),
        (1.0, "hotel", N.ROLLED_BACK),
        (1.0, None, R.ROLLBACK_INCOMPLETE),
    ]
    run = run_of(TRIP, [*FAILED_STORY, *again])
    assert Course(TRIP, run.events, run.state, "book_trip").turn == 0.5


def test_failure_turn_batches_and_legend_are_told() -> None:
    found = texts(run_of(TRIP, FAILED_STORY))
    for text in (
        "book_trip",
        "rollback incomplete",
        "left: invoice; 0.80 s of run time",
        "hotel failed at 0.30 s",
        "the rollback begins",
        "batch 1",
        "batch 2",
        "batch 3",
        "quote",
        "pay",
        "abandoned",
        "kept",
        "rollback failed",
        "0.2 s",
    ):
        assert text in found, text


def test_more_failures_are_counted() -> None:
    story = [*FAILED_STORY[:6], (0.5, "car", N.FAILED)]
    assert "hotel failed at 0.30 s, and 1 more" in texts(run_of(TRIP, story))


@pytest.mark.parametrize("story", [[], [(0.0, None, R.RUNNING)], [(0.0, None, R.ROLLING_BACK)]])
def test_a_run_that_has_run_nothing_says_so(story: list[Any]) -> None:
    assert "nothing has run yet" in texts(run_of(TRIP, story))


def test_a_run_without_any_duration_is_drawn() -> None:
    """A clock that stands still (everything held, or too quick) is no reason to divide by zero."""
    story = [(0.0, node, state) for _, node, state in FAILED_STORY]
    assert "hotel failed at <1 ms" in texts(run_of(TRIP, story))


@pytest.mark.parametrize("count", [5, 60, 200])
def test_size_grows_with_the_rows_and_stays_bounded(count: int) -> None:
    plan = Plan.compile(nx.path_graph(count, nx.DiGraph), str)
    story: list[Any] = [(0.0, None, R.RUNNING)]
    for node in range(count):
        story += [(float(node), str(node), N.RUNNING), (node + 1.0, str(node), N.SUCCEEDED)]
    figure = timeline(run_of(plan, story))
    data, metadata = figure._repr_mimebundle_()
    size = metadata["image/png"]
    assert len(bars_drawn(figure)) == count
    assert size["height"] <= 160 + {5: 30, 60: 22, 200: 14}[count] * count
    image = Image.open(BytesIO(data["image/png"]))
    assert image.size == pytest.approx((2 * size["width"], 2 * size["height"]), abs=2)


def test_hostile_names_are_text_and_nothing_else() -> None:
    names = ["<script>x</script>", "]]>", "$x^2$", "$\\frac{", "nul\0", "a\u202eb", "支付", "x" * 1_000_000]
    plan = Plan.compile(nx.path_graph(len(names), nx.DiGraph), names.__getitem__)
    story: list[Any] = []
    for node, name in enumerate(names):
        story += [(float(node), name, N.RUNNING), (node + 1.0, name, N.FAILED)]
    found = texts(run_of(plan, story, name="<b>&\ud800"))
    for text in (
        "<script>x</script>",
        "]]>",
        "$x^2$",
        "$\\frac{",
        "nul\ufffd",
        "a\ufffdb",
        "支付",
        "<b>&\ufffd",
    ):
        assert text in found
    assert max(map(len, found)) < 120


def test_the_same_story_is_the_same_picture_whatever_the_settings_are() -> None:
    first = timeline(run_of(TRIP, FAILED_STORY))._repr_mimebundle_()
    with mpl.rc_context({"text.color": "red", "axes.facecolor": "black", "font.size": 30}):
        before = dict(mpl.rcParams)
        assert timeline(run_of(TRIP, FAILED_STORY))._repr_mimebundle_() == first
        assert dict(mpl.rcParams) == before


def test_it_is_a_figure_that_matplotlib_can_save() -> None:
    figure = timeline(run_of(TRIP, FAILED_STORY))
    out = BytesIO()
    figure.savefig(out, format="png")
    assert Image.open(out).size == pytest.approx(
        [round(96 * side) for side in figure.get_size_inches()], abs=1
    )


def test_jupyter_may_choose_the_format() -> None:
    figure = timeline(run_of(TRIP, FAILED_STORY))
    caption = "timeline of book_trip: rollback incomplete (left: invoice), 3 calls, 2 rollbacks, 0.80 s"
    assert figure._repr_mimebundle_(include={"text/plain"}) == ({"text/plain": caption}, {})
    assert "image/png" not in figure._repr_mimebundle_(exclude={"image/png"})[0]


def test_shown_once_in_ipython_and_unknown_to_pyplot() -> None:
    code = (
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "import sys; sys.path.insert(0, 'tests')\n"
        "from test_timeline import FAILED_STORY, TRIP, run_of\n"
        "from daga_nb.render.timeline import timeline\n"
        "figure = timeline(run_of(TRIP, FAILED_STORY))\n"
        "data, metadata = shell.display_formatter.format(figure)\n"
        "print(sorted(data), 'matplotlib.pyplot' in sys.modules)\n"
        "import matplotlib.pyplot as plt\n"
        "print(plt.get_fignums())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['image/png', 'image/svg+xml', 'text/plain'] False", "[]"]
