"""The text of a sketch, read: ``book >> pay[pivot] >> (ship, notify)``. It is data, and never run as code.

A *name* is an identifier or stands in quotes, and means the same action wherever it stands. A *chain* joins
names and groups by ``>>``. A *group*, ``(a >> b, c)``, holds chains side by side: what comes before it goes
to the first ones of each, what comes after it waits for the last ones. Chains of their own are separated by
``;`` or by a line break. Behind a name stand its *marks*, ``pay[pivot, retries=3]``; `MARKS` has them all.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from daga_nb.engine.effects import LONGEST_NAME
from daga_nb.errors import SketchError

__all__ = ["DEEPEST", "MARKS", "MOST_EDGES", "MOST_TEXT", "Drawing", "Token", "options_of", "read"]

MARKS = {
    "no effect": "it leaves nothing behind, so there is nothing to undo",
    "no rollback": "it has an effect, and nothing that undoes it",
    "idempotent": "called again with the same key, nothing more happens",
    "pivot": "the point of no return: once it has succeeded, the run never turns back",
    "save point": "the run may go back to it once, and forward again; save point=3: so often",
    "retries": "retries=3: so often it is tried again when it fails",
    "timeout": "timeout=2: so many seconds it may take",
}
"""What can stand in brackets behind a name. The list is closed."""

_FLAGS = frozenset({"no effect", "no rollback", "idempotent", "pivot"})  # without a number

MOST_TEXT, MOST_EDGES, DEEPEST = 50_000, 100_000, 40
"""The longest text, the most edges and the deepest group that are read."""

_TOKEN = re.compile(
    r"""(?P<space>[^\S\n]+) | (?P<line>\n) | (?P<arrow>>>) | (?P<sign>[(),;\[]) | (?P<name>[^\W\d]\w*)
      | "(?P<double>[^"\n]*)" | '(?P<single>[^'\n]*)'""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """A piece of the text: its kind (``name``, ``marks``, ``end``, or a sign), what it says, and where."""

    kind: str
    text: str
    at: int
    end: int


@dataclass
class Drawing:
    """What a sketch says: the actions in the order in which they appear, each with its marks, and the edges.

    Attributes
    ----------
    marks
        For each name its marks: True, or the number behind the ``=``.
    edges
        The edges, in order. That there is no circle is for the flow to say.
    """

    marks: dict[str, dict[str, float | bool]] = field(default_factory=dict)
    edges: dict[tuple[str, str], None] = field(default_factory=dict)


def read(text: str) -> Drawing:
    """Give what a sketch says.

    >>> found = read("book >> pay[pivot] >> (ship >> track, notify[no effect])")
    >>> list(found.edges)
    [('book', 'pay'), ('ship', 'track'), ('pay', 'ship'), ('pay', 'notify')]
    >>> found.marks["pay"], found.marks["notify"]
    ({'pivot': True}, {'no effect': True})

    Raises
    ------
    SketchError
        If it cannot be read; the message shows the place.
    """
    if not isinstance(text, str):
        raise SketchError(f"a sketch is a text, as in sketch('book >> pay'), not {type(text).__name__}")
    if len(text) > MOST_TEXT:
        raise SketchError(
            f"a sketch has at most {MOST_TEXT} characters, not {len(text)}: make the flow of code"
        )
    return _Reader(text).drawing


class _Reader:
    """Goes through the text once, from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.drawing = Drawing()
        self._tokens = self._joined(list(self._split()))
        self._next = 0
        self._chains()

    # ------------------------------------------------------------------ pieces

    def _split(self) -> Iterable[Token]:
        text, at = self.text, 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._wrong(self._unreadable(at), at)
            kind, said, end = str(found.lastgroup), found[0], found.end()
            if kind in ("double", "single"):
                kind, said = "name", found[found.lastgroup or 0].strip()
                if not said:
                    raise self._wrong("a name in quotes is not empty", at, end)
            elif kind == "sign":
                kind = said
            if kind == "[":
                end = text.find("]", at) + 1
                if not end:
                    raise self._wrong("this bracket is never closed: ] is missing", at)
                kind, said = "marks", text[at + 1 : end - 1]
            if kind != "space":
                yield Token(kind, said, at, end)
            at = end
        yield Token("end", "", at, at)

    def _unreadable(self, at: int) -> str:
        sign = self.text[at]
        if sign in "\"'":
            return "this quote is never closed on its line"
        if sign in "->":
            return "actions are joined by >>"
        if sign == "]":
            return "a bracket closes here that was never opened"
        return f"{sign!r} means nothing here. A name with such signs stands in quotes"

    @staticmethod
    def _joined(tokens: list[Token]) -> list[Token]:
        """Leave out the line breaks that end no chain: in a group, and around ``>>``."""
        kept: list[Token] = []
        depth = 0
        for one, after in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
            depth = max(0, depth + {"(": 1, ")": -1}.get(one.kind, 0))
            breaks = one.kind == "line"
            if breaks and (
                depth > 0 or after.kind in ("arrow", "line") or (kept and kept[-1].kind == "arrow")
            ):
                continue
            kept.append(Token(";", "", one.at, one.end) if breaks else one)
        return kept

    # ------------------------------------------------------------------ grammar

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self, kind: str) -> Token | None:
        found = self._token
        if found.kind != kind:
            return None
        self._next += 1
        return found

    def _chains(self) -> None:
        while self._token.kind != "end":
            if self._take(";") is None:
                self._chain(0)
                if self._token.kind == ")":
                    raise self._unexpected("a group closes here that was never opened")
                if self._token.kind not in (";", "end"):
                    raise self._unexpected("after a name comes >>, and ; or a new line between chains")
        if not self.drawing.marks:
            raise SketchError("the sketch is empty: name at least one action, as in sketch('book >> pay')")

    def _chain(self, depth: int) -> tuple[list[str], list[str]]:
        firsts, lasts = self._term(depth)
        while self._take("arrow"):
            at = self._token.at
            heads, ends = self._term(depth)
            if len(self.drawing.edges) + len(lasts) * len(heads) > MOST_EDGES:
                raise self._wrong(f"this makes more than {MOST_EDGES} edges: make the flow of code", at)
            self.drawing.edges.update(dict.fromkeys((one, other) for one in lasts for other in heads))
            lasts = ends
        return firsts, lasts

    def _term(self, depth: int) -> tuple[list[str], list[str]]:
        if opened := self._take("("):
            if depth >= DEEPEST:
                raise self._wrong(f"groups are nested more than {DEEPEST} deep", opened.at)
            return self._group(depth + 1, opened)
        name = self._take("name")
        if name is None:
            raise self._unexpected("a name or a group is missing here")
        if len(name.text) > LONGEST_NAME:  # it is that of an effect too
            raise self._wrong(f"a name has at most {LONGEST_NAME} characters", name.at)
        marks = self.drawing.marks.setdefault(name.text, {})
        while found := self._take("marks"):
            self._mark(name.text, marks, found)
        return [name.text], [name.text]

    def _group(self, depth: int, opened: Token) -> tuple[list[str], list[str]]:
        firsts: dict[str, None] = {}
        lasts: dict[str, None] = {}
        while True:
            heads, ends = self._chain(depth)
            firsts.update(dict.fromkeys(heads))
            lasts.update(dict.fromkeys(ends))
            if self._take(")"):
                break
            if self._token.kind == "end":
                raise self._wrong("this group is never closed: ) is missing", opened.at)
            if self._take(",") is None:
                raise self._unexpected("in a group, chains are separated by a comma")
        if found := self._take("marks"):
            raise self._wrong("a mark stands behind a name, not behind a group", found.at, found.end)
        return list(firsts), list(lasts)

    def _mark(self, name: str, marks: dict[str, float | bool], found: Token) -> None:
        at = found.at + 1
        for piece in found.text.split(","):
            start = at + len(piece) - len(piece.lstrip())
            end = max(at + len(piece.rstrip()), start + 1)
            at += len(piece) + 1
            said, equals, number = piece.partition("=")
            word = " ".join(said.replace("_", " ").split())
            if word not in MARKS:
                near = difflib.get_close_matches(word[:40], MARKS, n=2) or list(MARKS)
                raise self._wrong(
                    f"there is no mark {word[:40]!r}. Did you mean {' or '.join(map(repr, near))}?",
                    start,
                    end,
                )
            value = self._number(word, number.strip() if equals else None, start, end)
            if marks.setdefault(word, value) != value:
                raise self._wrong(f"{name!r} has the mark {word!r} already, with another number", start, end)

    def _number(self, word: str, number: str | None, start: int, end: int) -> float | bool:
        if word in _FLAGS:
            if number is not None:
                raise self._wrong(f"{word!r} takes no number", start, end)
            return True
        if number is None and word == "save point":
            return 1
        if word == "timeout":
            if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", number or "") and float(number or 0) > 0:
                return float(number or 0)
            raise self._wrong("timeout is a number of seconds above 0, as in timeout=2.5", start, end)
        if re.fullmatch("[0-9]{1,6}", number or "") and int(number or 0) > 0:
            return int(number or 0)
        raise self._wrong(f"{word} is a whole number from 1, as in {word}=3", start, end)

    # ------------------------------------------------------------------ errors

    def _unexpected(self, what: str) -> SketchError:
        found = self._token
        return self._wrong(what, found.at, found.end)

    def _wrong(self, what: str, at: int, end: int | None = None) -> SketchError:
        begin = self.text.rfind("\n", 0, at) + 1
        line = self.text[begin:].partition("\n")[0]
        column = at - begin
        cut = max(0, column - 60)
        shown = "".join(one if one.isprintable() else " " for one in line[cut : column + 40])
        carets = "^" * max(1, min((end or at + 1) - at, len(shown) - (column - cut)))
        number = self.text.count("\n", 0, at) + 1
        place = f"line {number}, column {column + 1}" if "\n" in self.text.strip() else f"column {column + 1}"
        return SketchError(f"{what} ({place})\n    {shown}\n    {' ' * (column - cut)}{carets}")


def options_of(marks: dict[str, float | bool]) -> dict[str, Any]:
    """Give the options of an action that its marks stand for; ``no rollback`` is none."""
    return {mark.replace(" ", "_"): value for mark, value in marks.items() if mark != "no rollback"}
