"""The ledger in a real JupyterLab: at each position of the slider its table is what Python says."""

from __future__ import annotations

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
    await asyncio.sleep(0.02)

async def ticket(results): ...

flow = DagaFlow(
    [(quote, flight), (quote, hotel), (flight, payment), (hotel, payment), (payment, ticket)], name="trip"
)
lost = Fault.raising(TimeoutError("no answer"), at="payment", where="after")

def told(story):
    at = [story.at(position).ledger.rows for position in range(len(story) + 1)]
    return [
        [[row.name, row.key, row.in_world, row.done, row.undone, [*row.flaws] or [row.verdict]] for row in rows]
        for rows in at
    ]
"""

TABLE = """[...document.querySelectorAll(".dnb-effects:not([hidden]) tbody tr")].map(row => {
    const texts = [...row.children].map(cell => cell.textContent);
    const verdicts = [...row.querySelectorAll(".dnb-verdict")].map(one => one.textContent.replace(/^. /, ""));
    return [...texts.slice(0, 2), ...texts.slice(2, 5).map(Number), verdicts];
})"""
BADGE = """document.querySelector(".dnb-tab-badge").textContent"""


def open_lab(notebook) -> None:
    notebook.show(TRIP, "bench = lab(flow, 'order 1042', faults=[lost], speed=1.0)\nbench")
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
    assert sorted(notebook.evaluate(TABLE)) == sorted(story[-1])

    # From the end to the beginning and on again, event by event.
    page.focus(".dnb-scrub")
    last = len(story) - 1
    for position in [*range(last - 1, -1, -1), *range(1, last + 1)]:
        notebook.keys("ArrowRight" if position and notebook.evaluate(SLIDER) < str(position) else "ArrowLeft")
    del last
    page.click(".dnb-effects tbody tr:has-text('charge')")
    notebook.see(".dnb-inspector h4", "payment")
    notebook.see(".dnb-effects tr.dnb-own", "charge")
