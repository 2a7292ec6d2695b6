"""The lab's log: events in words, what actions print, and what went wrong. Bounded, newest last."""

from __future__ import annotations

import ast
import re
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from daga_nb.core.events import Event
from daga_nb.core.plan import Plan
from daga_nb.core.states import NodeState
from daga_nb.engine.preview import whole
from daga_nb.page.words import LONGEST_PART, Line, is_together, joined, line_of
from daga_nb.render.text import elide

if TYPE_CHECKING:
    from daga_nb.debug.story import Note

__all__ = ["Log", "as_python"]

KEPT_LINES = 2000
_LONGEST_VALUE = 400
_NO_NUMBERS = {"inf", "nan", "infj", "nanj"}
"""What the repr of a number calls by a name that Python does not know."""

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
"""The colours and moves of a terminal: the log has its own."""


class Log:
    r"""The lines of the log, and the lines of Python that do the same as the clicks.

    Parameters
    ----------
    name_of_lab
        Gives what the notebook calls the lab.
    seq
        Gives after how many events a line stands that is added now.
    wrote
        Is told each line that was printed.

    Examples
    --------
    >>> log = Log()
    >>> log.write("charging the ca")
    >>> log.write("rd\nand")
    >>> log.end_lines()
    >>> [line[4] for line in log.take()]
    ['charging the card', 'and']
    """

    def __init__(
        self,
        name_of_lab: Callable[[], str | None] = lambda: None,
        seq: Callable[[], int] = lambda: 0,
        wrote: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._name_of_lab = name_of_lab
        self._seq = seq
        self._wrote = wrote
        self.lines: deque[Line] = deque(maxlen=KEPT_LINES)
        self.python: deque[str] = deque(maxlen=KEPT_LINES)
        self._fresh_python: list[str] = []
        self._imported: set[str] = set()
        self._fresh: list[Line] = []
        self._open: tuple[tuple[NodeState, str], list[str]] | None = None
        self._begun: dict[int, tuple[str, int]] = {}
        self._lock = threading.Lock()

    def add(
        self, kind: str, words: str, more: str = "", time: str = "", state: int = -1, place: str = ""
    ) -> None:
        """Add a line."""
        with self._lock:
            self._open = None
            line = [kind, time, state, place, whole(words[:LONGEST_PART]), whole(more[:LONGEST_PART])]
            self._append([*line, self._seq()])

    def _append(self, line: Line) -> None:
        self.lines.append(line)
        self._fresh.append(line)
        if len(self._fresh) > KEPT_LINES:
            del self._fresh[: -KEPT_LINES // 2]

    def take(self) -> list[Line]:
        """Give the lines that were not taken yet."""
        with self._lock:
            taken, self._fresh, self._open = self._fresh, [], None
            return taken

    def spoken(self, line: str) -> str:
        """Give a line of Python as it is said: ``{lab}`` in it becomes the lab's name."""
        return _named(line, self._name_of_lab())

    def say(self, line: str, *needed: str) -> None:
        """Add the line of Python that does the same as a click, after the lines that it needs before it."""
        name = self._name_of_lab()
        lines = [*(one for one in needed if one not in self._imported), _named(line, name)]
        self._imported.update(needed)
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
                self._print(_cut(line, lost))
                lost = 0
            if rest:
                # What a carriage return writes over is gone, as on a terminal.
                start = rest.rfind("\r", 0, -1) + 1
                kept = rest[start : start + 8 * LONGEST_PART]
                self._begun[thread] = kept, (0 if start else lost) + len(rest) - start - len(kept)
            self._open = None

    def _print(self, line: str) -> None:
        self._append(["print", "", -1, "", line, "", self._seq()])
        self._wrote(line)

    def end_lines(self) -> None:
        """Add what was printed without a line's end."""
        with self._lock:
            for line, lost in self._begun.values():
                self._print(_cut(line, lost))
            self._begun.clear()

    def tell(self, plan: Plan, event: Event, note: Note) -> None:
        """Add an event, in words."""
        line = line_of(plan, event, note)
        with self._lock:
            if event.node is None or not is_together(event):
                self._open = None
                self._append(line)
                return
            state, name = NodeState(event.state), elide(event.node, 60)
            if self._open is not None and self._open[0] == (state, line[3]):
                self._open[1].append(name)
                self._fresh[-1][4], self._fresh[-1][6] = joined(self._open[1], state), event.seq
            else:
                self._append(line)
                self._open = ((state, line[3]), [name])

    def begin(self) -> None:
        """Take note that another run begins: what stands here belongs to no moment of it."""
        with self._lock:
            self._open = None
            for line in self.lines:
                line[6] = 0


def as_python(value: object) -> str:
    """Give a value as Python writes it, for a line that does the same as a click; what cannot be: three dots.

    >>> as_python({"id": 17}), as_python(object()), as_python(float("inf"))
    ("{'id': 17}", '...', '...')
    """
    try:
        text = repr(value)
        names = [one.id for one in ast.walk(ast.parse(text, mode="eval")) if isinstance(one, ast.Name)]
    except Exception:  # whatever ails its repr
        return "..."
    return text if len(text) <= _LONGEST_VALUE and not _NO_NUMBERS & {*names} else "..."


def _named(line: str, name: str | None) -> str:
    return line.replace("{lab}", name or "bench", 1)


def _cut(line: str, lost: int) -> str:
    line = whole(_ANSI.sub("", line.rstrip("\r").rsplit("\r", 1)[-1]))
    return line if len(line) <= LONGEST_PART else f"{line[:LONGEST_PART]}… ({len(line) + lost:,} characters)"
