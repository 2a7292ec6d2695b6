"""From a run to its views: what changed is collected, and said in small messages, at most 30 a second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from daga_nb.core.events import Event
from daga_nb.core.tries import Tries
from daga_nb.engine.run import FlowRun
from daga_nb.page.marks import Planted, head, node_mark, planted_in
from daga_nb.widgets.loop import Throttle

__all__ = ["Feed"]

FRAME = 1 / 30
"""Seconds between two messages."""

REST = 0.5
"""Seconds after a change until the state that a saved notebook shows is brought up to date."""

SELDOM = 2.0
"""Seconds between two such times at least."""


class Feed:
    """Follows a run and says what has become of it: a snapshot when asked, else only the changes.

    Parameters
    ----------
    send
        Is given each message.
    keep
        Is given a snapshot now and then: the state that outlives the kernel.
    extras
        Gives what else belongs into a message; it is told which nodes changed, or None for a snapshot.
    on_event
        Is told each event of the run.
    head_of
        Gives what is said about a run as a whole.

    Examples
    --------
    >>> from daga_nb import DagaFlow
    >>> async def pay(results): return "paid"
    >>> run = DagaFlow([(pay, print)]).start()
    >>> sent = []
    >>> feed = Feed(sent.append, keep=lambda snapshot: None)
    >>> feed.follow(run)
    >>> import asyncio
    >>> _ = asyncio.run(run.step())
    >>> feed.flush()
    >>> sent[-1]["t"], sent[-1]["nodes"][0][:2]
    ('change', [0, 2])
    """

    def __init__(
        self,
        send: Callable[[dict[str, Any]], None],
        keep: Callable[[dict[str, Any]], None],
        extras: Callable[[set[int] | None], dict[str, Any]] | None = None,
        on_event: Callable[[Event], None] | None = None,
        head_of: Callable[[FlowRun], dict[str, Any]] = head,
    ) -> None:
        self._send = send
        self._keep = keep
        self._extras = extras or (lambda changed: {})
        self._on_event = on_event
        self._head_of = head_of
        self._run: FlowRun | None = None
        self._close_subscription: Callable[[], None] = lambda: None
        self._version = 0
        self._kept = -1
        self._anew = False
        self._changed: set[int] = set()
        self._planted: dict[str, Planted] = {}
        self._tries = Tries()
        self._head: dict[str, Any] = {}
        self._lock = threading.RLock()
        self._frames = Throttle(self.flush, FRAME)
        self._rests = Throttle(self.rest, SELDOM, delay=REST)

    def follow(self, run: FlowRun) -> None:
        """Follow `run` from now on, and no other; the views get a snapshot."""
        self._close_subscription()
        self._run = run
        subscription = run.subscribe(self._hear)
        self._close_subscription = subscription.close
        with self._lock:
            self._changed = set()
            self._planted = planted_in(run)
            self._tries = Tries(run.events)
            self._head = self._head_of(run)
            self._anew = True

    def close(self) -> None:
        """Follow nothing any more."""
        self._close_subscription()
        self._run = None

    def _hear(self, event: Event) -> None:
        if self._run is None:
            return
        self._tries.add(event)
        if event.node is not None:
            self._changed.add(self._run.plan.ids[event.node])
        if self._on_event is not None:
            self._on_event(event)
        self.touch()

    def touch(self) -> None:
        """Say soon what has changed; from any thread with a running loop."""
        self._frames.request()
        self._rests.request()

    def snapshot(self) -> dict[str, Any]:
        """Give everything that the views show, as of now."""
        run = self._run
        if run is None:
            return {}
        with self._lock:
            planted = planted_in(run)
            nodes = [self._mark(run, node, planted) for node in range(len(run.plan))]
            return {"v": self._version, "nodes": nodes, "head": self._head_of(run), **self._extras(None)}

    def _mark(self, run: FlowRun, node: int, planted: Mapping[str, Planted]) -> list[Any]:
        return node_mark(run, node, planted, self._tries.of(run.plan.names[node]))

    def tell_all(self) -> None:
        """Send a snapshot: to a view that has just opened, or because the run is another one."""
        with self._lock:
            self.flush()
            self._version += self._anew
            self._anew = False
            self._send({"t": "now", **self.snapshot()})

    def flush(self) -> None:
        """Say what has changed since the last message, if anything has."""
        run = self._run
        if run is None:
            return
        with self._lock:
            message = self._changes(run)
            if message:
                self._version += 1
                self._send({"t": "change", "v": self._version, **message})

    def _changes(self, run: FlowRun) -> dict[str, Any]:
        # Replaced at once rather than read and cleared: events may come in on another thread.
        changed, self._changed = self._changed, set()
        planted = planted_in(run)
        for name in {**planted, **self._planted}:
            if planted.get(name) != self._planted.get(name):
                changed.add(run.plan.ids[name])
        self._planted = planted
        message: dict[str, Any] = {}
        if changed:
            message["nodes"] = [[node, *self._mark(run, node, planted)] for node in sorted(changed)]
        now = self._head_of(run)
        if now != self._head:
            message["head"] = self._head = now
        return {**message, **self._extras(changed)}

    def rest(self) -> None:
        """Bring what a saved notebook shows up to date, if anything has changed."""
        self.flush()
        if self._run is not None and self._kept != self._version:
            self._kept = self._version
            self._keep(self.snapshot())
