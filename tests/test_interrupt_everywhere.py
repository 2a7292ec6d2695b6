"""A real SIGINT at every gate of a run in plain code, and further ones at every gate of its rollback."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from cancel_cases import CASES
from cancel_model import Case, Seen, after_cancel
from gated import Gated
from long import share

PLAIN = [
    "one action",
    "chain, the last fails",
    "diamond, in threads",
    "wide, a rollback stops the others",
    "layered, eager",
    "trip, from a save point",
]

HOW: dict[str, Callable[[Gated], Any]] = {
    "run_sync": lambda gated: gated.flow.run_sync(),
    "asyncio.run": lambda gated: asyncio.run(gated.flow.run()),
}


@pytest.fixture(autouse=True)
def _as_in_plain_code() -> Iterator[None]:
    """Have Python's own handler of the signal, and no other one afterwards."""
    assert threading.current_thread() is threading.main_thread()
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, old)


class Conducted(Gated):
    """Conducts itself from within the loop that its run is on, and presses the button at the given gates."""

    def __init__(self, case: Case, presses: Sequence[int]) -> None:
        super().__init__(case)
        self.presses, self.told = [*presses], -1
        self.flow.start = lambda *args, **named: self.run  # type: ignore[method-assign]
        self._conducting: asyncio.Task[None] | None = None

    def _begin(self, what: str, name: str) -> int:
        if self._conducting is None:
            over = lambda: self.run.state.ended  # noqa: E731
            self._conducting = asyncio.get_running_loop().create_task(self.conduct(over, self._press))
        return super()._begin(what, name)

    def _press(self, gate: int) -> None:
        if self.presses and gate == self.presses[0]:
            del self.presses[0]
            self.told = len(self.log) if self.told < 0 else self.told
            signal.raise_signal(signal.SIGINT)

    def play(self, how: str) -> int:
        """Run to the end in plain code, judge it, and give how many calls were let through."""
        try:
            HOW[how](self)
        except KeyboardInterrupt:
            assert self.told >= 0, "interrupted by nobody"
        except BaseException:
            assert self.told < 0, "the interrupt got lost"
        else:
            assert self.told < 0, "the interrupt got lost"
        if self.told >= 0:
            self._judge()
        return len(self.gate.opened)

    def _judge(self) -> None:
        before, after = self.log[: self.told], self.log[self.told :]
        want = after_cancel(self.case, before)
        assert {name: str(state) for name, state in self.run.states.items()} == want.states
        assert str(self.run.state) == want.run
        begun = sorted(entry for entry in after if entry[0] in ("do", "undo"))
        assert begun == sorted(("undo", name) for name in want.undos.elements())
        seen = Seen(self.case, self.log)
        assert {name for name, count in self.world.items() if count} == seen.effects - self.case.no_effect


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", PLAIN)
def test_interrupted_at_every_gate(
    name: str, how: str, counts: Callable[..., None], caplog: pytest.LogCaptureFixture
):
    case = CASES[name]
    with caplog.at_level(logging.WARNING):
        gates = share(range(Conducted(case, []).play(how)), about=f"{name} {how}")
        for gate in gates:
            Conducted(case, [gate]).play(how)
    assert not caplog.records
    counts("SIGINT at every gate", points=len(gates), graphs=how == "run_sync")


@pytest.mark.parametrize("name", PLAIN)
def test_interrupted_again_at_every_gate_of_the_rollback(
    name: str, counts: Callable[..., None], caplog: pytest.LogCaptureFixture
):
    """The second press is remembered, and so is the third: the rollback is done once, and whole."""
    case = CASES[name]
    tried = 0
    with caplog.at_level(logging.WARNING):
        for gate in share(range(Conducted(case, []).play("run_sync")), one_in=4, about=name):
            through = Conducted(case, [gate]).play("run_sync")
            for other in share(range(gate + 1, through), one_in=4, about=f"{name} {gate}"):
                Conducted(case, [gate, other, other + 1]).play("run_sync")
                tried += 1
    assert not caplog.records
    counts("SIGINT again at every gate of the rollback", points=tried, graphs=1)
