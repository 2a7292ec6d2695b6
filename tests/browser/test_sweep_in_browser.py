"""A sweep in a real JupyterLab: it begins by itself, fills, is stopped by a click, and is awaited later."""

from __future__ import annotations

FLOW = """
import asyncio
from daga_nb import DagaAction, sketch, sweep
gate = asyncio.Event()
calls = []

@DagaAction
async def charge(results):
    print("charging")
    calls.append(len(calls))
    if len(calls) > 3:
        await gate.wait()

@charge.on_rollback
async def refund(results): pass

flow = sketch("book >> pay >> ship", name="<i>trip</i>")
"""


def test_it_begins_by_itself_and_its_grid_stands_below(notebook):
    notebook.show(FLOW, "job = sweep(flow)\njob", "swept = await job\nswept.summary")
    notebook.see(".dnb-sweep-bar", "11 of 11 cases")
    notebook.wait("document.querySelectorAll('.jp-RenderedSVG img, .jp-RenderedSVG svg').length === 1")
    assert notebook.page.locator(".dnb-sweep-bar button").is_disabled()
    assert "no problem" in notebook.output()
    assert notebook.ask("job.ended and swept.clean")


def test_the_stop_button_gives_what_there_is_by_then(notebook):
    notebook.show(FLOW, "job = sweep(flow.with_actions(pay=charge))\njob")
    notebook.see(".dnb-sweep-bar", "6 of 11 cases")
    notebook.page.click(".dnb-sweep-bar button")
    notebook.wait("document.querySelector('.dnb-sweep-bar button').disabled")
    notebook.run_cell("gate.set()")
    notebook.see(".dnb-sweep-bar", "7 of 11 cases, stopped")
    notebook.run_cell("swept = await job\nprint(swept)")
    assert "7 of 11 cases" in notebook.output()
    assert notebook.ask("swept.stopped and not swept.clean")
    assert notebook.evaluate("!document.body.textContent.includes('charging\\n')")
