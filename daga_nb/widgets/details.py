"""What the inspector shows of one action. Everything is cut short here: a page never gets a megabyte."""

from __future__ import annotations

import functools
import inspect
import textwrap
import tokenize
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from daga_nb.core.states import NodeState
from daga_nb.engine.calls import ActionCall, display_name
from daga_nb.engine.faults import Fault, Where
from daga_nb.engine.preview import LONGEST_TEXT, preview
from daga_nb.page.marks import FACTS, PLACES
from daga_nb.page.tape import event_row, history_of, merged_of
from daga_nb.render.text import elide
from daga_nb.widgets.drafts import draft_of, inputs_of

if TYPE_CHECKING:
    from daga_nb.engine.run import FlowRun
    from daga_nb.flow import DagaFlow
    from daga_nb.page.tape import Told

MOST_INPUTS = 200

__all__ = ["Sources", "Watch", "details"]


class Sources:
    """The source text of actions and rollbacks, kept as it was when each was first seen.

    >>> from daga_nb import DagaFlow
    >>> flow = DagaFlow([(textwrap.dedent, abs)])
    >>> Sources(flow).of(flow.calls[1])
    [['action · abs(x, /)', '(no source to be had)']]
    """

    def __init__(self, flow: DagaFlow[Any, Any]) -> None:
        self._texts: dict[Any, str] = {}
        for call in flow.calls:
            for target in (call.action, call.rollback):
                if target is not None:
                    self._read(target.function)

    def of(self, call: ActionCall) -> list[list[str]]:
        """Give a title and the text for an action, and for its rollback if it has one."""
        found = [[f"action · {_signature(call.action.function)}", self._read(call.action.function)]]
        if call.rollback is not None:
            title = f"rollback · {_signature(call.rollback.function)}"
            found.append([title, self._read(call.rollback.function)])
        return found

    def _read(self, function: Callable[..., Any]) -> str:
        plain = _plain(function)
        key = getattr(plain, "__code__", None) or type(plain)
        if key not in self._texts:
            try:
                text = textwrap.dedent(inspect.getsource(plain)).rstrip()
            except (OSError, TypeError, ValueError, IndexError, SyntaxError, tokenize.TokenError):
                text = "(no source to be had)"
            self._texts[key] = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "\n…"
        return self._texts[key]


def _plain(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    with suppress(ValueError):  # it says that it wraps itself
        function = inspect.unwrap(function)
    return function if inspect.isroutine(function) or isinstance(function, type) else type(function).__call__


def _signature(function: Any) -> str:
    name = elide(display_name(function), 60)
    try:
        return name + elide(str(inspect.signature(function)), 80)
    except (TypeError, ValueError):
        return name


def details(run: FlowRun, node: int, sources: Sources, told: Told) -> dict[str, Any]:
    """Give what the inspector shows of an action: what it got, what it gave, how it failed, what it is.

    `told` gives the events of any action, with their notes.
    """
    name = run.plan.names[node]
    history = history_of(run.plan, run.undo, node, told)
    known = merged_of(history)
    if run.states[name] is NodeState.PENDING and "waits for" not in known:
        known["inputs"] = preview(run.inputs_of(name))
    faults = {fault.where: fault for fault in run.faults if fault.at == name}
    return {
        "node": node,
        "rows": [[label, known[label]] for label in FACTS if label in known],
        "errors": [[label, known[label]] for label in ("failed", "rollback failed") if label in known],
        "faults": [_fault(run, node, place, faults.get(place)) for place in PLACES],
        "inputs": [elide(one, 60) for one in inputs_of(run.plan, node)[:MOST_INPUTS]],
        "stops": [one.phase for one in run.breakpoints if one.at == name],
        "sources": sources.of(run.calls[node]),
        "history": history,
        "events": [event_row(event) for event, _ in told(node)][-20:],
    }


def _fault(run: FlowRun, node: int, place: Where, fault: Fault | None) -> dict[str, Any]:
    """Give what is planted at a place, and what could not be planted there, with the reason."""
    name = run.plan.names[node]
    tried = {
        "raise": Fault.raising(RuntimeError, at=name, where=place),
        "hang": Fault.hanging(at=name, where=place),
        "corrupt": Fault.corrupting(None, at=name, where=place),
    }
    refused = {kind: elide(why, 300) for kind, one in tried.items() if (why := run.refusal(one))}
    return {
        "where": place,
        "possible": "raise" not in refused,
        "refused": refused,
        "text": "" if fault is None else elide(str(fault), 200),
        "draft": None if fault is None else draft_of(fault, run.plan, node),
    }


class Watch:
    """The actions that the views look into: their details are sent again when they have changed.

    Parameters
    ----------
    flow
        Whose actions they are.
    send
        Is given each message.
    told
        Gives the events of an action, with their notes.
    """

    MOST = 8

    def __init__(
        self,
        flow: DagaFlow[Any, Any],
        send: Callable[[dict[str, Any]], None],
        told: Told,
    ) -> None:
        self._sources = Sources(flow)
        self._send = send
        self._told = told
        self._nodes: dict[int, None] = {}

    def add(self, run: FlowRun, node: int) -> None:
        """Watch one more action; the one that was asked for longest ago is dropped."""
        self._nodes.pop(node, None)
        self._nodes[node] = None
        while len(self._nodes) > self.MOST:
            del self._nodes[next(iter(self._nodes))]
        self._tell(run, node)

    def changed(self, run: FlowRun, nodes: set[int] | None) -> None:
        """Send the details of what is watched and touched by a change of `nodes` (None: by anything)."""
        for node in list(self._nodes):
            if nodes is None or node in nodes or not nodes.isdisjoint(run.plan.predecessors[node]):
                self._tell(run, node)

    def _tell(self, run: FlowRun, node: int) -> None:
        self._send({"t": "look", **details(run, node, self._sources, self._told)})
