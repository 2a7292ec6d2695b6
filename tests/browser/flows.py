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


LONG = """
import time
tries = {}

def stubborn(number):
    async def action(results):
        tries[number] = tries.get(number, 0) + 1
        if tries[number] < 3:
            raise ValueError("busy")
        return number
    async def undo(results): return None
    one = DagaAction(action, name=f"task {number:04}")
    one.on_rollback(undo)
    return one

tasks = [stubborn(number) for number in range(1250)]
graph = nx.DiGraph()
graph.add_nodes_from(tasks)
for number in range(25, 1250):
    row = number // 25 * 25 - 25
    graph.add_edge(tasks[row + number % 25], tasks[number])
    graph.add_edge(tasks[row + (number * 7 + 3) % 25], tasks[number])
flow = DagaFlow(graph, name="long")

async def whole(run):
    while not run.state.ended:
        await (run.retry() if run.undecided else run.go())
    await run.rollback()
"""
"""1,250 actions that fail twice before they succeed, and are then undone: 10,000 events and a few."""

STAY = """
import asyncio, networkx as nx
from daga_nb import DagaAction, DagaFlow, Fault, compare, lab, scrub

calls, broken = [], set()
gate = asyncio.Event()
gate.set()

def call(name, *more):
    calls.append([name, *more])
    if name in broken:
        raise ValueError(f"{name} is broken")

async def quote(results):
    call("quote")
    return 842

async def flight(results):
    call("flight")
    await gate.wait()
    return "seat 12"

async def hotel(results):
    call("hotel")
    return "room 7"

async def pay(results):
    print("paying")
    call("pay", *results)
    return "paid"

async def undo_quote(results): call("undo quote")
async def undo_flight(results): call("undo flight")
async def undo_hotel(results): call("undo hotel")
async def undo_pay(results): call("undo pay")

undos = {quote: undo_quote, flight: undo_flight, hotel: undo_hotel, pay: undo_pay}
acts = {function.__name__: DagaAction(function) for function in undos}
for function, undo in undos.items():
    acts[function.__name__].on_rollback(undo)
graph = nx.DiGraph()
graph.add_edges_from((acts[a], acts[b]) for a, b in [("quote", "flight"), ("quote", "hotel")])
graph.add_edges_from((acts[a], acts[b]) for a, b in [("flight", "pay"), ("hotel", "pay")])
flow = DagaFlow(graph, name="stay")
"""
"""Four actions in three batches: quote; flight, hotel; pay. `broken` ones fail; `gate` holds flight."""
