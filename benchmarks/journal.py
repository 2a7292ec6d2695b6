"""What the journal costs: commits, counted against the promise; time, beside the bare commits of SQLite.

The bare commits are as many as the run makes, each of as many rows with the very values that the run writes,
into tables without a rule or an index, in a file of the same folder, with the same pragmas; on both sides the
file is there already, is opened, and closed. Each bare commit is made right after the run's own, so that a
disk which is slow for a moment is slow for both, and its time is taken off the run's.

Two ways for the actions to end: one by one, as those do that take their time, which makes the most commits;
and all of a batch at once, which makes the fewest, so that the engine is timed and not the disk.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple
from unittest.mock import patch

import networkx as nx

from benchmarks.timing import seconds
from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault, FlowRun
from daga_nb.interop.wfformat import load
from daga_nb.journal.file import Journal, Statement, opened

__all__ = ["CASES", "Case", "Cost", "cost", "report"]

LARGEST_RATIO = 1.5
"""What a run with a journal may cost at the most, beside its bare commits."""

_REAL = Path(__file__).parent.parent / "notebooks" / "data" / "srasearch-10a.json"
_COLUMNS = {"run": 6, "event": 11, "entry": 3, "mark": 7}
_TABLES = [
    f"CREATE TABLE {table}({', '.join(f'c{at}' for at in range(columns))})"
    for table, columns in _COLUMNS.items()
]
_PRAGMAS = ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL")


class Turnstile:
    """Lets the calls of a run end one at a time: each when the end of the one before has been written."""

    def __init__(self) -> None:
        self._waiting: list[asyncio.Future[None]] = []
        self._open = True

    async def through(self) -> None:
        if not self._open:
            waits: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waits)
            await waits
        self._open = False

    def written(self, event: Any) -> None:
        if event.node is None or event.state in ("RUNNING", "ROLLING_BACK"):
            return
        if self._waiting:
            self._waiting.pop(0).set_result(None)
        else:
            self._open = True


class Case(NamedTuple):
    """A graph to be run, and how it is to go."""

    name: str
    graph: nx.DiGraph
    back: bool = False
    retried: bool = False
    one_by_one: bool = True

    @property
    def how(self) -> str:
        """How it goes, in words."""
        return "rolled back" if self.back else "all retried" if self.retried else "succeeds"

    @property
    def ends(self) -> str:
        """How the actions of a batch end, in words."""
        return "one by one" if self.one_by_one else "together"

    @property
    def promised(self) -> int:
        """How many commits there may be at the most: the root that a flow adds is not counted."""
        batches = len(list(nx.topological_generations(self.graph)))
        once = len(self.graph) + batches + 3
        return once * (2 if self.back else 1) + 2 * len(self.graph) * self.retried


def _wide(nodes: int) -> nx.DiGraph:
    return nx.DiGraph([(0, node) for node in range(1, nodes)])


def _layered(layers: int, width: int) -> nx.DiGraph:
    rng = random.Random(7)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(layers * width))
    for node in range(width, layers * width):
        start = (node // width - 1) * width
        graph.add_edges_from((before, node) for before in rng.sample(range(start, start + width), 2))
    return graph


def _real() -> nx.DiGraph:
    plan = load(_REAL).plan
    return nx.DiGraph([(one, node) for node, before in enumerate(plan.predecessors) for one in before])


def _cases() -> list[Case]:
    graphs = {
        "wide 200": _wide(200),
        "chain 100": nx.DiGraph(list(itertools.pairwise(range(100)))),
        "layered 10x20": _layered(10, 20),
        "real workflow": _real(),
    }
    return [
        *(Case(name, graph) for name, graph in graphs.items()),
        *(Case(name, graph, back=True) for name, graph in graphs.items()),
        *(Case(name, graph, retried=True) for name, graph in graphs.items()),
        *(Case(name, graph, one_by_one=False) for name, graph in graphs.items()),
        *(Case(name, graph, back=True, one_by_one=False) for name, graph in graphs.items()),
    ]


CASES: tuple[Case, ...] = tuple(_cases())


class Runs:
    """Runs one case, again and again."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self._turnstile = Turnstile()
        self._failed: set[int] = set()
        actions = [self._action(node) for node in case.graph]
        options = {"retries": 1} if case.retried else {}
        self.flow: DagaFlow[Any, Any] = DagaFlow(
            nx.relabel_nodes(case.graph, dict(enumerate(actions))), name=case.name, **options
        )
        self._faults = [Fault.raising(RuntimeError("planted"), at=self.flow.plan.names[-1], where="after")]

    def _action(self, node: int) -> DagaAction[Any, Any]:
        async def work(results: list[Any]) -> str:
            if self.case.one_by_one:
                await self._turnstile.through()
            if self.case.retried and node not in self._failed:
                self._failed.add(node)
                raise TimeoutError("no answer")
            return "reserved until the end of the month"

        action: DagaAction[Any, Any] = DagaAction(work)
        action.register_function_as_rollback(work)
        return action

    def run(self, path: Path | None) -> FlowRun:
        """Run it once, with a journal or without."""
        self._turnstile = Turnstile()
        self._failed = set()
        run = self.flow.start(17, faults=self._faults if self.case.back else (), journal=path)
        run.subscribe(lambda event: self._turnstile.written(event))
        try:
            asyncio.run(run.finish())
        except DagaFlowError:
            assert self.case.back
        assert run.state == ("ROLLED_BACK" if self.case.back else "SUCCEEDED"), run.state
        return run


class Bare:
    """Makes each commit of a run once more, with nothing around it.

    Attributes
    ----------
    commits
        How many there were.
    seconds
        What they took, the file's opening and closing included.
    """

    def __init__(self, path: Path) -> None:
        self.commits = 0
        self.seconds = 0.0
        self._write = Journal.write
        self._path = path
        self._open()
        for table in _TABLES:
            self._connection.execute(table)
        self._connection.close()

    def _open(self) -> None:
        self._connection = sqlite3.connect(self._path, isolation_level=None)
        for pragma in _PRAGMAS:
            self._connection.execute(f"PRAGMA {pragma}")

    @contextmanager
    def _timed(self) -> Iterator[None]:
        begun = perf_counter()
        yield
        self.seconds += perf_counter() - begun

    def _commit(self, statements: Sequence[Statement]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for sql, rows in statements:
            if rows:
                self._connection.executemany(sql, rows)
        self._connection.execute("COMMIT")

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Make them after those of the runs inside."""

        def write(journal: Journal, statements: Sequence[Statement]) -> None:
            self._write(journal, statements)
            self.commits += 1
            with self._timed():
                self._commit(statements)

        with self._timed():
            self._open()
        with patch.object(Journal, "write", write):
            yield
        with self._timed():
            self._connection.close()


class Cost(NamedTuple):
    """What one run has cost: its commits, its seconds, and those of the bare commits."""

    commits: int
    seconds: float
    bare: float


def cost(case: Case, folder: Path) -> Cost:
    """Run a case once, with a journal in an empty folder."""
    runs = Runs(case)
    bare, path = Bare(folder / "bare.db"), folder / "runs.db"
    with opened(path, create=True):
        pass  # it is made
    with bare.beside():
        before = bare.seconds
        taken = seconds(lambda: runs.run(path))
        meanwhile = bare.seconds - before
    return Cost(bare.commits, taken - meanwhile, bare.seconds)


def report(rounds: int, folder: Path | None = None) -> float:
    """Print what the journal costs; give the largest ratio of a case whose actions end one by one."""
    print("\nwith a journal, beside the bare commits of SQLite on the same disk; microseconds a commit")
    print(f"  {'':37}{'commits':>9}{'at most':>9}{'daga_nb':>14}{'bare':>14}{'ratio':>8}")
    ratios = []
    for case in CASES:
        costs = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory(dir=folder) as made:
                costs.append(cost(case, Path(made)))
        commits = max(one.commits for one in costs)
        assert commits <= case.promised, f"{case}: {commits} commits"
        ratio = median(one.seconds / one.bare for one in costs)
        ours, bare = (median(times) / commits * 1e6 for times in list(zip(*costs, strict=True))[1:])
        print(
            f"  {case.name:14}{case.how:>12}{case.ends:>11}{commits:9}{case.promised:9}"
            f"{ours:11.2f} us{bare:11.2f} us{ratio:8.2f}"
        )
        if case.one_by_one:
            ratios.append(ratio)
    print(f"  where actions end one by one, it is to be at most {LARGEST_RATIO}")
    return max(ratios)
