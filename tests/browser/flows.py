"""The cells that the browser tests begin with."""

TRIP = """
import asyncio, networkx as nx
from daga_nb import DagaAction, DagaFlow, Fault, canvas, lab

def book(name, undo=True):
    async def action(results):
        print(f"asking for {name}")
        await asyncio.sleep(0.01)
        return f"{name} booked"
    made = DagaAction(action, name=name)
    if undo:
        async def cancel(results):
            await asyncio.sleep(0.01)
            return f"{name} cancelled"
        made.on_rollback(cancel)
    return made

quote, flight, hotel, car, payment, ticket = map(book, "quote flight hotel car payment ticket".split())
graph = nx.DiGraph()
graph.add_edges_from([(quote, flight), (quote, hotel), (quote, car)])
graph.add_edges_from([(flight, payment), (hotel, payment), (car, payment), (payment, ticket)])
flow = DagaFlow(graph, name="book_trip")
"""
"""Six actions in four batches: quote; flight, hotel, car; payment; ticket."""

LAB = "bench = lab(flow, 'order 1042', speed={speed})\nbench"


def big(count: int, width: int) -> str:
    """Give a cell that makes a flow of `count` actions in rows of `width`."""
    return f"""
import asyncio, networkx as nx
from daga_nb import DagaAction, DagaFlow, Fault, canvas, lab

def made(number):
    async def action(results): return number
    async def undo(results): return None
    one = DagaAction(action, name=f"task {{number:03}}")
    one.on_rollback(undo)
    return one

tasks = [made(number) for number in range({count})]
graph = nx.DiGraph()
graph.add_nodes_from(tasks)
for number in range({width}, {count}):
    row = number // {width} * {width} - {width}
    graph.add_edge(tasks[row + number % {width}], tasks[number])
    graph.add_edge(tasks[row + (number * 7 + 3) % {width}], tasks[number])
flow = DagaFlow(graph, name="big")
"""
