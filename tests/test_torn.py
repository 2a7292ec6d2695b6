"""A journal that is cut, or of which a byte is another, has what was written before that, or says so."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import NamedTuple

import long
import pytest
from crash_judge import WAL, look
from crash_server import Server, copied, ground, serving
from crash_world import JOURNAL, WORLD, lines, of_run, owing, points

from daga_nb import list_runs
from daga_nb.core.events import Event
from daga_nb.errors import JournalError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are made by fork")

PLOT = "diamond that fails"
STEP = 128
WAL_HEADER, FRAME_HEADER = 32, 24


class Torn(NamedTuple):
    """A journal whose process was killed right after its last write, so that all of it stands in the WAL.

    Attributes
    ----------
    folder
        Where it is.
    events
        Of the run, as a whole.
    commits
        Where in the WAL each commit ends, and how many events there are then; the first is the making of the
        file, without a run.
    """

    folder: Path
    events: tuple[Event, ...]
    commits: list[tuple[int, int]]

    @property
    def size(self) -> int:
        return (self.folder / WAL).stat().st_size

    def left(self, at: int) -> tuple[Event, ...] | None:
        """Give the events of the commits that end at this byte or before; None if there is no run."""
        known = [number for number, (end, _) in enumerate(self.commits) if end <= at]
        return self.events[: self.commits[known[-1]][1]] if len(known) > 1 else None

    def with_wal(self, wal: bytes, to: Path) -> Path:
        """Give a copy with another WAL."""
        shutil.rmtree(to, ignore_errors=True)
        (copied(self.folder, to) / WAL).write_bytes(wal)
        return to / JOURNAL


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def torn(server: Server) -> Iterator[Torn]:
    with ground() as folder:
        (folder / "whole").mkdir()
        assert server.live(PLOT, folder / "whole", 0)
        labels = points(folder / "whole", 0)
        written = [number for number, label in enumerate(labels, 1) if label.startswith("after COMMIT of ")]
        last = max(number for number in written if labels[number - 1] != "after COMMIT of 0")
        here = folder / "torn"
        here.mkdir()
        assert not server.live(PLOT, here, 0, last)
        wal = (here / WAL).read_bytes()
        counts = [int(labels[number - 1].rpartition(" ")[2]) for number in written if number <= last]
        first, *others = (
            counts  # the commit that makes the tables stands in the journal itself, not in its WAL
        )
        commits = [(0, first), *zip(_ends_of_commits(wal), accumulate(others), strict=True)]
        journal = copied(here, folder / "read") / JOURNAL
        yield Torn(here, list_runs(journal)[0].story.events, commits)


def _frame(wal: bytes) -> int:
    return FRAME_HEADER + int.from_bytes(wal[8:12], "big")


def _ends_of_commits(wal: bytes) -> list[int]:
    """Give where each commit of a WAL ends: its last frame has the size of the file in its header."""
    frames = range(WAL_HEADER, len(wal), _frame(wal))
    return [at + _frame(wal) for at in frames if any(wal[at + 4 : at + 8])]


def story(journal: Path) -> tuple[Event, ...] | None:
    """Give the events of the one run in a journal, or None if there is none."""
    runs = list_runs(journal)
    assert len(runs) < 2
    return runs[0].story.events if runs else None


def test_a_journal_that_is_cut_has_what_was_written_before(torn, counts):
    wal = (torn.folder / WAL).read_bytes()
    cuts = long.share(range(0, len(wal), STEP), one_in=6)
    with ground() as folder:
        for at in cuts:
            for tail in (b"", bytes(len(wal) - at)):  # gone; or there, and never written
                assert story(torn.with_wal(wal[:at] + tail, folder / "cut")) == torn.left(at), at
    counts(f"a WAL cut at every {STEP} bytes", cuts=len(cuts), ways=2 * len(cuts))


def test_a_journal_with_a_byte_that_is_another_has_what_was_written_before(torn, counts):
    wal, random = (torn.folder / WAL).read_bytes(), Random(f"flip {long.SEED}")
    heads = [
        start + offset
        for start, length in [
            (0, WAL_HEADER),
            *((at, 124) for at in range(WAL_HEADER, len(wal), _frame(wal))),
        ]
        for offset in range(length)
    ]
    every = sorted({*heads[::5], *random.sample(range(len(wal)), 200)})
    flips = long.share(every, one_in=10)
    with ground() as folder:
        for at in flips:
            flipped = bytearray(wal)
            flipped[at] ^= 1 << random.randrange(8)
            assert story(torn.with_wal(bytes(flipped), folder / "flip")) == torn.left(at), at
    counts("a byte of the WAL that is another", bytes=len(flips))


def _pages(journal: Path) -> Iterator[int]:
    with closing(sqlite3.connect(journal)) as database:
        (size,) = database.execute("PRAGMA page_size").fetchone()
    return iter(range(0, journal.stat().st_size, size))


def test_a_closed_journal_with_a_byte_that_is_another_in_a_head_of_a_page_is_refused_or_right(torn, counts):
    refused = right = 0
    with ground() as folder:
        whole = copied(torn.folder, folder / "whole") / JOURNAL
        assert story(whole) == torn.events  # and so it was closed, and the WAL merged
        data, random = whole.read_bytes(), Random(f"page {long.SEED}")
        heads = [at + offset for at in _pages(whole) for offset in range(100 if at == 0 else 12)]
        for at in long.share(heads, one_in=8):
            flipped = bytearray(data)
            flipped[at] ^= 1 << random.randrange(8)
            there = folder / "flip"
            there.mkdir()
            (there / JOURNAL).write_bytes(flipped)
            try:
                assert story(there / JOURNAL) == torn.events, at
                right += 1
            except JournalError:
                refused += 1
            shutil.rmtree(there)
    assert refused
    counts("a byte of a closed journal's page headers that is another", refused=refused, right=right)


def test_from_every_commit_a_run_is_resumed_and_ends_well(torn, server, counts):
    wal = (torn.folder / WAL).read_bytes()
    ends = [0, *(end for end, _ in torn.commits)]
    with ground() as folder:
        for at in ends:
            there = torn.with_wal(wal[:at], folder / "resumed").parent
            assert server.live(PLOT, there, 1)
            end, happened = look(there), lines(there / WORLD)
            assert end.states[None] == "ROLLED_BACK", at
            own = [line for line in happened if of_run(line) in end.runs]
            assert not owing(own), at
            assert _most(happened) <= 2, at
    counts("resumed from every commit", commits=len(ends))


def _most(happened) -> int:
    keys = [line.key for line in happened]
    return max(map(keys.count, keys))
