"""A cancel at every gate of twenty flows, also once more at every gate of the rollback that follows.

Enumerated: a call stops before its effect and after it, and at each moment at which all stand still the run
is cancelled. A model that shares no code with the engine says how it must end.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cancel_cases import CASES, LATE
from clock import clocked
from cut import COMMANDS, PATIENCE, Cut, gates, waits
from gate import watched
from long import share

KNOWN = pytest.mark.parametrize("name", CASES)


@KNOWN
def test_at_every_gate_in_every_way(name: str, counts: Callable[..., None]):
    case = CASES[name]

    async def sweep() -> int:
        through = await gates(case)
        chosen = share([(*how, gate) for how in COMMANDS for gate in range(through)], about=name)
        for way, times, gate in chosen:
            await Cut(case, [gate], way, times).play()
        return len(chosen)

    tried = watched(sweep())
    counts("cancel at every gate", points=tried, graphs=1)


@KNOWN
def test_and_once_more_at_every_gate_of_what_follows(name: str, counts: Callable[..., None]):
    case = CASES[name]

    async def sweep() -> int:
        tried = 0
        for gate in share(range(await gates(case)), one_in=4, about=name):
            through = await Cut(case, [gate]).play()
            for other in share(range(gate + 1, through), one_in=8, about=f"{name} {gate}"):
                await Cut(case, [gate, other]).play()
                tried += 1
        return tried

    counts("cancel again at every gate of the rollback", points=watched(sweep()), graphs=1)


# ------------------------------------------------------------------------------- deadlines


@pytest.mark.parametrize("name", LATE)
def test_what_does_not_end_is_given_up_at_its_deadline(name: str, counts: Callable[..., None]):
    case = LATE[name]

    async def sweep() -> int:
        points = []
        for gate in range(await gates(case, rollback_timeout=PATIENCE) + 1):
            first = Cut(case, [gate], rollback_timeout=PATIENCE)
            through = await first.play()
            if first.told is not None:  # else it had ended
                points += [(gate, other) for other in range(gate + 1, through + 1)]
        chosen = share(points, one_in=10, about=name)
        for gate, other in chosen:
            for way in ("task", "run"):
                cut = Cut(case, [gate, other], way, rollback_timeout=PATIENCE)
                await cut.play()
                assert cut.ended_at - cut.struck_at == waits(cut)
        return 2 * len(chosen)

    counts("cancel, and something does not end", points=clocked(sweep()), graphs=1)
