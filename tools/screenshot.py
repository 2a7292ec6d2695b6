"""Take the README's picture: a real JupyterLab, and in it the lab in the middle of a rollback."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "browser"))

from driver import Notebook, find_chromium, jupyterlab  # noqa: E402

TARGET = ROOT / "docs" / "lab.png"

TRIP = """
import asyncio

from daga_nb import DagaAction, DagaFlow

still = asyncio.Event()  # hotel and car take their time to cancel: the moment to press the shutter


def booking(what, number, slow=False):
    async def book(results):
        await asyncio.sleep(0.1)
        return number

    async def cancel(results, result):
        await (still.wait() if slow else asyncio.sleep(0.05))
        return f"{result} cancelled"

    action = DagaAction(book, name=what)
    action.on_rollback(cancel)
    return action


@DagaAction.options(no_effect=True)
async def quote(results):
    await asyncio.sleep(0.1)
    return 842.0


@DagaAction
async def payment(results):
    await asyncio.sleep(0.2)
    return "paid"


@payment.on_rollback
async def refund(results, error):
    await asyncio.sleep(0.1)
    return "refunded 842.00"


async def invoice(results): ...
async def ticket(results): ...


flight = booking("flight", "LH 2041")
hotel, car = booking("hotel", "Adlon", slow=True), booking("car", "Golf", slow=True)
book_trip = DagaFlow(
    [
        *((quote, one) for one in (flight, hotel, car)),
        *((one, payment) for one in (flight, hotel, car)),
        *((payment, one) for one in (invoice, ticket)),
    ],
    name="book_trip",
)
"""

SHOWN = """
from trip import book_trip

from daga_nb import Fault, lab

lost = Fault.raising(TimeoutError("no answer from the bank"), at="payment", where="after")
lab(book_trip, input="order 1042", faults=[lost])
"""


def node(page: Page, name: str, state: str = "") -> str:
    """Give the selector of an action in the graph, in any state or in this one."""
    return f".dnb-node[aria-label^='{name},']" + (f"[data-state='{state}']" if state else "")


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        jupyterlab(Path(folder)) as server,
        sync_playwright() as play,
    ):
        browser = play.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1360, "height": 960}, device_scale_factor=1.5)
        page.goto(f"{server.url}/lab?reset&token={server.token}")
        page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget")
        (server.folder / "trip.py").write_text(TRIP, encoding="utf-8")
        notebook = Notebook(server, page, "trip")
        notebook.command("application:toggle-left-area")
        notebook.show(SHOWN.strip())
        page.click(".lm-TabBar-tab:has-text('Launcher') .lm-TabBar-tabCloseIcon")
        page.click(".dnb-lab [data-command='run']")
        page.wait_for_selector(node(page, "hotel", "rolling-back"))
        page.wait_for_selector(node(page, "flight", "rolled-back"))
        page.click(node(page, "payment"))
        page.wait_for_selector(".dnb-lab pre")
        page.mouse.move(0, 0)
        page.wait_for_timeout(2000)  # what has just changed glows for a moment
        page.screenshot(path=str(TARGET))
        browser.close()


if __name__ == "__main__":
    main()
