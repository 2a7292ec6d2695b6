"""The lab's log: events in words, what actions print, and what went wrong. Bounded, newest last."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from daga_nb.core.events import Event
from daga_nb.core.states import NodeState
from daga_nb.debug.preview import preview
from daga_nb.page.marks import RUN_STATES, STATES
from daga_nb.render.text import elide

if TYPE_CHECKING:
    from daga_nb.engine.run import FlowRun

__all__ = ["Log"]

KEPT_LINES = 500
_LONGEST = 600
_NAMED = 6
_TOGETHER = frozenset({NodeState.RUNNING, NodeState.ROLLING_BACK, NodeState.ABANDONED})

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
"""The colours and moves of a terminal: the log has its own."""

_NUMBER = {state: number for number, state in enumerate(STATES)}
_RUN_NUMBER = {state: number for number, state in enumerate(RUN_STATES)}


class Log:
    r"""The lines of the log, and the lines of Python that do the same as the clicks.

    A line is ``[kind, time, state, place, words, more]``: `kind` is ``"node"``, ``"run"``, ``"print"``,
    ``"error"`` or ``"note"``; `state` is the number of a node's or a run's state, or -1.

    Examples
    --------
    >>> log = Log()
    >>> log.write("charging the ca")
    >>> log.write("rd\nand")
    >>> log.end_lines()
    >>> [line[4] for line in log.take()]
    ['charging the card', 'and']
    """

    def __init__(self, name_of_lab: Callable[[], str | None] = lambda: None) -> None:
        self._name_of_lab = name_of_lab
        self.lines: deque[list[Any]] = deque(maxlen=KEPT_LINES)
        self.python: deque[str] = deque(maxlen=KEPT_LINES)
        self._fresh_python: list[str] = []
        self._fresh: list[list[Any]] = []
        self._open: tuple[tuple[Any, int], list[str]] | None = None
        self._begun: dict[int, tuple[str, int]] = {}
        self._lock = threading.Lock()

    def add(
        self, kind: str, words: str, more: str = "", time: str = "", state: int = -1, place: str = ""
    ) -> None:
        """Add a line."""
        with self._lock:
            self._open = None
            self._append([kind, time, state, place, words[:_LONGEST], more[:_LONGEST]])

    def _append(self, line: list[Any]) -> None:
        self.lines.append(line)
        self._fresh.append(line)
        if len(self._fresh) > KEPT_LINES:
            del self._fresh[: -KEPT_LINES // 2]

    def take(self) -> list[list[Any]]:
        """Give the lines that were not taken yet."""
        with self._lock:
            taken, self._fresh, self._open = self._fresh, [], None
            return taken

    def say(self, line: str) -> None:
        """Add the line of Python that does the same as a click; ``{lab}`` in it becomes the lab's name."""
        name = self._name_of_lab()
        lines = [line.replace("{lab}", name or "bench", 1)]
        if name == "" and not self.python:
            lines.insert(0, "# give the lab a name to go on in Python: bench = lab(...)")
        self.python.extend(lines)
        self._fresh_python += lines

    def take_python(self) -> list[str]:
        """Give the lines of Python that were not taken yet."""
        taken, self._fresh_python = self._fresh_python, []
        return taken

    def write(self, text: str) -> None:
        """Add what an action prints, line by line; may be called on any thread."""
        thread = threading.get_ident()
        with self._lock:
            # Several threads print at once: each has its own unfinished line.
            begun, lost = self._begun.pop(thread, ("", 0))
            *whole, rest = (begun + text).split("\n")
            for line in whole:
                self._append(["print", "", -1, "", _cut(line, lost), ""])
                lost = 0
            if rest:
                # What a carriage return writes over is gone, as on a terminal.
                start = rest.rfind("\r", 0, -1) + 1
                kept = rest[start : start + 8 * _LONGEST]
                self._begun[thread] = kept, (0 if start else lost) + len(rest) - start - len(kept)
            self._open = None

    def end_lines(self) -> None:
        """Add what was printed without a line's end."""
        with self._lock:
            for line, lost in self._begun.values():
                self._append(["print", "", -1, "", _cut(line, lost), ""])
            self._begun.clear()

    def tell(self, run: FlowRun, event: Event) -> None:
        """Add an event of `run`, in words."""
        time = f"{event.at:.3f} s"
        if event.node is None:
            more = event.reason
            self.add("run", f"run {event.state.word}", more, time, _RUN_NUMBER[event.state])  # type: ignore[index]
            return
        state = NodeState(event.state)
        batch = run.plan.batch_of[run.plan.ids[event.node]] + 1
        name = elide(event.node, 60)
        if state in _TOGETHER:
            self._tell_together(time, state, batch, name)
        else:
            words = f"{name} {state.word}"
            self.add("node", words, self._outcome(run, event, state), time, _NUMBER[state], f"batch {batch}")

    def _tell_together(self, time: str, state: NodeState, batch: int, name: str) -> None:
        with self._lock:
            if self._open is not None and self._open[0] == (state, batch):
                names = self._open[1]
                names.append(name)
                self._fresh[-1][4] = _together(names, state)
            else:
                names = [name]
                self._append(["node", time, _NUMBER[state], f"batch {batch}", _together(names, state), ""])
                self._open = ((state, batch), names)

    def _outcome(self, run: FlowRun, event: Event, state: NodeState) -> str:
        if event.reason:
            return event.reason
        given: Mapping[Any, Any] = {
            NodeState.SUCCEEDED: run.results,
            NodeState.ROLLED_BACK: run.rollback_results,
        }.get(state, {})
        return f"→ {preview(given[event.node], 120)}" if event.node in given else ""


def _together(names: list[str], state: NodeState) -> str:
    shown = ", ".join(names[:_NAMED])
    if len(names) > _NAMED:
        shown += f" and {len(names) - _NAMED} more"
    return f"{shown} {state.word}"


def _cut(line: str, lost: int) -> str:
    line = _ANSI.sub("", line.rstrip("\r").rsplit("\r", 1)[-1])
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}… ({len(line) + lost:,} characters)"
