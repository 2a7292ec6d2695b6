"""A story that is kept: in a notebook, and as a page that opens by a double-click, without a network."""

from __future__ import annotations

import pytest
from flows import STAY

PENDING, DONE, FAILED, BACK = "pending", "succeeded", "failed", "rolled-back"
QUOTE, FLIGHT, HOTEL, PAY = range(4)

STATES = "() => [...document.querySelectorAll('.dnb-node')].map(node => node.dataset.state)"
WHERE = "() => document.querySelector('.dnb-where').textContent"

SAVE = """
broken.add("pay")
run = flow.start("order 1042")
await run.go()
run.save("kept.json")
run.report("kept.html")
told = [[str(state) for state in run.story.at(k).states.values()] for k in range(len(run.events) + 1)]
done = len(calls)
"""

LOAD = """
from daga_nb import Story
story = Story.load("kept.json")
assert story == run.story
player = scrub(story)
player
"""


def words(states: list[str]) -> list[str]:
    return [state.lower().replace("_", "-") for state in states]


@pytest.fixture
def offline(browser):
    """Give a function that opens a file in a browser without a network; at the end nothing was amiss."""
    opened, asked, errors = [], [], []

    def show(path, scheme="light", width=1200):
        context = browser.new_context(
            offline=True, color_scheme=scheme, viewport={"width": width, "height": 900}
        )
        context.on("request", lambda request: asked.append(request.url))
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda said: errors.append(said.text) if said.type in ("error", "warning") else None,
        )
        page.goto(path.as_uri())
        page.wait_for_selector(".dnb-player")
        opened.append(context)
        return page

    yield show
    for context in opened:
        context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert errors == []


def test_a_story_is_saved_loaded_and_looked_at_and_its_report_needs_nothing_else(notebook, offline):
    notebook.show(STAY, SAVE, LOAD)
    notebook.see(".dnb-player")
    told = [words(states) for states in notebook.ask("told")]
    last = len(told) - 1
    assert notebook.states() == told[last] == [BACK] * 4
    # In the notebook: the whole lab without what would change something.
    assert notebook.page.locator(".dnb-player .dnb-tools, .dnb-player .dnb-plant:visible").count() == 0
    notebook.page.focus(".dnb-player")
    notebook.keys("Home")
    for position in range(last + 1):
        assert notebook.states() == told[position]
        notebook.keys(".")
    cells = notebook.cells()
    notebook.node(FLIGHT).click()
    notebook.see(".dnb-inspector dl:has(dt:text-is('rollback result'))")
    notebook.keys("<", "<", "<")
    notebook.see(".dnb-inspector dl:has(dt:text-is('result')) dd", "'seat 12'")
    assert notebook.page.locator(".dnb-inspector dt:text-is('rollback result')").count() == 0
    notebook.keys("b", "r", "n", "a", "f", "s", "x", "End")
    assert notebook.states() == told[last]
    assert notebook.cells() == cells
    assert notebook.ask("len(calls) == done")

    # As a page: with the network off, in light and in dark.
    page = offline(notebook.server.folder / "kept.html")
    assert page.evaluate(STATES) == told[last]
    assert page.title().startswith("stay: run")
    page.keyboard.press("Home")
    for position in range(last + 1):
        assert page.evaluate(STATES) == told[position]
        page.keyboard.press(".")
    page.focus(".dnb-scrub")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(STATES) == told[last - 1]
    page.locator(f".dnb-node[data-node='{PAY}']").click()
    page.wait_for_selector(".dnb-inspector h4:text-is('pay')")
    page.wait_for_selector(".dnb-error-code:has-text('ValueError: pay is broken')")
    page.keyboard.press("End")
    page.wait_for_selector(".dnb-words:has-text('run rolled back')")
    page.click(".dnb-tab:has-text('Timeline')")
    assert page.locator(".dnb-bar").count() == 8
    page.locator(".dnb-bar rect").nth(1).click()
    position = int(page.evaluate(WHERE).split()[0])
    assert position < last
    assert page.evaluate(STATES) == told[position]
    page.keyboard.press("l")
    page.wait_for_selector(".dnb-band[data-direction=TB]", state="attached")
    light = page.evaluate("() => getComputedStyle(document.querySelector('.dnb-page')).backgroundColor")
    for width in (600, 1200):
        dark = offline(notebook.server.folder / "kept.html", "dark", width)
        assert dark.evaluate(STATES) == told[last]
        colour = "() => getComputedStyle(document.querySelector('.dnb-page')).backgroundColor"
        assert dark.evaluate(colour) != light
        assert dark.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")


HOSTILE = """
from daga_nb import DagaAction, DagaFlow
bad = "</script><img src=x onerror=alert(1)>"
def hostile(name):
    async def action(results):
        if name.startswith("last"):
            raise ValueError("<!--<script>" + bad)
        return bad + "\\u2028<!--"
    async def undo(results): return bad
    made = DagaAction(action, name=name)
    made.on_rollback(undo)
    return made
names = [bad, "\\"'><svg onload=alert(2)>", "${alert(3)}`\\\\", "last <b>"]
actions = [hostile(name) for name in names]
run = DagaFlow(list(zip(actions, actions[1:])), name=bad).start(bad)
await run.go()
run.report("hostile.html")
"""


def test_hostile_text_in_a_report_is_only_text(notebook, offline):
    notebook.show(HOSTILE)
    bad = "</script><img src=x onerror=alert(1)>"
    page = offline(notebook.server.folder / "hostile.html")
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    assert page.locator(".dnb-title").inner_text() == bad
    assert page.title().startswith(bad)
    for number in range(4):
        page.locator(f".dnb-node[data-node='{number}']").click()
        page.wait_for_selector(f".dnb-inspector dd:has-text('{bad}')")
    assert page.locator(".dnb-inspector h4").inner_text() == "last <b>"
    assert f"<!--<script>{bad}" in page.locator(".dnb-error-code").inner_text()
    for key in ("Home", ".", ".", ".", "End"):
        page.keyboard.press(key)
    page.click(".dnb-tab:has-text('Timeline')")
    assert page.locator("img, svg[onload], b [onerror]").count() == 0
    assert page.locator("script").count() == 2
    assert dialogs == []
