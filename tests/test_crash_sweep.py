"""A process is killed before and after every write and every effect; and so is its successor."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import long
import pytest
from crash_flows import PLOTS
from crash_judge import Seen, Usual, alive, judge, look
from crash_server import Server, copied, ground, serving
from crash_world import REPORT, WORLD, lines, points

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are made by fork")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def folder() -> Iterator[Path]:
    with ground() as folder:
        yield folder


def undisturbed(server: Server, plot: str, folder: Path) -> tuple[Usual, list[str]]:
    """Let a process live that nobody kills; give how that goes, and the points that it comes by."""
    folder.mkdir()
    assert server.live(plot, folder, 0)
    usual = Usual.of(folder)
    judge(PLOTS[plot], folder, [], usual)
    return usual, points(folder, 0)[: usual.points]


def died(server: Server, plot: str, folder: Path, life: int, at: int) -> Seen | None:
    """Let a process die at a point, and give what the journal says then; None if it ended before that."""
    if server.live(plot, folder, life, at):
        return None
    seen = look(folder)
    alive(PLOTS[plot], seen, lines(folder / WORLD))
    return seen


def ended(server: Server, plot: str, folder: Path, deaths: list[Seen], usual: Usual) -> tuple[int, int]:
    """Let the last process come to its end; give how many points that had, and the most executions."""
    assert server.live(plot, folder, len(deaths))
    worst = judge(PLOTS[plot], folder, deaths, usual)
    return json.loads((folder / REPORT).read_text())["points"], worst


@pytest.mark.parametrize("plot", PLOTS)
def test_killed_at_a_point_and_again_in_the_recovery(plot, server, folder, counts):
    usual, every = undisturbed(server, plot, folder / "usual")
    single = double = worst = 0
    labels: Counter[str] = Counter()
    for at in long.share(range(1, usual.points + 1), one_in=5, about=plot):
        here = folder / f"{at}"
        here.mkdir()
        seen = died(server, plot, here, 0, at)
        if seen is None:  # threads: it had fewer points this time
            assert PLOTS[plot].threads
            continue
        single += 1
        labels[points(here, 0)[-1]] += 1
        recovery, most = ended(server, plot, copied(here, folder / "once"), [seen], usual)
        worst = max(worst, most)
        for second in long.share(range(1, recovery + 1), one_in=20, about=f"{plot} {at}"):
            there = copied(here, folder / "twice")
            again = died(server, plot, there, 1, second)
            if again is None:
                assert PLOTS[plot].threads
            else:
                double += 1
                _, most = ended(server, plot, there, [seen, again], usual)
                worst = max(worst, most)
            shutil.rmtree(there)
        shutil.rmtree(folder / "once")
        shutil.rmtree(here)
    if long.LONG and not PLOTS[plot].threads:
        assert labels == Counter(every)
    counts(
        f"killed at every point: {plot}",
        points=single,
        points_again_in_the_recovery=double,
        most_executions=worst,
    )
