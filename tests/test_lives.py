"""Random sagas with a journal, whose processes die at random: what the model says is what becomes of them."""

import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

import pytest
from lives import live, random_life
from long import LONG, base
from model import Saga
from mortal import Life, Person
from rounds import Policies
from smaller import smallest
from strategies import MAY_NOT_FIRE, Plot

from daga_nb.journal.file import opened

pytestmark = MAY_NOT_FIRE

PLOTS = 10_000 if LONG else 300

# What has to have happened how often in so many plots, so that the sweep is worth something.
LEAST = {"deaths": 150, "calls again": 100, "lost actions turned back": 40, "lost rollbacks": 20}
LEAST |= {"ways back after a death": 5, "values by hand": 10, "aborted": 10, "cut by a cancel": 5}
LEAST |= {"past a pivot": 10, "retries": 40, "rollback retries": 5, "rollbacks failed": 20, "kept": 5}
LEAST |= {"stopped": 5, "eager": 50, "bounded": 50, "own order": 20, "effects told": 300, "textbook": 10}
LEAST |= {"as without a death": 5, "turned in a later process": 1}


@contextmanager
def journal() -> Iterator[Path]:
    """Give a journal that stays open; in memory, if there is a place: here it is not the power that fails."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        path = Path(folder) / "runs.db"
        with opened(path, create=True):
            yield path


def try_plots(count: int, seed: str) -> Counter[str]:
    """Live through so many plots, and give what happened in them; a plot that goes wrong is told as code."""
    seen: Counter[str] = Counter()
    for first in range(0, count, 250):  # so many runs in each file
        with journal() as path:
            for number in range(first, min(first + 250, count)):
                plot, life = random_life(Random(f"{seed} {number}"))
                try:
                    lived = live(plot, life, path, f"plot {number}")
                except BaseException as error:
                    small = smallest(plot, partial(goes_wrong, life))
                    error.add_note(f"plot {number} of DAGA_NB_SEED={seed}; as small as it gets:")
                    error.add_note(f"live({small!r},\n     {life!r}, path)")
                    raise
                seen.update({what: int(times) for what, times in lived.features.items()})
    return seen


def goes_wrong(life: Life, plot: Plot) -> bool:
    with journal() as path:
        try:
            live(plot, life, path, "smaller")
        except BaseException:
            return True
    return False


def test_whenever_its_processes_die_a_run_ends_as_the_model_says(counts: Callable[..., None]):
    seen = try_plots(PLOTS, base())
    rare = {what: seen[what] for what, least in LEAST.items() if seen[what] < least}
    assert not rare, f"hardly ever tried: {rare}"
    counts(f"random flows whose processes die (seed {base()})", **dict(sorted(seen.items(), key=_by_count)))


def _by_count(item: tuple[str, int]) -> tuple[bool, int]:
    return item[0] != "plots", -item[1]


FAN: dict[str, tuple[str, ...]] = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
ALL = frozenset(FAN)


SCENES: dict[str, tuple[Plot, Person]] = {
    "succeeds": (Plot(Saga(FAN), policies=Policies(idempotent=ALL)), "nobody"),
    "the last fails": (
        Plot(Saga(FAN, fails=frozenset("d")), policies=Policies(idempotent=frozenset("bd"))),
        "nobody",
    ),
    "is incomplete": (
        Plot(Saga(FAN, fails=frozenset("c"), undo_fails=frozenset("a"), no_undo=frozenset("b"))),
        "nobody",
    ),
    "saved": (Plot(Saga(FAN, eager=True), policies=Policies(flaky={"d": 1}, save_points={"a": 1})), "nobody"),
    "saved, and retried": (
        Plot(Saga(FAN), policies=Policies({"d": 1}, flaky={"d": 3}, save_points={"b": 1}, idempotent=ALL)),
        "nobody",
    ),
    "pivot": (Plot(Saga(FAN), policies=Policies({"d": 1}, flaky={"d": 1}, pivots=frozenset("b"))), "nobody"),
    "decided": (Plot(Saga(FAN, fails=frozenset("c")), policies=Policies(idempotent=ALL)), "decides"),
    "decided by the textbook": (
        Plot(Saga(FAN, fails=frozenset("bcd"), rollback_failed=False), policies=Policies(idempotent=ALL)),
        "decides",
    ),
    "aborted": (Plot(Saga(FAN)), "aborts"),
    "undone badly": (Plot(Saga(FAN, undo_fails=frozenset("bc"))), "aborts"),
    "cancelled": (Plot(Saga(FAN)), "cancels"),
}


def at_every_point(scene: str, seed: int = 1) -> int:
    """Let the process of a run die at each of its points in turn, and give how many there were."""
    plot, person = SCENES[scene]
    with journal() as path:
        for point in itertools.count(1):
            lived = live(plot, Life((point,), person, when=2, tells=True, seed=seed), path, f"point {point}")
            if not lived.crashes:
                return point - 1
    raise AssertionError


@pytest.mark.parametrize("scene", SCENES)
def test_at_every_point(scene: str, counts: Callable[..., None]):
    tried = at_every_point(scene)
    assert tried > 20
    counts("a death at every point of a run", points=tried)
