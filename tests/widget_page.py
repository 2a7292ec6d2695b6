"""What stands for the page in tests of the widgets: it hears the messages, and folds them as a page does."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from helpers import Boom, flow_of, turns

from daga_nb import Fault, lab
from daga_nb.page.marks import STATES


class Page:
    """The front-end of one widget: what it was sent, and what its views show."""

    def __init__(self, widget: Any) -> None:
        self.widget = widget
        self.sent: list[dict[str, Any]] = []
        self.nodes: list[list[Any]] = []
        self.facts: dict[str, Any] = {}
        self.log: list[list[Any]] = []
        self.python: list[str] = []
        self.looks: list[dict[str, Any]] = []
        self.drafts: list[dict[str, Any]] = []
        self.version = -1
        widget.send = self.hear
        self._fold(widget._now)

    def hear(self, message: dict[str, Any]) -> None:
        """Take a message as the page does: it arrives as JSON, and in order."""
        message = json.loads(json.dumps(message))
        self.sent.append(message)
        if message["t"] == "look":
            self.looks.append(message)
        elif message["t"] == "draft":
            self.drafts.append(message)
        elif message["t"] == "now":
            self.nodes, self.log, self.python = [], [], []
            self._fold(message)
        elif message["t"] == "change" and self.version >= 0:
            assert message["v"] == self.version + 1, "a change was lost"
            self._fold(message)

    def _fold(self, message: dict[str, Any]) -> None:
        self.version = message["v"] if message.get("t") else -1
        for entry in message.get("nodes", ()):
            if message.get("t") == "change":
                self.nodes[entry[0]] = entry[1:]
            else:
                self.nodes.append(list(entry))
        self.facts.update(message.get("head", {}), **message.get("lab", {}))
        self.log += message.get("log", ())
        self.python += message.get("python", ())

    def ask(self, **command: Any) -> None:
        """Send a command, as a click does."""
        self.widget._handle_custom_msg(command, [])

    async def open(self) -> None:
        """Open a view: it asks for a snapshot."""
        self.ask(cmd="hello")
        await turns()
        assert self.version >= 0

    async def click(self, **command: Any) -> None:
        """Send a command, and wait until what it started has ended."""
        self.ask(**command)
        await turns()
        await self.rest()

    async def rest(self) -> None:
        """Wait until no task of the widget runs, and all has been said."""
        while tasks := list(self.widget._home._tasks):
            await asyncio.wait(tasks)
        await turns()
        self.widget._feed.flush()

    def states(self) -> list[str]:
        """Give what the nodes show, in words, in plan order."""
        return [STATES[mark[0]].word for mark in self.nodes]

    def badges(self) -> list[str]:
        """Give what the badges of planted faults say, card by card."""
        return [", ".join(badge[1] for badge in mark[2] or ()) for mark in self.nodes]

    def words(self) -> list[str]:
        """Give the log without times."""
        return [" ".join(filter(None, line[4:6])) for line in self.log]


def lab_of(
    done: list[str], edges: Any = None, *, input: Any = None, faults: Any = (), **options: Any
) -> Page:
    """Give the page of a lab, as fast as it goes, for a flow as `flow_of` makes it."""
    return Page(lab(flow_of(done, edges, **options), input, faults=faults, speed=1.0))


def raising(error: str = "RuntimeError", text: str = "planted") -> dict[str, Any]:
    """Give what the form of the page holds for a fault that raises, each time."""
    return {"kind": "raise", "error": error, "text": text, "when": "always"}


def failing(at: str, where: Any = "before") -> Fault:
    """Give a fault that raises `Boom`."""
    return Fault.raising(Boom("planted"), at=at, where=where)
