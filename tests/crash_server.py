"""The small server that makes processes to be killed, as the tests use it; and the folders for them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import crash_life
from crash_judge import WAL
from crash_world import ERROR, JOURNAL, POINTS, WORLD

import daga_nb

KILLED = -9

_PLACES = (Path(daga_nb.__file__).parents[1], Path(crash_life.__file__).parent)


def command(*arguments: str) -> tuple[list[str], dict[str, str]]:
    """Give how `crash_life` is called as a program, and its environment."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, _PLACES))}
    return [sys.executable, crash_life.__file__, *arguments], environment


class Server:
    """Makes one process after the other, each a fork that dies at a point, or lives to the end."""

    def __init__(self) -> None:
        words, environment = command()
        self._process = subprocess.Popen(
            words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def live(self, plot: str, folder: Path, life: int, die_at: int | None = None) -> bool:
        """Let a process live in a folder; give whether it came to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"plot": plot, "folder": str(folder), "life": life, "die_at": die_at}
        print(json.dumps(asked), file=self._process.stdin, flush=True)
        ended = int(self._process.stdout.readline())
        assert ended in (0, KILLED), (folder / ERROR).read_text() if (folder / ERROR).exists() else ended
        return ended == 0

    def close(self) -> None:
        self._process.communicate()


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    try:
        yield server
    finally:
        server.close()


@contextmanager
def ground() -> Iterator[Path]:
    """Give a folder in memory, if there is one: a killed process loses nothing of it either."""
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as folder:
        yield Path(folder)


def copied(folder: Path, to: Path) -> Path:
    """Copy all that outlives a process."""
    to.mkdir()
    for name in (JOURNAL, WAL, WORLD, POINTS):
        if (folder / name).exists():
            shutil.copy(folder / name, to)
    return to
