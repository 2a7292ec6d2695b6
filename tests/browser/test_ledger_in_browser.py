"""The ledger in a real JupyterLab: at each position of the slider its table is what Python says."""

from __future__ import annotations

import json

TRIP = """
import asyncio
from daga_nb import DagaAction, DagaFlow, Fault, lab, scrub

@DagaAction.options(no_effect=True)
async def quote(results):
    return 842.0

@DagaAction
async def flight(results, context):
    context.effect("seat", "12A", once=True, cabin="economy")

@flight.on_rollback
async def cancel_flight(results, context):
    context.undo_effect("seat", "12A", once=True)

@DagaAction
def hotel(results, context):
    context.effect("room", ("Adlon", 17))

@hotel.on_rollback
def cancel_hotel(results, context):
    context.undo_effect("room", ("Adlon", 17))
    context.undo_effect("room", ("Adlon", 17))

@DagaAction
async def payment(results, context):
    context.effect("charge", "<b>order 1042</b>", euro=842)
    context.effect("mail", "ann@example.org")
    return "paid"

@payment.on_rollback
async def refund(results, result, context):
    if result is not None:              # the reply was lost: it trusts what it was told
        context.undo_effect("charge", "<b>order 1042</b>")
    context.undo_effect("receipt", 1042)
    things.append("<b>trace</b>")

async def ticket(results): ...

flow = DagaFlow(
    [(quote, flight), (quote, hotel), (flight, payment), (hotel, payment), (payment, ticket)], name="trip"
)
things = []

lost = Fault.raising(TimeoutError("no answer"), at="payment", where="after")

def shown(row):
    return [row.name, row.key, row.in_world, row.done, row.undone, [*row.flaws] or [row.verdict]]

def told(story):
    ledgers = [story.at(position).ledger for position in range(len(story) + 1)]
    return [[shown(row) for row in ledger.rows] for ledger in ledgers]
"""

TABLE = """[...document.querySelectorAll(".dnb-effects:not([hidden]) tbody tr")].map(row => {
    const texts = [...row.children].map(cell => cell.textContent);
    const verdicts = [...row.querySelectorAll(".dnb-verdict")].map(one => one.textContent.replace(/^. /, ""));
    return [...texts.slice(0, 2), ...texts.slice(2, 5).map(Number), verdicts];
})"""
SLIDER = """document.querySelector(".dnb-scrub").value"""
OWN = """[...document.querySelectorAll(".dnb-effects tr.dnb-own")].map(row => row.firstChild.textContent)"""
FLIGHT = 1
BADGE = """document.querySelector(".dnb-tab-badge").textContent"""


MANY = """
@DagaAction
def write(results, context):
    for number in range(5000):
        context.effect("file", number)

@write.on_rollback
def remove(results, context):
    for number in range(5000):
        if number != 4321:
            context.undo_effect("file", number)

def broken(results): raise OSError("disk full")

many = DagaFlow([(write, DagaAction.options(no_effect=True)(broken))])
"""


def wait_for_table(notebook, rows) -> None:
    """Wait until the table is these rows; in a page, a frame after what changed it."""
    notebook.wait(f"JSON.stringify({TABLE}) === {json.dumps(json.dumps(rows, separators=(',', ':')))}")


def open_lab(notebook) -> None:
    notebook.show(
        TRIP, "bench = lab(flow, 'order 1042', faults=[lost], observe=lambda: things, speed=1.0)\nbench"
    )
    notebook.see(".dnb-lab[data-line=live]")
    notebook.page.click(".dnb-tab:has-text('Ledger')")


def test_the_ledger_follows_the_slider_and_leads_to_the_action(notebook):
    open_lab(notebook)
    page = notebook.page
    assert "context.effect(name, key)" in notebook.read(".dnb-ledger-sum")
    notebook.press("run")
    notebook.wait("document.querySelector('.dnb-chip').dataset.run === 'rolled-back'")
    notebook.wait(f"{BADGE} === '⚑ 2 left behind'")
    story = notebook.ask("told(bench.run.story)")
    assert story[-1] == [
        ["seat", "12A", 0, 1, 1, ["undone"]],
        ["room", "('Adlon', 17)", -1, 1, 2, ["undone twice"]],
        ["charge", "<b>order 1042</b>", 1, 1, 0, ["left behind"]],
        ["mail", "ann@example.org", 1, 1, 0, ["left behind"]],
        ["receipt", "1042", -1, 0, 1, ["undone, never done"]],
    ]
    wait_for_table(notebook, story[-1])

    assert notebook.read(".dnb-next").startswith("rolled back, and yet: 2 effects left behind")

    notebook.see(".dnb-observed", "although the run was rolled back:added '<b>trace</b>'")

    # From the end to the beginning and on again, event by event.
    page.focus(".dnb-scrub")
    last = len(story) - 1
    for key, positions in ("ArrowLeft", range(last - 1, -1, -1)), ("ArrowRight", range(1, last + 1)):
        for position in positions:
            notebook.keys(key)
            assert notebook.evaluate(SLIDER) == str(position)
            wait_for_table(notebook, story[position])
            assert page.is_visible(".dnb-observed") == (position == last)

    # A row leads to its action, and shows which rows are its own.
    page.click(".dnb-effects tbody tr:has-text('charge')")
    notebook.see(".dnb-inspector h4", "payment")
    notebook.wait(f"{OWN}.join() === 'charge,mail,receipt'")
    notebook.node(FLIGHT).click()
    notebook.wait(f"{OWN}.join() === 'seat'")


def test_a_story_that_was_kept_has_its_ledger_and_a_new_run_begins_an_empty_one(notebook):
    open_lab(notebook)
    notebook.press("run")
    notebook.wait(f"{BADGE} === '⚑ 2 left behind'")
    story = notebook.ask("told(bench.run.story)")
    notebook.press("reset")
    notebook.wait(f"{BADGE} === '' && !{TABLE}.length")
    assert "context.effect(name, key)" in notebook.read(".dnb-ledger-sum")

    notebook.run_cell("bench.close(); scrub(bench.runs[0])")
    notebook.see(".dnb-player .dnb-tab-badge", "⚑ 2 left behind")
    notebook.page.click(".dnb-player .dnb-tab:has-text('Ledger')")
    wait_for_table(notebook, story[-1])
    notebook.page.focus(".dnb-player .dnb-scrub")
    notebook.keys("Home")
    wait_for_table(notebook, [])
    for position in range(1, 9):
        notebook.keys("ArrowRight")
        wait_for_table(notebook, story[position])


def test_thousands_of_effects_of_one_step_are_shown_in_part_and_in_time(notebook):
    notebook.show(TRIP, MANY, "bench = lab(many, speed=1.0)\nbench")
    notebook.see(".dnb-lab[data-line=live]")
    notebook.page.click(".dnb-tab:has-text('Ledger')")
    notebook.press("run")
    notebook.wait(f"{BADGE} === '⚑ 1 left behind'")
    assert notebook.evaluate(f"{TABLE}.length") == 300
    assert notebook.evaluate(f"{TABLE}.map(row => row[5][0]).filter(word => word !== 'undone')") == [
        "left behind"
    ]
    notebook.see(".dnb-ledger", "and 4700 more effects")
