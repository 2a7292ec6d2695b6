"""Values and errors as text, cut short: what is kept of them when they cannot be kept themselves."""

from __future__ import annotations

import itertools
import linecache
import reprlib
import traceback
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from daga_nb.errors import ActionInterrupted, describe, kind_of

__all__ = ["LONGEST_TEXT", "preview", "traceback_of", "whole"]

LONGEST_TEXT = 4000
"""Characters of the longest text that is kept: a traceback, a source."""

_MOST_FRAMES = 30
_MOST_NOTES = 20

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
    except KeyboardInterrupt:
        raise  # a person's
    except BaseException as error:  # it is only words that are made here: even a SystemExit is about them
        text = f"<{kind_of(value)}, which cannot be shown: {type(error).__name__}>"
    return whole(text if len(text) <= limit else text[: limit - 1] + "…")


def traceback_of(error: BaseException) -> str:
    """Give an error with the user's own frames, without those of the engine.

    >>> traceback_of(TimeoutError("no answer"))
    'TimeoutError: no answer'
    """
    try:
        return whole(_told(error))
    except KeyboardInterrupt:
        raise
    except BaseException:  # it minds being looked at
        return whole(describe(error, 1000))


def _told(error: BaseException) -> str:
    if isinstance(error, ActionInterrupted) and error.__cause__ is not None:
        error = error.__cause__
    head = describe(error, 1000)
    lines = []
    for frame, number in deque(_own_frames(error), _MOST_FRAMES):
        lines.append(f"  {frame.f_code.co_name}, line {number}")
        # No StackSummary: it reads the lines of the engine too, which takes longer than all the rest.
        linecache.checkcache(frame.f_code.co_filename)
        line = linecache.getline(frame.f_code.co_filename, number, frame.f_globals).strip()
        if line:
            lines.append(f"    {line[:200]}")
    notes = getattr(error, "__notes__", ())
    for note in notes[:_MOST_NOTES] if isinstance(notes, list | tuple) else ():
        if isinstance(note, str) and not note.startswith(("in action ", "in the rollback of action ")):
            lines.append(note[:300])
    if error.__cause__ is not None:
        lines.append(f"caused by {describe(error.__cause__, 300)}")
    # Where it was raised stands last.
    rest = "\n".join(lines)[-(LONGEST_TEXT - len(head) - 1) :]
    return f"{head}\n{rest}" if rest else head


def _own_frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    for frame, number in traceback.walk_tb(error.__traceback__):
        if not frame.f_code.co_filename.startswith(_OURS):
            yield frame, number


def whole(text: str) -> str:
    r"""Give a text without halves of characters (lone surrogates): no message to a page can hold them.

    >>> whole("half \ud83d of a pair")
    'half � of a pair'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= one <= "\udfff" else one for one in text)
    return text
