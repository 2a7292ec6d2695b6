"""The kernel is killed in the middle of a payment, the notebook opened again, and its open run found."""

from __future__ import annotations

import os
import signal

import pytest
from driver import Notebook

TRIP = """
import asyncio, os
from pathlib import Path
from daga_nb import DagaAction, DagaFlow, lab

world = Path({world!r})

def charge(key):
    said = world.read_text() if world.exists() else ""
    if f"charge {{key}}\\n" not in said:  # the bank knows the key
        world.write_text(f"{{said}}charge {{key}}\\n")

async def quote(results):
    return 842

async def pay(results, context):
    charge(context.key)
    if not Path("mended").exists():
        Path("paying").write_text(str(os.getpid()))
        await asyncio.sleep(600)
    return "paid"

async def refund(results, context):
    world.write_text(world.read_text() + f"refund, {{context.outcome}}\\n")

async def ticket(results):
    return "seat 12"

paying = DagaAction(pay, idempotent=True)
paying.on_rollback(refund)
flow = DagaFlow([(quote, paying), (paying, ticket)], name="trip")
"""
LAB = "bench = lab(flow, 'order 1042', journal={journal!r}, speed=1.0)\nbench"
UNKNOWN = ("succeeded", "unknown", "pending")


@pytest.fixture
def places(notebook: Notebook):
    folder = notebook.server.folder
    yield folder
    for name in ("mended", "paying", "bank.txt", "runs.db", "runs.db-wal", "runs.db-shm"):
        (folder / name).unlink(missing_ok=True)


def killed_while_paying(notebook: Notebook, folder) -> None:
    """Run the flow, kill its kernel for real while it pays, and open the notebook again."""
    notebook.show(TRIP.format(world="bank.txt"), LAB.format(journal="runs.db"))
    notebook.press("run")
    notebook.wait_for_states("succeeded", "running", "pending")
    while not (folder / "paying").exists() or not (folder / "paying").read_text():
        notebook.page.wait_for_timeout(20)
    os.kill(int((folder / "paying").read_text()), signal.SIGKILL)
    notebook.page.click(".jp-Dialog .jp-mod-accept")
    (folder / "mended").touch()
    notebook.wait_for_kernel()
    notebook.run_all()
    notebook.see(".dnb-notice", "while pay ran: nobody knows whether it happened")
    notebook.wait_for_states(*UNKNOWN)


def test_the_open_run_is_found_and_resumed_and_nothing_is_charged_twice(notebook, places):
    killed_while_paying(notebook, places)
    notebook.see(".dnb-notice", "Resume: pay once more, as the process ended before it did")
    notebook.page.click(".dnb-notice [data-command=resume]")
    notebook.wait_for_states("succeeded", "succeeded", "succeeded")
    assert notebook.page.locator(".dnb-notice:visible").count() == 0
    (line,) = (places / "bank.txt").read_text().splitlines()
    assert line.startswith("charge ")
    assert notebook.ask("bench.run.id") in notebook.read(".dnb-facts")


def test_the_open_run_is_found_and_rolled_back(notebook, places):
    killed_while_paying(notebook, places)
    notebook.page.click(".dnb-notice [data-command=rollback]")
    notebook.wait_for_states("kept", "rolled-back", "abandoned")
    charged, refunded = (places / "bank.txt").read_text().splitlines()
    assert charged.startswith("charge ")
    assert refunded == "refund, UNKNOWN"
