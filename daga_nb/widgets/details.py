"""What the inspector shows of one action. Everything is cut short here: a page never gets a megabyte."""

from __future__ import annotations

import functools
import inspect
import itertools
import reprlib
import textwrap
import tokenize
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daga_nb.core.moves import Undo
from daga_nb.core.states import NodeState
from daga_nb.engine.calls import display_name
from daga_nb.errors import ActionInterrupted, describe
from daga_nb.render.text import elide, seconds
from daga_nb.widgets.marks import PLACES

if TYPE_CHECKING:
    from daga_nb.engine.run import FlowRun
    from daga_nb.flow import DagaFlow

__all__ = ["Sources", "Watch", "details", "preview", "traceback_of"]

_LONGEST = 4000
_OURS = str(Path(__file__).parent.parent)


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxstring = self.maxother = self.maxlong = 160
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = self.maxdeque = 8

    def repr_bytes(self, value: bytes, level: int) -> str:
        return repr(value[:40]) + ("…" if len(value) > 40 else "")

    repr_bytearray = repr_bytes

    def repr_dict(self, value: dict[Any, Any], level: int) -> str:
        # In its own order; reprlib's is sorted.
        if level <= 0 and value:
            return "{...}"
        shown = [
            f"{self.repr1(key, level - 1)}: {self.repr1(one, level - 1)}"
            for key, one in itertools.islice(value.items(), self.maxdict)
        ]
        return "{" + ", ".join(shown + ["..."] * (len(value) > self.maxdict)) + "}"


_short = _Short()


def preview(value: Any, limit: int = 400) -> str:
    """Give a value as text of at most `limit` characters, whatever it is.

    >>> preview("x" * 1_000_000, 20)
    "'xxxxxxxxxxxxxxxxxx…"
    """
    try:
        text = _short.repr(value)
    except Exception as error:
        text = f"<{type(value).__name__}, which cannot be shown: {type(error).__name__}>"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def traceback_of(error: BaseException) -> str:
    """Give an error with the user's own frames, without those of the engine.

    >>> traceback_of(TimeoutError("no answer"))
    'TimeoutError: no answer'
    """
    if isinstance(error, ActionInterrupted) and error.__cause__ is not None:
        error = error.__cause__
    lines = [describe(error, 1000)]
    for frame in traceback.extract_tb(error.__traceback__, limit=-30):
        if not frame.filename.startswith(_OURS):
            lines.append(f"  {frame.name}, line {frame.lineno}")
            if frame.line:
                lines.append(f"    {frame.line[:200]}")
    lines += [str(note)[:300] for note in getattr(error, "__notes__", ()) if not _is_place(str(note))]
    if error.__cause__ is not None:
        lines.append(f"caused by {describe(error.__cause__, 300)}")
    return "\n".join(lines)[-_LONGEST:]


def _is_place(note: str) -> bool:
    return note.startswith(("in action ", "in the rollback of action "))


class Sources:
    """The source text of a flow's actions and rollbacks, kept as it was when the lab was made.

    >>> from daga_nb import DagaFlow
    >>> Sources(DagaFlow([(textwrap.dedent, abs)])).of(1)
    [['action · abs(x, /)', '(no source to be had)']]
    """

    def __init__(self, flow: DagaFlow[Any, Any]) -> None:
        self._texts: dict[Any, str] = {}
        self._calls = flow.calls
        for call in self._calls:
            for target in (call.action, call.rollback):
                if target is not None:
                    self._read(target.function)

    def of(self, node: int) -> list[list[str]]:
        """Give a title and the text for the action, and for its rollback if it has one."""
        call = self._calls[node]
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
            except (OSError, TypeError, IndexError, SyntaxError, tokenize.TokenError):
                text = "(no source to be had)"
            self._texts[key] = text if len(text) <= _LONGEST else text[:_LONGEST] + "\n…"
        return self._texts[key]


def _plain(function: Any) -> Any:
    while isinstance(function, functools.partial):
        function = function.func
    function = inspect.unwrap(function)
    return function if inspect.isroutine(function) or isinstance(function, type) else type(function).__call__


def _signature(function: Any) -> str:
    name = elide(display_name(function), 60)
    try:
        return name + elide(str(inspect.signature(function)), 80)
    except (TypeError, ValueError):
        return name


def details(run: FlowRun, node: int, sources: Sources) -> dict[str, Any]:
    """Give what the inspector shows of an action: what it got, what it gave, how it failed, what it is."""
    name = run.plan.names[node]
    events = [event for event in run.events if event.node == name]
    begun = any(event.state is NodeState.RUNNING for event in events)
    rows = [["attempt", str(events[-1].attempt)]] if begun else []
    before = [run.plan.names[one] for one in run.plan.predecessors[node]]
    waits = [one for one in before if one not in run.results]
    if waits:
        label = "waits for" if run.states[name] is NodeState.PENDING else "waited for"
        rows.append([label, ", ".join(map(elide, waits[:8])) + (" …" if len(waits) > 8 else "")])
    else:
        rows.append(["inputs", preview(run.inputs_of(name))])
    if name in run.results:
        rows.append(["result", preview(run.results[name])])
    undone = "rolled back in" if name not in run.rollback_errors else "rollback took"
    for label, rollback in (("took", False), (undone, True)):
        lasted = run.duration(name, rollback=rollback)
        if lasted is not None:
            rows.append([label, seconds(lasted)])
    if name in run.rollback_results:
        rows.append(["rollback result", preview(run.rollback_results[name])])
    undo = run.calls[node].undo
    if undo is not Undo.CALL:
        none = "no effect: nothing to undo" if undo is Undo.NOTHING else "none: its effect stays"
        rows.append(["rollback", none])
    errors = []
    if name in run.errors:
        errors.append(["failed", traceback_of(run.errors[name])])
    if name in run.rollback_errors:
        errors.append(["rollback failed", traceback_of(run.rollback_errors[name].error)])
    faults = {fault.where: fault for fault in run.faults if fault.at == name}
    return {
        "node": node,
        "rows": rows,
        "errors": errors,
        "faults": [
            {
                "where": place,
                "kind": _kind(faults[place].error) if place in faults else "",
                "possible": place != "rollback" or run.calls[node].rollback is not None,
            }
            for place in PLACES
        ],
        "sources": sources.of(node),
        "events": [[f"{event.at:.3f} s", event.state.word, event.reason[:300]] for event in events[-20:]],
    }


class Watch:
    """The actions that the views look into: their details are sent again when they have changed.

    Parameters
    ----------
    flow
        Whose actions they are.
    send
        Is given each message.
    """

    MOST = 8

    def __init__(self, flow: DagaFlow[Any, Any], send: Callable[[dict[str, Any]], None]) -> None:
        self._sources = Sources(flow)
        self._send = send
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
        self._send({"t": "look", **details(run, node, self._sources)})


def _kind(error: Any) -> str:
    return error.__name__ if isinstance(error, type) else type(error).__name__
