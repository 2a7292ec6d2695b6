"""Reads one-line texts from left to right, in linear time; what is wrong is told with its place."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

from daga_nb.engine.exact import MAX_DIGITS, short, why_not
from daga_nb.errors import FaultError

__all__ = ["LONGEST", "Scanner", "as_json", "as_name", "as_number"]

LONGEST = 20_000
"""Characters of the longest text that is read."""

T = TypeVar("T")

# Single classes without nesting: none of them ever goes back over what it has read.
_BLANKS = re.compile(r"[ \t]*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NAME = re.compile(r"[\w -]+")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


class Scanner:
    """Reads a text from left to right.

    Raises
    ------
    FaultError
        If the text is none, or too long; from each method, if it stands before something else.

    Examples
    --------
    >>> scanner = Scanner("delay(0.5) rest")
    >>> scanner.word(), scanner.accept("("), scanner.number(), scanner.accept(")"), scanner.name()
    ('delay', True, 0.5, True, 'rest')
    """

    def __init__(self, text: str) -> None:
        if type(text) is not str:
            raise FaultError(f"{short(text)} is no text that tells of a fault")
        if len(text) > LONGEST:
            raise FaultError(f"a text of {len(text):,} characters is too long: at most {LONGEST:,} are read")
        self._text = text
        self._at = 0
        self._skip()

    @property
    def rest(self) -> str:
        """The next character, or nothing at the end."""
        return self._text[self._at : self._at + 1]

    def wrong(self, wanted: str) -> FaultError:
        """Give the error that says what should stand here."""
        place = "the end" if not self.rest else f"character {self._at + 1}, {short(self._text[self._at :])}"
        return FaultError(f"{short(self._text)}: at {place}: {wanted}")

    def accept(self, literal: str) -> bool:
        """Read `literal`, if it stands here."""
        if not self._text.startswith(literal, self._at):
            return False
        self._at += len(literal)
        self._skip()
        return True

    def expect(self, literal: str, why: str = "") -> None:
        """Read `literal`; `why` says in the error what it belongs to."""
        if not self.accept(literal):
            raise self.wrong(f"{literal!r} is meant{why}")

    def word(self) -> str:
        """Read letters, digits and underscores; nothing, if none stand here."""
        return self._match(_WORD)

    def name(self) -> str:
        """Read the name of an action: as it is, or quoted as in JSON."""
        if self.rest == '"':
            return str(self.json())
        found = self._match(_NAME).strip()
        if not found:
            raise self.wrong('the name of an action is meant; in quotes, "...", if it has signs in it')
        return found

    def number(self) -> int | float | None:
        """Read a number; None, if none stands here."""
        return self._number(self._match(_NUMBER))

    def count(self, what: str) -> int:
        """Read a whole number, which may be negative."""
        found = self.number()
        if type(found) is not int:
            raise self.wrong(f"{what} is a whole number")
        return found

    def made(self, make: Callable[..., T], *parts: Any) -> T:
        """Make something of what was read, and tell the place if it is refused."""
        try:
            return make(*parts)
        except FaultError as refused:
            raise self.wrong(f"before this, {refused}") from None

    def json(self) -> Any:
        """Read a JSON value."""
        try:
            value, self._at = _DECODER.raw_decode(self._text, self._at)
        except json.JSONDecodeError as error:
            self._at = min(error.pos, len(self._text))
            raise self.wrong(f"a JSON value is meant ({error.msg})") from None
        except RecursionError:
            raise self.wrong("a JSON value is meant, and this is nested too deeply") from None
        except FaultError as refused:
            raise self.wrong(str(refused)) from None
        self._skip()
        return value

    def next_line(self) -> bool:
        """Go on past the line's end, or a semicolon; whether something follows."""
        while self.rest and self.rest in ";\r\n":
            self._at += 1
            self._skip()
        return bool(self.rest)

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        self._skip()
        return found.group()

    def _number(self, text: str) -> int | float | None:
        if not text:
            return None
        try:
            value: int | float = _whole(text) if text.lstrip("-").isdigit() else float(text)
        except FaultError as refused:
            raise self.wrong(str(refused)) from None
        wrong = why_not(value)
        if wrong:
            raise self.wrong(f"the number {wrong}")
        return value

    def _skip(self) -> None:
        found = _BLANKS.match(self._text, self._at)
        self._at = self._at if found is None else found.end()


def as_name(name: str) -> str:
    """Give the name of an action as it is written in a text: as it is, or quoted.

    >>> as_name("pay 2"), as_name("a.b"), as_name("")
    ('pay 2', '"a.b"', '""')
    """
    plain = _NAME.fullmatch(name) and name == name.strip()
    return name if plain else as_json(name)


def as_json(value: Any) -> str:
    """Give a JSON value as text in one line.

    >>> as_json({"né": [1, 2.5, None]})
    '{"né": [1, 2.5, null]}'
    """
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)


def as_number(value: float) -> str:
    """Give a number as short as it can be read back.

    >>> as_number(20.0), as_number(0.5), as_number(1e-9)
    ('20', '0.5', '1e-09')
    """
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS + text.startswith("-"):
        raise FaultError(f"a number has at most {MAX_DIGITS} digits")
    return int(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise FaultError("no key stands twice in one object")
    return made


def _constant(text: str) -> Any:
    raise FaultError(f"{text} is no number of JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_int=_whole)
