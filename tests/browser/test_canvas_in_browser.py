"""The graph in a real JupyterLab: colours, places, keys, motion, hostile text, many nodes."""

from __future__ import annotations

import re

import pytest
from flows import LAB, TRIP, big

from daga_nb.core.states import NodeState
from daga_nb.render.theme import LOOKS

PENDING, DONE = "pending", "succeeded"


def open_lab(notebook, speed: float = 1.0) -> None:
    notebook.show(TRIP, LAB.format(speed=speed))
    notebook.page.wait_for_selector(".dnb-lab[data-line=live]")


def fill_of(notebook, node: int) -> str:
    return notebook.evaluate(f"getComputedStyle(document.querySelectorAll('.dnb-body')[{node}]).fill")


def rgb(colour: str) -> str:
    parts = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    return f"rgb({', '.join(map(str, parts))})"


def test_a_canvas_follows_a_run_that_cells_step(notebook):
    notebook.show(TRIP, "run = flow.start()\ncanvas(run)", "await run.step(); await run.step(); None")
    notebook.wait_for_states(*[DONE] * 4, PENDING, PENDING)
    notebook.page.wait_for_selector(".dnb-status:has-text('next: batch 3')")
    assert notebook.page.locator(".dnb-legend span").count() == 10


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_the_colours_are_those_of_the_theme(notebook, theme):
    open_lab(notebook)
    notebook.theme(theme)
    notebook.press("step")
    notebook.wait_for_states(DONE, *[PENDING] * 5)
    looks = LOOKS[NodeState.SUCCEEDED], LOOKS[NodeState.PENDING]
    paints = [look.dark if theme.endswith("Dark") else look.light for look in looks]
    for node, paint in enumerate(paints):
        expected = rgb(paint.fill)
        notebook.wait(
            f"getComputedStyle(document.querySelectorAll('.dnb-body')[{node}]).fill === '{expected}'"
        )
    notebook.theme("JupyterLab Light")


@pytest.mark.parametrize("width", [700, 1400])
def test_nothing_changes_its_place_or_size_when_states_change(notebook, width):
    measure = """[...document.querySelectorAll(
            ".dnb-body, .dnb-lab > *, .dnb-head > *, .dnb-button, .dnb-inspector, .dnb-legend span")]
        .filter(element => element.getClientRects().length && !element.closest(".dnb-decide"))
        .map(element => [element, element.closest(".dnb-lab")].map(one => one.getBoundingClientRect()))
        .map(([box, lab]) => [box.x - lab.x, box.y - lab.y, box.width, box.height].map(Math.round).join())"""
    notebook.page.set_viewport_size({"width": width, "height": 1100})
    open_lab(notebook)
    notebook.run_cell("bench.plant('quote', 'rollback')")
    notebook.node(4).click()
    notebook.page.keyboard.press("f")
    notebook.page.wait_for_selector(".dnb-node[data-node='4'].dnb-broken")
    before = notebook.evaluate(measure)
    notebook.press("run")
    notebook.page.wait_for_selector(".dnb-chip[data-run=rollback-incomplete]")
    notebook.page.wait_for_selector(".dnb-error-code")
    assert notebook.evaluate(measure) == before


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_sixty_actions_in_three_batches_keep_their_names(notebook, direction):
    notebook.page.set_viewport_size({"width": 1800, "height": 1000})
    notebook.show(big(60, 20), f"lab(flow, direction={direction!r})")
    notebook.page.wait_for_selector(".dnb-lab[data-line=live]")
    assert notebook.evaluate("graphs[0].dataset.distance") in ("near", "middle")
    label = notebook.page.locator(".dnb-band text").first
    assert label.bounding_box()["height"] >= 9


def test_the_keys_work_the_lab_and_insert_no_cells(notebook):
    open_lab(notebook)
    page = notebook.page
    cells = notebook.cells()
    notebook.node(0).click()
    page.keyboard.press("n")
    notebook.wait_for_states(DONE, *[PENDING] * 5)
    page.keyboard.press("a")
    notebook.wait_for_states(DONE, DONE, *[PENDING] * 4)
    page.keyboard.press("ArrowRight")
    assert notebook.evaluate("document.activeElement.dataset.node") in ("1", "2", "3")
    page.keyboard.press("ArrowRight")
    assert notebook.evaluate("document.activeElement.dataset.node") == "4"
    page.keyboard.press("f")
    page.wait_for_selector(".dnb-node[data-node='4'] .dnb-fault[data-place=before]")
    page.keyboard.press("f")
    page.wait_for_selector(".dnb-node[data-node='4'] .dnb-fault[data-place=after]")
    page.keyboard.press("Space")
    notebook.wait("states(0)[0] === 'rolled-back'")
    page.keyboard.press("r")
    notebook.wait_for_states(*[PENDING] * 6)
    page.wait_for_selector(".dnb-node[data-node='4'] .dnb-fault[data-place=after]")
    page.keyboard.press("l")
    page.wait_for_selector(".dnb-band[data-direction=TB]", state="attached")
    for key in ("+", "-", "0", "d", "d", "m", "y", "x", "c", "v", "Enter"):
        page.keyboard.press(key)
    assert notebook.cells() == cells
    assert notebook.evaluate("panel().content.mode") == "command"
    # C has opened the scenarios, where V and Enter have saved one: Escape closes them first.
    page.wait_for_selector(".dnb-scenario-list button:has-text('v.scenario.json')")
    (notebook.server.folder / "v.scenario.json").unlink()
    page.keyboard.press("Escape")
    page.wait_for_selector(".dnb-scenarios", state="hidden")
    page.keyboard.press("Escape")
    assert notebook.evaluate("document.activeElement.classList.contains('jp-Cell')")


def test_a_failure_is_planted_by_the_handle_on_the_node_itself(notebook):
    open_lab(notebook)
    page = notebook.page
    notebook.node(3).hover()
    page.click(".dnb-node[data-node='3'] .dnb-handle")
    page.wait_for_selector(".dnb-node[data-node='3'] .dnb-fault[data-place=before]")
    page.click(".dnb-node[data-node='3'] .dnb-fault[data-place=before]")
    page.wait_for_selector(".dnb-node[data-node='3'] .dnb-fault[data-place=after]")
    page.wait_for_selector(".dnb-place-toggle[data-place=after]:not([data-planted=''])")
    notebook.press("run")
    notebook.wait("states(0)[0] === 'rolled-back'")


def test_the_wheel_scrolls_the_page_unless_the_graph_has_the_focus(notebook):
    open_lab(notebook)
    page = notebook.page
    scale = "document.querySelector('.dnb-world').getAttribute('transform')"
    notebook.evaluate("document.activeElement.blur()")
    before = notebook.evaluate(scale)
    graph = page.locator(".dnb-graph")
    graph.scroll_into_view_if_needed()
    graph.hover()
    page.mouse.wheel(0, -120)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert notebook.evaluate(scale) == before
    notebook.node(2).click()
    page.mouse.wheel(0, -120)
    notebook.wait(f"{scale} !== {before!r}")
    page.keyboard.press("0")
    notebook.wait(f"{scale} === {before!r}")


def test_the_graph_is_moved_by_dragging_and_a_drag_selects_nothing(notebook):
    open_lab(notebook)
    page = notebook.page
    transform = "document.querySelector('.dnb-world').getAttribute('transform')"
    before = notebook.evaluate(transform)
    box = notebook.node(2).bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 40, steps=4)
    page.mouse.up()
    assert notebook.evaluate(transform) != before
    assert page.locator(".dnb-selected").count() == 0


def test_little_motion_for_those_who_want_little(notebook):
    notebook.page.emulate_media(reduced_motion="reduce")
    open_lab(notebook, speed=0.0)
    notebook.press("run")
    notebook.wait("states(0)[0] === 'running'")
    running = "document.getAnimations().filter(a => a.effect.target.closest?.('.dnb-graph')).length"
    assert notebook.evaluate(running) == 0


HOSTILE = """
from daga_nb import DagaAction, DagaFlow, lab
def hostile(name):
    async def action(results):
        print("<img src=x onerror='window.hurt=1'>")
        return "</script><script>window.hurt=2</script>"
    async def undo(results): raise ValueError("<b onclick=alert(1)>")
    made = DagaAction(action, name=name)
    made.on_rollback(undo)
    return made
names = ["<script>window.hurt=3</script>", "\\"><img src=x onerror=window.hurt=4>", "a:b", "\\u202eabc"]
names.append("x" * 100_000)
actions = [hostile(name) for name in names]
bench = lab(DagaFlow(list(zip(actions, actions[1:])), name="<h1>flow</h1>"), "<i>input</i>", speed=1.0)
bench
"""


def test_hostile_text_is_only_text(notebook):
    notebook.show(HOSTILE)
    page = notebook.page
    page.wait_for_selector(".dnb-lab[data-line=live]")
    notebook.press("run")
    notebook.wait_for_states(*[DONE] * 5)
    notebook.node(0).click()
    page.wait_for_selector(".dnb-inspector h4:has-text('<script>window.hurt=3</script>')")
    page.wait_for_selector(".dnb-print:has-text('onerror')")
    notebook.press("rollback")
    notebook.wait_for_states(*["rollback-failed"] * 5)
    page.wait_for_selector(".dnb-error-code:has-text('<b onclick=alert(1)>')")
    assert page.locator(".dnb-title").inner_text() == "<h1>flow</h1>"
    assert notebook.evaluate("window.hurt") is None
    assert notebook.evaluate("document.querySelectorAll('.dnb-lab script, .dnb-lab img').length") == 0


def test_200_nodes_are_usable(notebook):
    frames: list[int] = []
    notebook.page.on(
        "websocket", lambda socket: socket.on("framereceived", lambda payload: frames.append(len(payload)))
    )
    notebook.show(big(200, 14), "bench = lab(flow, speed=1.0)\nbench")
    notebook.page.wait_for_selector(".dnb-lab[data-line=live]")
    frames.clear()
    notebook.press("action")
    notebook.wait("states(0)[0] === 'succeeded'")
    assert 0 < max(frames) < 40_000
    notebook.press("run")
    notebook.wait("states(0).every(state => state === 'succeeded')")
    notebook.press("rollback")
    notebook.wait("states(0).every(state => state === 'rolled-back')")


def test_from_afar_cards_still_show_glyph_and_name(notebook):
    notebook.page.set_viewport_size({"width": 1800, "height": 1000})
    notebook.show(big(200, 14), "bench = lab(flow, speed=1.0)\nbench")
    page = notebook.page
    page.wait_for_selector(".dnb-graph[data-distance=far]")
    assert re.fullmatch(r"ta(sk |…)\d{3}", notebook.node(100).locator(".dnb-far-name").text_content())
    assert notebook.node(100).locator(".dnb-far-name").is_visible()
    assert notebook.node(100).locator(".dnb-glyph").is_visible()
    for _ in range(2):
        page.locator(".dnb-zoom button").last.click()
    page.wait_for_selector(".dnb-graph[data-distance=farthest]")
    assert not notebook.node(100).locator(".dnb-far-name").is_visible()
    assert notebook.node(100).locator(".dnb-far-glyph").is_visible()


INKS = """(() => {
    const crowd = document.querySelector(".dnb-crowd");
    const { data } = crowd.getContext("2d").getImageData(0, 0, crowd.width, crowd.height);
    const found = new Set();
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) found.add(data.slice(i, i + 3).join());
    return found;
})()"""


def test_very_many_cards_are_one_picture_from_afar_and_cards_when_near(notebook):
    # So small that their fill is seen, and too many to be elements.
    notebook.show(big(600, 12) + "from ipywidgets import VBox", "run = flow.start()\nVBox([canvas(run)])")
    page = notebook.page
    page.focus(".dnb-canvas")
    page.keyboard.press("0")
    page.wait_for_selector(".dnb-graph[data-distance=farthest]")
    page.wait_for_selector(".dnb-crowd")
    assert notebook.states() == []
    fills = {state: LOOKS[state] for state in (NodeState.PENDING, NodeState.SUCCEEDED)}
    light, dark = (
        {state: rgb(getattr(look, way).fill)[4:-1].replace(" ", "") for state, look in fills.items()}
        for way in ("light", "dark")
    )
    notebook.wait(f"{INKS}.has({light[NodeState.PENDING]!r})")
    assert not notebook.evaluate(f"{INKS}.has({light[NodeState.SUCCEEDED]!r})")
    notebook.run_cell("await run.go(); None")
    page.wait_for_selector(".dnb-status:has-text('succeeded')")
    page.focus(".dnb-canvas")
    page.keyboard.press("0")
    page.wait_for_selector(".dnb-graph[data-distance=farthest]")
    notebook.wait(f"{INKS}.has({light[NodeState.SUCCEEDED]!r})")
    notebook.theme("JupyterLab Dark")
    notebook.wait(f"{INKS}.has({dark[NodeState.SUCCEEDED]!r})")
    # A click selects the card that is drawn there; near enough, the cards are elements, and up to date.
    frame = page.locator(".dnb-graph").bounding_box()
    page.mouse.click(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    notebook.wait("document.activeElement.closest('.dnb-canvas')")
    told = "document.querySelector('.dnb-graph > title').textContent"
    for _ in range(40):
        if notebook.evaluate(told):
            break
        frame["y"] += 2
        page.mouse.move(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    assert re.fullmatch(r"task \d{3}, succeeded, batch \d+, .*", notebook.evaluate(told))
    page.mouse.down()
    page.mouse.up()
    selected = page.locator(".dnb-node.dnb-selected")
    assert notebook.evaluate(told).startswith(selected.locator("title").first.text_content())
    for _ in range(14):
        if notebook.evaluate("document.querySelector('.dnb-crowd').hidden"):
            break
        page.keyboard.press("+")
    page.wait_for_selector(".dnb-graph[data-distance=far]")
    assert 12 < len(notebook.states()) < 400
    assert set(notebook.states()) == {DONE}
    assert page.locator(".dnb-node .dnb-far-name").first.is_visible()
    modes = notebook.evaluate("[...document.querySelectorAll('.dnb-edge')].map(edge => edge.dataset.mode)")
    assert set(modes) == {"done"}
    page.keyboard.press("+")
    page.keyboard.press("+")
    page.wait_for_selector(".dnb-graph[data-distance=middle], .dnb-graph[data-distance=near]")
    seen = notebook.states()
    assert 0 < len(seen) < 200
    page.keyboard.press("0")
    page.wait_for_selector(".dnb-crowd")
    assert len(notebook.states()) <= 1
    notebook.theme("JupyterLab Light")
    notebook.wait(f"{INKS}.has({light[NodeState.SUCCEEDED]!r})")


def test_a_graph_too_long_to_be_read_is_followed_batch_by_batch(notebook):
    notebook.show(big(120, 4), "bench = lab(flow, speed=1.0)\nbench")
    page = notebook.page
    page.wait_for_selector(".dnb-lab[data-line=live]")
    notebook.press("step")
    seen = """(batch => {
        const [band, frame] = [document.querySelectorAll(".dnb-band")[batch], graphs[0]]
            .map(element => element.getBoundingClientRect());
        return band.left >= frame.left && band.right <= frame.right && frame.right - frame.left < 1100;
    })"""
    notebook.wait(f"document.querySelector('.dnb-band[data-front]')?.textContent && {seen}(1)")
    notebook.wait("graphs[0].dataset.distance !== 'farthest'")
    wide = page.evaluate("document.querySelector('.dnb-graph').clientWidth")
    page.set_viewport_size({"width": 1200, "height": 1000})
    notebook.wait(f"graphs[0].clientWidth < {wide} - 50 && graphs[0].dataset.distance !== 'farthest'")
    notebook.wait(f"{seen}(1)")
    page.keyboard.press("0")
    page.wait_for_selector(".dnb-graph[data-distance=farthest]")
    notebook.run_cell("await bench.run.rollback('enough'); None")
    notebook.wait(f"graphs[0].dataset.distance !== 'farthest' && {seen}(0)")


def test_it_stands_in_boxes_and_tabs_as_other_widgets_do(notebook):
    show = "run = flow.start()\nTab([HTML('first'), VBox([canvas(run), canvas(run, direction='TB')])])"
    notebook.show(TRIP + "from ipywidgets import HTML, Tab, VBox", show)
    page = notebook.page
    page.locator(".jupyter-widget-tab .lm-TabBar-tab").nth(1).click()
    page.wait_for_function("document.querySelectorAll('.dnb-canvas[data-line=live]').length === 2")
    notebook.wait("[...graphs].every(graph => graph.dataset.distance && graph.clientHeight > 200)")
    inside = """nodes(0).every(node => {
        const [card, frame] = [node, graphs[0]].map(element => element.getBoundingClientRect());
        return card.left >= frame.left - 1 && card.right <= frame.right + 1;
    })"""
    notebook.wait(inside)
    notebook.run_cell("await run.step(); None")
    for view in (0, 1):
        notebook.wait_for_states(DONE, *[PENDING] * 5, view=view)
