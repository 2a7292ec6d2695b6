"""A hand-written asyncio ready queue: what one would write for one graph, without story, states or rollback.

It keeps what any correct runner needs: a task for each action, predecessors' results in order, and a queue
of what has finished. The saga variant calls each action's undo in reverse order of completion.
"""

from __future__ import annotations

import asyncio
from typing import Any

import networkx as nx


class ReadyQueue:
    def __init__(self, graph: nx.DiGraph) -> None:
        self.before = {node: list(graph.predecessors(node)) for node in graph}
        self.after = {node: list(graph.successors(node)) for node in graph}
        self.sources = [node for node, found in self.before.items() if not found]

    async def run(self, value: Any) -> dict[Any, Any]:
        waiting = {node: len(found) for node, found in self.before.items()}
        results: dict[Any, Any] = {}
        finished: asyncio.Queue[tuple[Any, Any]] = asyncio.Queue()

        async def call(node: Any) -> None:
            inputs = [results[one] for one in self.before[node]] or [value]
            finished.put_nowait((node, await node(inputs)))

        tasks = {asyncio.create_task(call(node)) for node in self.sources}
        while len(results) < len(self.before):
            node, result = await finished.get()
            results[node] = result
            for successor in self.after[node]:
                waiting[successor] -= 1
                if not waiting[successor]:
                    task = asyncio.create_task(call(successor))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
        return results

    async def undo(self, results: dict[Any, Any]) -> None:
        for node in reversed(list(results)):
            await node._wrapped_action_instance([results[one] for one in self.before[node]])
