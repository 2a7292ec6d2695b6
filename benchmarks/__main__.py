"""Build, run and rollback beside the baseline, and the journal beside bare commits; prints ratios."""

from __future__ import annotations

import argparse
import asyncio
import math
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import journal
from benchmarks.baseline import ReadyQueue
from benchmarks.graphs import SHAPES, make_action, make_function
from benchmarks.timing import paired
from daga_nb import DagaFlow, DagaFlowError, Fault

SIZES = (100, 1_000, 10_000)


def build_and_run(shape: str, size: int, rounds: int) -> tuple[float, float, float]:
    graph = SHAPES[shape]([make_function() for _ in range(size)])

    def ours() -> None:
        run = DagaFlow(graph).start(0)
        asyncio.run(run.finish())
        assert len(run.events) == 2 * size + 2

    def theirs() -> None:
        assert len(asyncio.run(ReadyQueue(graph).run(0))) == size

    return paired(ours, theirs, rounds)


def run_and_roll_back(shape: str, size: int, rounds: int) -> tuple[float, float, float]:
    nodes = [make_action() for _ in range(size)]
    graph = SHAPES[shape](nodes)
    flow = DagaFlow(graph)
    last = flow.plan.names[-1]

    def ours() -> None:
        run = flow.start(0, faults=[Fault.raising(RuntimeError("planted"), at=last, where="after")])
        try:
            asyncio.run(run.finish())
        except DagaFlowError:
            pass
        else:
            raise AssertionError("the planted fault did not fire")
        assert run.state == "ROLLED_BACK"

    queue = ReadyQueue(graph)

    async def saga() -> None:
        await queue.undo(await queue.run(0))

    return paired(ours, lambda: asyncio.run(saga()), rounds)


def report(
    title: str, measure: Callable[[str, int, int], tuple[float, float, float]], rounds: int
) -> list[float]:
    print(f"\n{title}\n  {'':10}{'nodes':>8}{'daga_nb':>14}{'ready queue':>14}{'ratio':>8}")
    largest: list[float] = []
    for shape in SHAPES:
        cost = []
        for size in SIZES:
            ours, theirs, ratio = measure(shape, size, rounds)
            cost.append(ours)
            print(
                f"  {shape:10}{size:8}{ours / size * 1e6:11.2f} us{theirs / size * 1e6:11.2f} us{ratio:8.2f}"
            )
        exponent = math.log(cost[-1] / cost[0]) / math.log(SIZES[-1] / SIZES[0])
        largest.append(ratio)
        print(f"  {shape:10}cost grows with nodes to the power {exponent:.2f}")
    return largest


def import_time(rounds: int) -> None:
    def median(code: str) -> float:
        program = f"import networkx, time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
        command = [sys.executable, "-c", program]
        return statistics.median(
            float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
            for _ in range(rounds)
        )

    print(f"\nimport daga_nb, on top of networkx: {median('import daga_nb'):.3f} s")
    print(f"import asyncio, on top of networkx: {median('import asyncio'):.3f} s (a part of it)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="pairs to time for each row (median)")
    parser.add_argument("--folder", type=Path, help="where the journals are made: on the disk to be timed")
    rounds, folder = vars(parser.parse_args()).values()
    print(f"Python {sys.version.split()[0]}, median of {rounds}; microseconds a node")
    largest = report("build + run, the story recorded", build_and_run, rounds)
    report("run + rollback of every action (baseline: undo in a loop)", run_and_roll_back, rounds)
    import_time(max(rounds, 5))
    most = journal.report(max(rounds, 5), folder)
    print(f"\nlargest ratio of build + run at {SIZES[-1]} nodes: {max(largest):.2f}")
    print(f"largest ratio with a journal, where actions end one by one: {most:.2f}")


if __name__ == "__main__":
    main()
