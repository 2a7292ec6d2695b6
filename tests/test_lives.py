"""Random sagas with a journal, whose processes die at random: what the model says is what becomes of them."""

import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from lives import live, random_life
from long import LONG, SEED
from model import Saga
from mortal import Life
from rounds import Policies
from strategies import MAY_NOT_FIRE, Plot

from daga_nb.journal.file import opened

pytestmark = MAY_NOT_FIRE

# In a long run each time others; a run of a share always tries the same ones.
PLOTS = 10_000 if LONG else 300
BASE = os.environ.get("DAGA_NB_SEED") or (str(random.SystemRandom().randrange(10**9)) if LONG else SEED)

# What has to have happened how often in so many plots, so that the sweep is worth something.
LEAST = {"deaths": 200, "calls again": 100, "lost actions turned back": 50, "lost rollbacks": 20}
LEAST |= {"ways back after a death": 5, "values by hand": 20, "aborted": 20, "cut by a cancel": 10}
LEAST |= {"past a pivot": 20, "retries": 50, "rollback retries": 10, "rollbacks failed": 20, "kept": 10}
LEAST |= {"stopped": 10, "eager": 100, "bounded": 100, "own order": 30, "effects told": 400, "textbook": 20}


@contextmanager
def journal() -> Iterator[Path]:
    """Give a journal that stays open; in memory, if there is a place: here it is not the power that fails."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        path = Path(folder) / "runs.db"
        with opened(path, create=True):
            yield path


def try_plots(count: int, base: str) -> Counter[str]:
    """Live through so many plots, and give what happened in them; a plot that goes wrong is told as code."""
    seen: Counter[str] = Counter()
    for first in range(0, count, 250):  # so many runs in each file
        with journal() as path:
            for number in range(first, min(first + 250, count)):
                plot, life = random_life(Random(f"{base} {number}"))
                try:
                    lived = live(plot, life, path, f"plot {number}")
                except BaseException as error:
                    error.add_note(
                        f"plot {number} of DAGA_NB_SEED={base}:\nlive({plot!r},\n     {life!r}, path)"
                    )
                    raise
                seen.update({what: int(times) for what, times in lived.features.items()})
    return seen


def test_whenever_its_processes_die_a_run_ends_as_the_model_says(counts: Callable[..., None]):
    seen = try_plots(PLOTS, BASE)
    rare = {what: seen[what] for what, least in LEAST.items() if seen[what] < least}
    assert not rare, f"hardly ever tried: {rare}"
    counts(f"random flows whose processes die (seed {BASE})", **dict(sorted(seen.items(), key=_by_count)))


def _by_count(item: tuple[str, int]) -> tuple[bool, int]:
    return item[0] != "plots", -item[1]


FAN: dict[str, tuple[str, ...]] = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
ALL = frozenset(FAN)


@pytest.mark.parametrize(
    ("plot", "person"),
    [
        (Plot(Saga(FAN), policies=Policies(idempotent=ALL)), "nobody"),
        (Plot(Saga(FAN, fails=frozenset("d")), policies=Policies(idempotent=frozenset("bd"))), "nobody"),
        (Plot(Saga(FAN, fails=frozenset("c"), undo_fails=frozenset("a"), no_undo=frozenset("b"))), "nobody"),
        (Plot(Saga(FAN, eager=True), policies=Policies(flaky={"d": 1}, save_points={"a": 1})), "nobody"),
        (Plot(Saga(FAN), policies=Policies({"d": 1}, flaky={"d": 1}, pivots=frozenset("b"))), "nobody"),
        (Plot(Saga(FAN, fails=frozenset("c")), policies=Policies(idempotent=ALL)), "decides"),
        (Plot(Saga(FAN)), "aborts"),
        (Plot(Saga(FAN)), "cancels"),
    ],
    ids=["succeeds", "the last fails", "is incomplete", "saved", "pivot", "decided", "aborted", "cancelled"],
)  # fmt: skip
def test_at_every_point(plot: Plot, person: str, counts: Callable[..., None]):
    tried = 0
    with journal() as path:
        while True:
            life = Life((tried + 1,), person=person, when=2, tells=True)  # type: ignore[arg-type]
            lived = live(plot, life, path, f"{tried}")
            if not lived.crashes:
                break
            tried += 1
    assert tried > 20
    counts("a death at every point of a run", points=tried)
