"""Which frames of a traceback are a person's own, and where they stand, in words."""

from __future__ import annotations

import linecache
import os
import re
import sysconfig
from collections.abc import Sequence
from types import TracebackType

from daga_nb.render.text import elide
from daga_nb.widgets.shell import shell_or_none

__all__ = ["clean", "is_library", "linked", "own_frames", "told_frames"]

# What carries an action between the engine and the person's function, when it stands right below the engine.
_PLUMBING = ("asyncio", "concurrent", "contextlib", "contextvars", "nest_asyncio2", "threading")
_ABOVE_A_CELL = ("IPython", "ipykernel")

_MOST = 8
_STDLIB = sysconfig.get_path("stdlib") + os.sep
_INSTALLED = re.compile(r"[/\\](?:site|dist)-packages[/\\]")

# What a terminal obeys: titles and links (OSC), colours and moves (CSI), and the rest of the escapes.
_TERMINAL = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-Z\\-~]?"
)


def clean(text: str, limit: int = 1000) -> str:
    r"""Give a text of others as one line that no terminal obeys, in at most `limit` columns.

    >>> clean("\x1b[31mred\x1b[0m\x07 alert")
    'red� alert'
    """
    if len(text) > 4 * limit:
        text = f"{text[: 2 * limit]}…{text[-2 * limit :]}"
    return elide(_TERMINAL.sub("", text).expandtabs(4), limit)


def own_frames(traceback: TracebackType | None) -> list[TracebackType]:
    """Give the frames that are neither the engine's nor the shell's, with what they called in libraries.

    >>> import json
    >>> try:
    ...     json.loads("{")
    ... except ValueError as error:
    ...     [frame.tb_frame.f_code.co_name for frame in own_frames(error.__traceback__)]
    ['loads', 'decode', 'raw_decode']
    """
    kept: list[TracebackType] = []
    below_the_engine = False
    while traceback is not None:
        room = _room(traceback)
        if room == "daga_nb":
            below_the_engine = True
        elif not (below_the_engine and room in _PLUMBING) and (kept or room not in _ABOVE_A_CELL):
            below_the_engine = False
            kept.append(traceback)
        traceback = traceback.tb_next
    return kept


def _room(traceback: TracebackType) -> str:
    name = traceback.tb_frame.f_globals.get("__name__")
    return name.partition(".")[0] if isinstance(name, str) else ""


def is_library(traceback: TracebackType) -> bool:
    """Tell whether a frame is in the standard library or in an installed package."""
    file = traceback.tb_frame.f_code.co_filename
    return file.startswith((_STDLIB, "<frozen ")) or _INSTALLED.search(file) is not None


def linked(frames: Sequence[TracebackType]) -> TracebackType | None:
    """Give a traceback of just these frames; the ones that they come from stay as they are."""
    made: TracebackType | None = None
    for one in reversed(frames):
        made = TracebackType(made, one.tb_frame, one.tb_lasti, one.tb_lineno)
    return made


def told_frames(frames: Sequence[TracebackType]) -> list[str]:
    """Give frames as lines: where, and the line of the source. Those of libraries are only counted.

    >>> import json
    >>> try:
    ...     json.loads("{")
    ... except ValueError as error:
    ...     told_frames(own_frames(error.__traceback__))[1:]
    ['  return _default_decoder.decode(s)', '… 2 frames in json']
    """
    lines: list[str] = []
    mine = [number for number, one in enumerate(frames) if not is_library(one)] or [0]
    shown = {*mine[:2], *mine[2 - _MOST :]}
    hidden: list[TracebackType] = []
    for number, one in enumerate(frames):
        if number in shown:
            lines += [*_counted(hidden), *_told(one)]
            hidden = []
        else:
            hidden.append(one)
    return lines + _counted(hidden)


def _counted(frames: Sequence[TracebackType]) -> list[str]:
    if not frames:
        return []
    rooms = dict.fromkeys(map(_room, frames))
    where = f" in {clean(', '.join(rooms), 60)}" if all(map(is_library, frames)) else " like these"
    return [f"… {len(frames)} frame{'s' * (len(frames) > 1)}{where}"]


def _told(traceback: TracebackType) -> list[str]:
    frame = traceback.tb_frame
    code, line = frame.f_code, traceback.tb_lineno
    source = linecache.getline(code.co_filename, line, frame.f_globals).strip() if line else ""
    where = f"{_file(code.co_filename)}, line {line}, in {clean(code.co_name, 80)}"
    return [where, f"  {clean(source, 160)}"] if source else [where]


def _file(name: str) -> str:
    """Give the name of a file as IPython shows it: a cell by its number, a home as a tilde."""
    names_of_cells = getattr(getattr(shell_or_none(), "compile", None), "format_code_name", None)
    cell = names_of_cells(name) if names_of_cells is not None else None
    if cell is not None:
        return clean(" ".join(cell), 80)
    home = os.path.expanduser("~") + os.sep
    return "File " + clean(f"~{os.sep}{name[len(home) :]}" if name.startswith(home) else name, 160)
