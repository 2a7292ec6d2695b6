"""Values and errors as text, cut short: what is kept of them when they cannot be kept themselves."""

from __future__ import annotations

import itertools
import reprlib
import traceback
from pathlib import Path
from typing import Any

from daga_nb.errors import ActionInterrupted, describe

__all__ = ["LONGEST_TEXT", "preview", "traceback_of"]

LONGEST_TEXT = 4000
"""Characters of the longest text that is kept: a traceback, a source."""

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
    return "\n".join(lines)[-LONGEST_TEXT:]


def _is_place(note: str) -> bool:
    return note.startswith(("in action ", "in the rollback of action "))
