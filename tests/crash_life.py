"""One life of a process that runs a flow with a journal, until it ends or is killed.

The next one goes on with it, by the same lines. As a program, ``crash_life.py PLOT FOLDER LIFE`` is one such
process. Without arguments it is a small server that makes one by a fork for each line that it reads, which is
much quicker; for that, nothing here has threads, or opens a journal, but the children.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from crash_flows import PLOTS, Plot
from crash_world import ERROR, JOURNAL, POINTS, REPORT, WORLD, Points, World, watch_journals

from daga_nb import DagaFlow, FlowRun, list_runs
from daga_nb.journal import resume, run_log  # noqa: F401  (else each child would load them anew)

_LONGEST = 30  # seconds of one life: none has to wait for anything


def live(plot: Plot, folder: Path, life: int, *, die_at: int | None = None, real: bool = False) -> None:
    """Run the flow, or go on with the run that the journal has; report how it ended."""
    points = Points(folder / POINTS, life, die_at)
    watch_journals(points)
    flow = plot.flow(World(folder / WORLD, life, points, sync=real))
    journal = folder / JOURNAL
    known = list_runs(journal) if journal.exists() else ()
    run = flow.resume(journal, known[0].run_id) if known else flow.start("x", journal=journal)
    if real:
        print("begins", flush=True)
    asyncio.run(_drive(run))
    if real:
        print("ends", flush=True)
    report = {
        "run": run.id,
        "state": run.state.value,
        "states": {name: state.value for name, state in run.states.items()},
        "results": dict(run.results),
        "points": points.reached,
        "once_more": _once_more(flow, journal, run, points),
    }
    (folder / REPORT).write_text(json.dumps(report))


async def _drive(run: FlowRun) -> None:
    await run.go()
    while run.undecided:  # past a pivot; here somebody always decides to try again
        await run.retry()
        await run.go()


def _once_more(flow: DagaFlow[Any, Any], journal: Path, run: FlowRun, points: Points) -> int:
    """Give how many points it comes by when the run, which has ended, is resumed all the same."""
    before = points.reached
    again = flow.resume(journal, run.id)
    asyncio.run(_drive(again))
    assert again.states == run.states
    return points.reached - before - _OPENING


_OPENING = 2  # the COMMIT by which a process takes the file for itself, in which nothing is written


def serve() -> None:
    """Make a process for each line of JSON, and say how it ended."""
    gc.freeze()
    for line in sys.stdin:
        asked = json.loads(line)
        process = os.fork()
        if not process:
            signal.alarm(_LONGEST)
            folder = Path(asked["folder"])
            try:
                live(PLOTS[asked["plot"]], folder, asked["life"], die_at=asked["die_at"])
            except BaseException:
                (folder / ERROR).write_text(traceback.format_exc())
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        serve()
    else:
        live(PLOTS[sys.argv[1]], Path(sys.argv[2]), int(sys.argv[3]), real=True)
