"""What lint has found, in a real JupyterLab: a badge on the card, and the words in the inspector."""

from __future__ import annotations

from itertools import pairwise

import pytest

DOUBTFUL = """
from daga_nb import DagaAction, lab, sketch

@DagaAction
async def charge(results):
    return {"id": 17}

@charge.on_rollback
async def refund(results, result):
    print(results[3], result["id"])

text = "look[no effect] >> (book[no rollback], hold) >> pay >> ship[no rollback]"
flow = sketch(text, on_rollback_error="stop").with_actions(pay=charge)
"""


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_findings_stand_on_the_cards_and_in_the_inspector(notebook, theme):
    notebook.show(DOUBTFUL, "bench = lab(flow)\nbench")
    notebook.page.wait_for_selector(".dnb-lab[data-line=live]")
    notebook.theme(theme)
    kinds = "nodes(0).map(node => node.querySelector('.dnb-doubt')?.dataset.kind ?? '').join()"
    assert notebook.evaluate(kinds) == ",warning,,error,", "a note alone has no badge"
    notebook.see(".dnb-hint .dnb-doubt-row", "on_rollback_error='stop'")
    notebook.node(3).click()
    notebook.see(".dnb-doubts .dnb-doubt-row[data-kind=error]", "asks for results[3], and gets a list of 2")
    notebook.see(".dnb-doubts .dnb-doubt-row[data-kind=warning]", "result-unchecked")
    assert "error: no-such-input" in notebook.node(3).get_attribute("aria-label")
    notebook.node(4).click()
    notebook.see(".dnb-doubts .dnb-doubt-row[data-kind=note]", "when it fails it may have half happened")
    notebook.node(0).click()
    notebook.wait("document.querySelectorAll('.dnb-doubts .dnb-doubt-row').length === 0")
    notebook.theme("JupyterLab Light")


def test_a_badge_covers_neither_the_failure_nor_a_planted_one(notebook):
    notebook.show(DOUBTFUL, "bench = lab(flow)\nbench")
    notebook.page.wait_for_selector(".dnb-lab[data-line=live]")
    notebook.run_cell("bench.plant('pay', 'after'); bench.plant('pay', 'rollback'); None")
    notebook.press("run")
    notebook.page.wait_for_selector(".dnb-node[data-node='3'] .dnb-failed.dnb-shown")
    below = notebook.evaluate(
        "[...document.querySelectorAll(\".dnb-node[data-node='3'] :is(.dnb-doubt, .dnb-failed.dnb-shown,"
        ' .dnb-fault[data-place=rollback]) .dnb-pin")].map(one => one.getBoundingClientRect())'
        ".map(box => [box.left, box.right]).sort((one, other) => one[0] - other[0])"
    )
    assert len(below) == 3
    assert all(one[1] <= other[0] + 1 for one, other in pairwise(below))
