"""Two runs side by side in a real JupyterLab."""

from __future__ import annotations

from flows import STAY

PENDING, RUNNING, DONE, FAILED, BACK = "pending", "running", "succeeded", "failed", "rolled-back"
QUOTE, FLIGHT, HOTEL, PAY = range(4)

TWO = """
one = flow.start("order 1042")
await one.go()
late = Fault.raising(TimeoutError("no answer"), at="hotel", where="before")
other = flow.start("order 1042", faults=[late])
await other.go()
twin = compare(one, other)
made = len(calls)
def told(run):
    return [[str(state) for state in run.story.at(k).states.values()] for k in range(len(run.events) + 1)]
"""


def words(moments: list[list[str]]) -> list[list[str]]:
    return [[state.lower().replace("_", "-") for state in states] for states in moments]


def test_two_runs_stand_side_by_side_on_one_slider(notebook):
    notebook.show(STAY, TWO, "twin")
    page = notebook.page
    notebook.see(".dnb-twin")
    stories = [words(notebook.ask(f"told({name})")) for name in ("one", "other")]
    assert page.locator(".dnb-twin .dnb-graph").count() == 2
    assert page.locator(".dnb-twin .dnb-scrub").count() == 1
    assert notebook.states(0) == stories[0][-1] == [DONE] * 4
    assert notebook.states(1) == stories[1][-1] == [BACK, BACK, BACK, "abandoned"]
    chips = page.locator(".dnb-side .dnb-chip").all_inner_texts()
    assert [chip.split(" ", 1)[1] for chip in chips] == ["succeeded", "rolled back"]

    # The first difference: both sides at that event, the action marked in both, and looked at.
    place = notebook.ask("twin.comparison.first.position")
    page.click(f".dnb-first button:has-text('First difference: event {place}')")
    notebook.see(".dnb-twin.dnb-apart .dnb-first", "hotel")
    assert notebook.states(0) == stories[0][place]
    assert notebook.states(1) == stories[1][place]
    assert notebook.states(0) != notebook.states(1)
    marked = page.locator(".dnb-first-apart").evaluate_all("nodes => nodes.map(node => node.dataset.node)")
    assert marked == [str(HOTEL), str(HOTEL)]
    page.click(".dnb-tab:has-text('Inspect both')")
    titles = page.locator(".dnb-inspectors h4").all_inner_texts()
    assert titles == ["hotel", "hotel"]
    notebook.see(".dnb-inspectors aside:last-child .dnb-error-code", "TimeoutError: no answer")

    # One slider moves both; the shorter story stays at its end.
    page.focus(".dnb-scrub")
    notebook.keys("Home")
    longest = max(map(len, stories))
    for position in range(longest):
        for side, story in enumerate(stories):
            assert notebook.states(side) == story[min(position, len(story) - 1)]
        notebook.keys("ArrowRight")
    notebook.see(".dnb-side .dnb-next", "(its end)")
    notebook.keys("g")
    assert notebook.evaluate("parseInt(document.querySelector('.dnb-where').textContent)") == place

    # What ended differently stands first; a click on a row selects it on both sides.
    page.click(".dnb-tab:has-text('What ended differently')")
    rows = page.locator(".dnb-table tbody tr")
    assert rows.first.get_attribute("class") == "dnb-differs"
    names = [row.locator("th").inner_text() for row in rows.all()]
    assert sorted(names[:4]) == ["flight", "hotel", "pay", "quote"]
    assert names[4:] == ["the whole run", "left", "calls · undos"]
    rows.filter(has_text="pay").click()
    assert page.locator(".dnb-selected").evaluate_all("nodes => nodes.map(node => node.dataset.node)") == [
        str(PAY),
        str(PAY),
    ]
    cells = notebook.cells()
    notebook.keys("a", "b", "d", "d", "l", "End")
    notebook.wait("[...document.querySelectorAll('.dnb-band')].every(b => b.dataset.direction === 'TB')")
    assert notebook.cells() == cells
    assert notebook.ask("len(calls) == made")
    for width in (600, 1400):
        page.set_viewport_size({"width": width, "height": 1100})
        notebook.wait(f"innerWidth === {width}")
        notebook.wait("(box => box.scrollWidth <= box.clientWidth)(document.querySelector('.dnb-twin'))")

    notebook.run_cell("twin.close()\ncompare(one, one)")
    notebook.see(".dnb-first", "No difference in what happened")
    assert page.locator(".dnb-first-apart, .dnb-first button, .dnb-differs").count() == 0
    page.focus(".dnb-twin")
    notebook.keys("Home", ".", ".")
    for view in (0, 1):
        assert notebook.states(view) == [RUNNING, PENDING, PENDING, PENDING]
