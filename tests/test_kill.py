"""Real processes, killed from outside at random times, and gone on with by new ones."""

from __future__ import annotations

import signal
import subprocess
from collections import Counter
from pathlib import Path
from random import Random
from time import perf_counter

import long
import pytest
from crash_flows import PLOTS
from crash_judge import Seen, Usual, alive, judge, look
from crash_server import KILLED, command
from crash_world import ERROR, WORLD, lines

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9")

KILLS = 200 if long.LONG else 5
MOST_OF_ONE_RUN = 3
ENDS = ("SUCCEEDED", "ROLLED_BACK", "ROLLBACK_INCOMPLETE")


class Process:
    """One life as a program of its own."""

    def __init__(self, plot: str, folder: Path, life: int) -> None:
        words, environment = command(plot, str(folder), str(life))
        self._errors = (folder / ERROR).open("w")
        self._process = subprocess.Popen(
            words, env=environment, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )
        self._folder = folder

    def seconds(self) -> float:
        """Let it end by itself, and give how long its run takes."""
        self._says("begins")
        begun = perf_counter()
        self._says("ends")
        seconds = perf_counter() - begun
        assert not self._ended(None)
        return seconds

    def killed(self, after: float, *, early: bool) -> bool:
        """Kill it some seconds after it begins to run, or was made (`early`); False if it has ended."""
        if not early:
            self._says("begins")
        return self._ended(after)

    def _says(self, word: str) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == f"{word}\n", (self._folder / ERROR).read_text()

    def _ended(self, after: float | None) -> bool:
        try:
            self._process.wait(after)
        except subprocess.TimeoutExpired:
            self._process.kill()
        with self._errors:
            self._process.communicate()
        code = self._process.returncode
        assert code in (0, KILLED), (self._folder / ERROR).read_text()
        return code == KILLED


class Usually:
    """How each flow goes in a process that nobody kills, and how long that takes; tried when first asked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, tuple[Usual, float]] = {}

    def of(self, plot: str) -> tuple[Usual, float]:
        if plot not in self._known:
            here = self._folder / f"usual{len(self._known)}"
            here.mkdir()
            seconds = Process(plot, here, 0).seconds()
            self._known[plot] = Usual.of(here), seconds
        return self._known[plot]


def test_killed_at_random_times(tmp_path, counts):
    usually, tally = Usually(tmp_path), Counter()
    while tally["kills"] < KILLS:
        folder = tmp_path / str(tally["runs"])
        folder.mkdir()
        seed = f"{long.SEED} {folder.name}"
        try:
            _round(Random(seed), usually, folder, tally)
        except BaseException:
            print(f"killed at times of the seed {seed!r}, which a machine keeps only more or less")
            raise
    counts("real processes killed at random times", **tally)


def _round(random: Random, usually: Usually, folder: Path, tally: Counter[str]) -> None:
    """Begin a run, kill its process, and what goes on with it; then let one live, and judge."""
    plot = random.choice(list(PLOTS))
    usual, seconds = usually.of(plot)
    deaths: list[Seen] = []
    for _ in range(random.randint(1, MOST_OF_ONE_RUN)):
        early = random.random() < 0.05
        if not Process(plot, folder, len(deaths)).killed(random.uniform(0, seconds), early=early):
            break  # it was quicker
        seen = look(folder)
        alive(PLOTS[plot], seen, lines(folder / WORLD))
        deaths.append(seen)
        tally["kills"] += 1
        if seen.states.get(None) in ENDS:
            break  # what comes next only looks
        tally["in_the_middle_of_a_run"] += bool(seen.runs)
    Process(plot, folder, len(deaths)).seconds()
    worst = judge(PLOTS[plot], folder, deaths, usual)
    tally["most_executions"] = max(tally["most_executions"], worst)
    tally["runs"] += 1
