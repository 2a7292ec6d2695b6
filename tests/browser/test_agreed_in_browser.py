"""What actions have agreed on, and the same flow under three policies, in a real JupyterLab."""

from __future__ import annotations

import pytest

TRIP = """
from daga_nb import Fault, Retries, compare, lab, sketch

text = "look[no effect] >> book[save point] >> (hold[timeout=5], pay[pivot, retries=3]) >> ship[retries=1]"
flow = sketch(text, name="trip", schedule="eager")
late = Fault.raising(TimeoutError("no answer"), at="ship")
"""
LOOK, BOOK, HOLD, PAY, SHIP = range(5)
MARKS = "nodes(0).map(node => node.querySelector('.dnb-marks')?.textContent ?? '').join()"
SAVED = "document.querySelectorAll('.dnb-save.dnb-reached').length"
PLACES = "JSON.stringify(nodes(0).map(node => node.querySelector('.dnb-name').getBoundingClientRect()))"


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_marks_stand_on_the_cards_and_fill_when_they_are_reached(notebook, theme):
    notebook.show(TRIP, "bench = lab(flow, faults=[late], speed=1.0)\nbench")
    page = notebook.page
    page.wait_for_selector(".dnb-lab[data-line=live]")
    notebook.theme(theme)
    assert notebook.evaluate(MARKS) == ",⇤,◷5 s,◇↻3,↻1"
    assert notebook.evaluate(SAVED) == 0
    legend = notebook.read(".dnb-lab .dnb-legend")
    assert all(words in legend for words in ("pivot", "save point", "retries", "timeout", "eager schedule"))
    before = notebook.evaluate(PLACES)
    notebook.press("run")
    page.wait_for_selector(f".dnb-node[data-node='{SHIP}'][data-state=failed]")
    assert notebook.evaluate(MARKS) == ",⇤,◷5 s,◆↻3,↻1"
    assert notebook.evaluate(SAVED) == 1
    assert notebook.evaluate(PLACES) == before, "nothing moves"
    notebook.see(".dnb-past-pivot.dnb-passed", "past the pivot pay")
    notebook.see(".dnb-next", "past the pivot pay there is no way back")
    assert page.locator(".dnb-lab [data-command=rollback][aria-disabled=false]").count() == 0
    label = notebook.node(SHIP).get_attribute("aria-label")
    assert "attempt 2" in label
    assert "retries: 1" in label
    assert "ship running" in "".join(notebook.log())
    notebook.node(PAY).click()
    notebook.see(".dnb-agreed-row", "pivot, retries: 3")
    notebook.node(LOOK).click()
    notebook.see(".dnb-agreed-row", "no effect")

    # On the slider the marks are as they were then.
    page.focus(".dnb-scrub")
    notebook.keys("Home")
    notebook.wait(f"{MARKS} === ',⇤,◷5 s,◇↻3,↻1' && {SAVED} === 0")
    assert page.locator(".dnb-past-pivot.dnb-passed").count() == 0
    notebook.theme("JupyterLab Light")


def test_marks_collide_with_no_badge_and_vanish_from_far(notebook):
    notebook.show(TRIP, "bench = lab(flow, speed=1.0)\nbench")
    page = notebook.page
    page.wait_for_selector(".dnb-lab[data-line=live]")
    notebook.run_cell(
        "for place in ('before', 'after', 'rollback'): bench.plant('pay', place)\n"
        "bench.break_at('pay'); bench.break_at('pay', 'rollback')"
    )
    page.wait_for_selector(f".dnb-node[data-node='{PAY}'] .dnb-fault[data-place=rollback]")
    page.wait_for_selector(".dnb-graph[data-distance=near], .dnb-graph[data-distance=middle]")
    for _ in range(6):
        if notebook.evaluate("graphs[0].dataset.distance") == "near":
            break
        page.click(".dnb-zoom [title^='Zoom in']")
    over = notebook.evaluate(
        """(node => {
            const box = one => one.getBoundingClientRect();
            const { left, right, top, bottom } = box(node.querySelector(".dnb-marks"));
            const slack = (bottom - top) / 4;  // above and below the signs of a line
            const abreast = it => it.left < right - 1 && left + 1 < it.right;
            const covers = it => abreast(it) && it.top < bottom - slack && top + slack < it.bottom;
            const badges = ".dnb-fault .dnb-pin, .dnb-stop.dnb-shown .dnb-stop-face, .dnb-name";
            return [...node.querySelectorAll(badges)].filter(one => covers(box(one))).length;
        })(nodes(0)[3])"""
    )
    assert over == 0
    page.set_viewport_size({"width": 700, "height": 1100})
    notebook.keys("0")
    notebook.wait("graphs[0].dataset.distance.startsWith('far')")
    assert page.locator(".dnb-marks:visible").count() == 0


def test_three_policies_stand_side_by_side_on_one_slider(notebook):
    notebook.show(
        TRIP,
        "flow = sketch('book >> (hold, mail[no rollback]) >> pay >> ship', name='trip')\n"
        "fault = Fault.raising(TimeoutError('no answer'), at='pay', where='after')\n"
        "policies = {'as it is': {}, 'textbook': {'rollback_failed': False}, 'patient': {'retries': 2}}\n"
        "runs = await flow.run_under(policies, faults=[fault])\n"
        "compare(runs)",
    )
    page = notebook.page
    notebook.see(".dnb-twin")
    heads = page.locator(".dnb-side-head b").all_inner_texts()
    assert heads == ["as it is", "textbook", "patient"]
    tops = page.locator(".dnb-side .dnb-graph").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().top)"
    )
    assert len({round(top) for top in tops}) == 1
    assert [notebook.states(view)[3] for view in range(3)] == ["rolled-back", "failed", "rolled-back"]
    choices = page.locator(".dnb-choices").all_inner_texts()
    assert [text.strip() for text in choices] == ["", "§what failed is not rolled back", ""]
    rows = page.locator(".dnb-table tbody tr")
    assert rows.first.locator("td b").all_inner_texts() == ["↩ rolled back", "✗ failed", "↩ rolled back"]
    sums = [row.inner_text().split("\t") for row in page.locator(".dnb-sum").all()]
    assert [row[0] for row in sums] == ["the whole run", "left", "left, by the ledger", "calls · undos"]
    one, two = "1 effect left behind: mail", "2 effects left behind: mail, pay"
    assert sums[2][1:4] == [one, two, one]
    assert sums[3][1:4] == ["4 · 3", "4 · 2", "6 · 3"]

    # One slider moves all three; each stays at its own end.
    page.click(".dnb-first button")
    assert [notebook.states(view)[3] for view in range(3)] == ["failed", "failed", "running"]
    third = page.locator(".dnb-side:nth-child(3) .dnb-node[data-node='3']")
    assert "running, batch 3, attempt 2" in third.get_attribute("aria-label")
    page.click(".dnb-tab:has-text('Inspect all')")
    assert page.locator(".dnb-inspectors h4").all_inner_texts() == ["pay"] * 3
    notebook.keys("End")
    notebook.keys("l")
    notebook.wait("[...document.querySelectorAll('.dnb-band')].every(b => b.dataset.direction === 'TB')")
    for width in (700, 1400):
        page.set_viewport_size({"width": width, "height": 1100})
        notebook.wait(f"innerWidth === {width}")
        stacked = "document.querySelector('.dnb-twin').classList.contains('dnb-stacked')"
        notebook.wait(f"{stacked} === {'true' if width < 1000 else 'false'}")
        notebook.wait("(box => box.scrollWidth <= box.clientWidth)(document.querySelector('.dnb-twin'))")
