"""Runs whose process has died, as far as the journal can tell: their loop was closed in the middle."""

import asyncio

from helpers import Gate, flow_of

CHAIN = [("a", "b"), ("b", "c")]


def die_after(until):
    """Let a loop be closed when a coroutine has come to its end: nothing of the others goes on any more."""
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)  # "task was destroyed": that is what dying is
    try:
        return loop.run_until_complete(until)
    finally:
        loop.close()


def die_in(run, *gates):
    """Drive a run until all of these gates are reached, and let its loop be closed there."""

    async def until():
        task = asyncio.ensure_future(run.go())
        for gate in gates:
            await gate.reached.wait()
        return task

    die_after(until())


def gated(done, gates, edges=CHAIN, how=None, **options):
    """Give a flow of actions of which those with a gate stop there, before they do anything."""
    given = {name: dict(some) for name, some in (how or {}).items()}
    for name, gate in gates.items():
        where = "before_undo" if name.startswith("undo ") else "before"
        given.setdefault(name.removeprefix("undo "), {})[where] = gate.wait
    return flow_of(done, edges, how=given, **options)


def crashed(done, path, stop, *, how=None, edges=CHAIN, **options):
    """Give the id of a run that died while everything in `stop` was being called."""
    gates = {name: Gate() for name in stop}
    run = gated(done, gates, edges, how, **options).start(17, journal=path)
    die_in(run, *gates.values())
    return run.id
