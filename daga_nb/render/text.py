"""Texts as they are shown: names of others cut short, with nothing invisible in them, and tables of texts."""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Sequence

__all__ = ["NAME_LIMIT", "aligned", "columns", "elide", "seconds", "text_width"]

NAME_LIMIT = 24
"""How many columns of a name a node shows."""

_JOINERS = "\u200c\u200d"


def _visible(character: str) -> str:
    code = ord(character)
    kind = unicodedata.category(character)
    if character in _JOINERS:
        return character
    hidden = kind in ("Cc", "Cf", "Cs", "Zl", "Zp") or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return "\ufffd" if hidden else character


def _columns(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def columns(text: str) -> int:
    """Give how wide a text is in signs of a terminal.

    >>> columns("key"), columns("鍵")
    (3, 2)
    """
    return sum(map(_columns, text))


def aligned(rows: Sequence[Sequence[str]], right: Container[int] = ()) -> list[str]:
    """Give the rows of a table as lines, with their cells below each other; numbered columns to the right.

    >>> aligned([("effect", "done"), ("鍵", "1")], right={1})
    ['effect  done', '鍵         1']
    """
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    lines = []
    for cells in rows:
        padded = []
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            space = " " * (width - columns(cell))
            padded.append(space + cell if number in right else cell + space)
        lines.append("  ".join(padded).rstrip())
    return lines


def _fit(text: str, limit: int) -> str:
    used, end = 0, 0
    for character in text:
        used += _columns(character)
        if used > limit:
            break
        end += 1
    return text[:end]


def elide(name: str, limit: int = NAME_LIMIT) -> str:
    r"""Give `name` as it may be shown, in at most `limit` columns.

    What is too long loses its middle, because names that look alike mostly differ at their ends. Control
    characters, marks that turn the direction of text, and what XML cannot hold become U+FFFD. The cost
    does not grow with the name.

    >>> elide("charge")
    'charge'
    >>> elide("prepare_everything_ID0000012", 16)
    'prepare_…0000012'
    >>> elide("a\nb")
    'a�b'
    """
    limit = max(limit, 1)
    head = "".join(map(_visible, name[: limit + 1]))
    if len(name) <= limit and sum(map(_columns, head)) <= limit:
        return head
    tail = "".join(map(_visible, name[-limit:]))
    end = _fit(tail[::-1], (limit - 1) // 2)[::-1]
    return f"{_fit(head, limit - 1 - (limit - 1) // 2)}…{end}"


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Estimate the width of `text` in pixels, on the wide side, without any font.

    >>> text_width("iii", 15) < text_width("mmm", 15)
    True
    """
    total = 0.0
    for character in text:
        if _columns(character) == 2:
            total += 1.05
        elif character in "iljI.,:;'|!()[] ":
            total += 0.36
        elif character in 'ftr-/\\"':
            total += 0.45
        elif character in "mwMW@%—…":
            total += 0.98
        elif character.isupper() or character in "&#=+<>~":
            total += 0.74
        else:
            total += 0.62
    return total * size * (1.1 if bold else 1.0)


def seconds(value: float | None) -> str:
    """Give a duration as people read it; empty for None.

    >>> seconds(0.1234), seconds(75.2), seconds(0.00004)
    ('0.12 s', '75 s', '<1 ms')
    """
    if value is None:
        return ""
    if value < 0.001:
        return "<1 ms"
    if value < 0.01:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 10 else f"{value:.0f} s"
