"""The live graph: what it sends, how little, and that every view of it agrees with the run."""

from __future__ import annotations

import json
import random
import re
from importlib.resources import files
from itertools import pairwise

import pytest
from helpers import flow_of, play, turns
from widget_page import Page

from daga_nb import DagaFlow, Fault, canvas
from daga_nb.core.states import NodeState
from daga_nb.page.marks import MODES, STATES, edge_mode, face, node_mark, planted_in
from daga_nb.widgets.canvas import FlowCanvas
from daga_nb.widgets.commands import parse
from daga_nb.widgets.lab import FlowLab

STATIC = sorted((files("daga_nb.page") / "static").iterdir(), key=lambda path: path.name)


def layered(done, count: int, width: int, **options):
    """Make a flow of `count` actions in rows of `width`."""
    names = [f"task {number}" for number in range(count)]
    chance = random.Random(7)
    edges = [
        (parent, name)
        for number, name in enumerate(names)
        if number >= width
        for parent in chance.sample(names[number // width * width - width : number // width * width], 2)
    ]
    return flow_of(done, edges, **options)


def marks(run) -> list[list]:
    faults = planted_in(run)
    return [node_mark(run, node, faults) for node in range(len(run.plan))]


def test_a_view_that_opens_gets_everything_and_then_only_what_changes(done):
    async def main() -> None:
        page = Page(canvas(flow_of(done).start()))
        await page.open()
        assert page.states() == ["pending"] * 4
        run = page.widget.run
        await run.step()
        await page.rest()
        assert page.states() == ["succeeded", "pending", "pending", "pending"]
        changes = [message["nodes"] for message in page.sent if message["t"] == "change"]
        assert {entry[0] for nodes in changes for entry in nodes} == {0}
        await run.rollback()
        await page.rest()
        assert page.states() == ["rolled back", "abandoned", "abandoned", "abandoned"]
        assert page.nodes == marks(run)

    play(main())


def test_the_state_that_a_saved_notebook_shows_is_the_last_one(done):
    async def main() -> None:
        graph = canvas(flow_of(done).start())
        await graph.run.finish()
        await turns()
        assert [STATES[mark[0]] for mark in graph._now["nodes"]] == [NodeState.SUCCEEDED] * 4
        assert graph.get_state("_now")["_now"]["head"]["next"] == "succeeded: nothing more to do"

    play(main())


def test_a_state_change_among_1000_nodes_is_a_message_of_less_than_a_kilobyte(done):
    async def main() -> None:
        page = Page(canvas(layered(done, 1000, 40).start()))
        await page.open()
        before = len(page.sent)
        await page.widget.run.step_action()
        await page.rest()
        sizes = [len(json.dumps(message)) for message in page.sent[before:]]
        assert sizes
        assert max(sizes) < 1000

    play(main())


def test_1000_actions_make_few_messages_and_the_last_one_is_not_lost(done):
    async def main() -> None:
        page = Page(canvas(layered(done, 1000, 40).start()))
        await page.open()
        run = page.widget.run
        seconds = -page.widget._home.loop.time()
        await run.finish()
        seconds += page.widget._home.loop.time()
        await page.rest()
        assert page.states() == ["succeeded"] * len(run.plan)
        assert len(page.sent) <= 3 + 30 * seconds + 2

    play(main())


@pytest.mark.parametrize("seed", range(12))
def test_the_views_fold_to_the_run_whatever_happens(done, seed):
    chance = random.Random(seed)

    async def main() -> None:
        flow = layered(done, 30, 5)
        names = flow.plan.names
        faults = [
            Fault.raising(ValueError("planted"), at=chance.choice(names), where=where)
            for where in ("before", "after", "rollback")
        ]
        run = flow.start(faults=faults[: chance.randrange(4)])
        pages = [Page(canvas(run)), Page(canvas(run, direction="TB"))]
        await pages[0].open()
        while run.next.direction is not None:
            await (run.step() if chance.random() < 0.5 else run.step_action())
            if chance.random() < 0.3:
                await turns(3)
            if chance.random() < 0.1 and pages[1].version < 0:
                await pages[1].open()
        await pages[1].open()
        for page in pages:
            await page.rest()
            assert page.nodes == marks(run)

    play(main())


def test_a_fault_that_is_planted_from_python_is_seen_when_the_cell_has_run(done):
    async def main() -> None:
        page = Page(canvas(flow_of(done).start()))
        await page.open()
        run = page.widget.run
        run.inject(Fault.raising(ValueError, at="b", where="before"))
        run.inject(Fault.raising(ValueError, at="b", where="rollback"))
        page.widget._feed.touch()
        await turns()
        assert page.badges() == ["", "before, rollback", "", ""]
        run.clear_faults()
        page.widget._feed.flush()
        assert [mark[2] for mark in page.nodes] == [0, 0, 0, 0]

    play(main())


def test_the_action_that_failed_can_be_told_after_the_rollback(done):
    async def main() -> None:
        run = flow_of(done).start(faults=[Fault.raising(ValueError("planted"), at="c", where="after")])
        page = Page(canvas(run))
        await page.open()
        while run.next.direction is not None:
            await run.step()
        await page.rest()
        assert page.states() == ["rolled back", "rolled back", "rolled back", "abandoned"]
        assert [mark[3] for mark in page.nodes] == [0, 0, 1, 0]

    play(main())


def test_the_front_is_where_it_runs_and_the_way_is_the_direction(done):
    async def main() -> None:
        run = flow_of(done).start(faults=[Fault.raising(ValueError("planted"), at="d")])
        page = Page(canvas(run))
        await page.open()
        seen = []
        while run.next.direction is not None:
            seen.append((page.facts["front"], page.facts["way"]))
            await run.step()
            await page.rest()
        assert seen == [(1, 0), (2, 1), (3, 1), (3, -1), (2, -1), (1, -1)]

    play(main())


def test_a_message_that_is_no_command_is_counted_and_does_nothing(done):
    async def main() -> None:
        page = Page(canvas(flow_of(done).start()))
        for content in (
            None,
            "hello",
            [],
            {},
            {"cmd": "eval"},
            {"cmd": "look", "node": 4},
            {"cmd": ["hello"]},
        ):
            page.widget._handle_custom_msg(content, [])
        await turns()
        assert page.widget.ignored == 7
        assert not page.sent

    play(main())


@pytest.mark.parametrize(
    "content",
    [
        {"cmd": "hello", "more": 1},
        {"cmd": "speed"},
        {"cmd": "speed", "to": 1.5},
        {"cmd": "speed", "to": float("nan")},
        {"cmd": "speed", "to": True},
        {"cmd": "direction", "to": "RL"},
        {"cmd": "look"},
        {"cmd": "look", "node": True},
        {"cmd": "look", "node": -1},
        {"cmd": "look", "node": "0"},
        {"cmd": "plant", "node": 0, "where": "during", "to": {"kind": "hang", "when": "always"}},
        {"cmd": "plant", "node": 0, "where": "after", "to": {"kind": "exit", "when": "always"}},
        {"cmd": "plant", "node": 0, "where": "after", "kind": "ValueError"},
        {"cmd": "clear", "node": 0, "where": None},
        {"cmd": "__init__"},
    ],
)
def test_the_list_of_commands_is_closed(content):
    assert parse(content, nodes=4) is None


def test_turning_it_brings_the_other_layout_and_every_view_agrees(done):
    async def main() -> None:
        page = Page(canvas(flow_of(done).start()))
        assert set(page.widget._layouts) == {"LR"}
        await page.click(cmd="direction", to="TB")
        assert page.widget.direction == "TB"
        assert set(page.widget._layouts) == {"LR", "TB"}
        layout = page.widget._layouts["TB"]
        assert layout["direction"] == "TB"
        assert len(layout["boxes"]) == 4

    play(main())


def test_a_closed_canvas_keeps_quiet_and_the_run_goes_on(done):
    async def main() -> None:
        run = flow_of(done).start()
        graph = canvas(run)
        page = Page(graph)
        graph.close()
        await run.finish()
        await turns()
        assert not page.sent
        assert run.state.word == "succeeded"

    play(main())


def test_the_selected_action_can_be_observed(done):
    async def main() -> None:
        page = Page(canvas(flow_of(done).start()))
        seen = []
        page.widget.observe(lambda change: seen.append(change.new), "selected")
        await page.click(cmd="look", node=2)
        assert seen == ["c"]

    play(main())


def test_an_error_in_a_command_is_shown(done, monkeypatch):
    async def main() -> None:
        page = Page(canvas(flow_of(done).start()))
        monkeypatch.setattr(page.widget._feed, "tell_all", lambda: 1 / 0)
        await page.click(cmd="hello")
        assert page.sent == [{"t": "error", "text": "ZeroDivisionError: division by zero"}]

    play(main())


def test_every_display_carries_the_widget_and_pictures(done):
    data, _ = canvas(flow_of(done).start())._repr_mimebundle_()
    assert set(data) == {
        "application/vnd.jupyter.widget-view+json",
        "image/svg+xml",
        "image/png",
        "text/plain",
    }
    assert "batch 1: ○ a (pending)" in data["text/plain"]


def test_a_display_is_the_view_and_below_it_the_picture(done, monkeypatch):
    shown = []
    monkeypatch.setattr(
        "daga_nb.widgets.pictured.publish_display_data", lambda data, _: shown.append(set(data))
    )
    canvas(flow_of(done).start())._ipython_display_()
    assert shown == [
        {"application/vnd.jupyter.widget-view+json", "text/plain"},
        {"image/svg+xml", "image/png", "text/plain"},
    ]


def test_its_repr_is_short(done):
    assert len(repr(canvas(layered(done, 200, 10).start()))) < 120


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a:b",
    "nul\0nul",
    "\u202eright to left",
    "\ud800",
    "x" * 1_000_000,
]


def test_hostile_names_stay_data_and_stay_short(done):
    edges = list(pairwise(HOSTILE))
    flow = flow_of(done, edges, name="<b>" + "f" * 10_000)
    graph = canvas(flow.start())
    text = json.dumps(graph._face)
    assert len(text) < 8_000
    assert "\\u0000" not in text
    assert "\\u202e" not in text
    assert "\\ud800" not in text
    assert graph._face["names"][0] == HOSTILE[0]


def test_the_face_says_everything_that_never_changes(done):
    found = face(flow_of(done, name="trip").plan, "trip")
    assert found["labels"] == ["a", "b", "c", "d"]
    assert found["batch"] == [1, 2, 2, 3]
    assert [look["word"] for look in found["looks"]] == [state.word for state in NodeState]
    assert [look["word"] for look in found["looks"] if look["busy"]] == ["running", "rolling back"]
    assert len({look["glyph"] for look in found["looks"]}) == 10


def test_each_pair_of_states_has_a_way_to_draw_its_edge():
    modes = {(tail, head): edge_mode(tail, head) for tail in [*NodeState, None] for head in NodeState}
    assert set(modes.values()) == set(MODES)
    back = {pair for pair, mode in modes.items() if mode == "back"}
    assert {tail for tail, _ in back} == {NodeState.ROLLING_BACK}
    assert NodeState.ROLLED_BACK in {head for _, head in back}
    assert all(mode == "flow" for (_, head), mode in modes.items() if head is NodeState.RUNNING)


FORBIDDEN = [
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment",
    r"\beval\b|new Function|setTimeout\(\s*[\"'`]|import\(",
    r"https?:|(?<!:)//\w+\.\w",
    r"#[0-9a-fA-F]{3,8}\b|\b(rgb|rgba|hsl|hsla|oklch|oklab|hwb|color-mix)\(",
    r":\s*(white|black|red|green|blue|gr[ae]y|orange|purple|yellow|transparent)\b",
]


@pytest.mark.parametrize("path", STATIC, ids=lambda path: path.name)
def test_the_front_end_has_no_markup_from_text_no_network_and_no_colour(path):
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    for pattern in FORBIDDEN:
        found = re.search(pattern, text)
        assert found is None, f"{path.name}: {found.group() if found else ''}"
    assert len(text.splitlines()) < 300


@pytest.mark.parametrize("widget", [FlowCanvas, FlowLab])
def test_the_module_is_one_file_with_one_default_export_and_no_name_twice(widget):
    text = str(widget._esm)
    assert text.count("export default") == 1
    assert "import " not in re.sub(r"/\*.*?\*/|//.*", "", text, flags=re.S)
    names = re.findall(r"^(?:class|function|const|let) (\w+)", text, flags=re.M)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("widget", [FlowCanvas, FlowLab])
def test_the_style_uses_only_properties_that_the_theme_defines(widget):
    text = str(widget._css)
    used = set(re.findall(r"var\((--daga-[\w-]+)", text))
    defined = set(re.findall(r"(--daga-[\w-]+):", text))
    assert used <= defined
    assert {f"--daga-{state.lower().replace('_', '-')}-ink" for state in NodeState.__members__} <= defined


def test_a_canvas_of_plain_functions_in_a_script_needs_no_loop():
    def quote(results):
        return 1

    def pay(results):
        return 2

    run = DagaFlow([(quote, pay)]).start()
    graph = canvas(run)
    play(run.finish())
    graph._feed.flush()
    assert [STATES[mark[0]].word for mark in graph._feed.snapshot()["nodes"]] == ["succeeded", "succeeded"]
