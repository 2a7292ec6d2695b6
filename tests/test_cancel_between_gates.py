"""Cancelled not only where all stand still: at every turn of the loop, and again at the turns after it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from cancel_cases import CASES
from cancel_model import Case, Seen, after_cancel
from cut import result_of
from gate import Gate, Mark, watched
from gated import Gated
from long import share

PLAIN = [name for name, case in CASES.items() if not case.threads]

# Of the second and the third cancel, counted in turns from the first.
AGAIN = [(second, second + third) for second in range(8) for third in (0, 1, 3)]


class Turnstile(Gate):
    """Each call passes by itself, one turn of the loop later."""

    async def stop(self, mark: Mark) -> None:
        await asyncio.sleep(0)


async def cancelled_at(case: Case, turns: Sequence[int], way: str) -> bool:
    """Cancel at these turns of the loop, and judge; give whether the run was under way at the first."""
    gated = Gated(case, Turnstile())
    before, asked, now = asyncio.all_tasks(), [], 0
    task = asyncio.ensure_future(gated.run.finish())
    struck = False
    for turn in turns:
        while now < turn and not task.done():
            await asyncio.sleep(0)
            now += 1
        if task.done() or (gated.run.state.ended and not struck):
            break
        struck = True
        if way == "task":
            task.cancel()
        else:
            asked.append(asyncio.ensure_future(gated.run.cancel()))
    ended = await result_of(task)
    await asyncio.gather(*asked)
    assert asyncio.all_tasks() == before, "a task is left behind"
    if struck and (way == "task" or isinstance(ended, asyncio.CancelledError)):  # else it came too late
        assert type(ended) is asyncio.CancelledError
        judge(case, gated)
    return struck


def judge(case: Case, gated: Gated) -> None:
    """Hold the run against the model: what its actions had done when the first rollback began decides."""
    log, run = gated.log, gated.run
    seen = Seen(case, log)
    assert {name for name, count in gated.world.items() if count} == seen.effects - case.no_effect
    if case.pivots or case.save_points:
        return  # there, the moment of the cancel decides too
    first = next((at for at, (what, _) in enumerate(log) if what == "undo"), len(log))
    want = after_cancel(case, log[:first])
    states = {name: str(state) for name, state in run.states.items()}
    assert states == want.states
    assert str(run.state) == want.run
    assert Counter(name for what, name in log if what == "undo") == want.undos


@pytest.mark.parametrize("way", ["task", "run"])
@pytest.mark.parametrize("name", PLAIN)
def test_at_every_turn_and_again_soon_after(name: str, way: str, counts: Callable[..., None]):
    case = CASES[name]

    async def sweep() -> int:
        tried, turn = 0, 1  # before the first, nothing has begun
        while await cancelled_at(case, [turn], way):
            for more in share(AGAIN, one_in=24, about=f"{name} {way} {turn}"):
                await cancelled_at(case, [turn, *(turn + later for later in more)], way)
                tried += 1
            turn += 1
        return tried

    counts("cancel at every turn of the loop", points=watched(sweep()), graphs=way == "task")
