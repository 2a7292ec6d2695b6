"""Text of others is data: as names, results and errors it goes through whole, and breaks nothing."""

import asyncio
import json
import re

import networkx as nx
import pytest
from helpers import Gate, action, play, story, words

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault
from daga_nb.core.events import Event
from daga_nb.core.machine import fold
from daga_nb.errors import CycleError, FaultError, StepError, describe

TEXTS = {
    "a script": "<script>alert('x')</script>",
    "an image": '"><img src=x onerror=alert(1)>',
    "markup": "<b>bold</b> &amp; &lt;",
    "quotes": 'it\'s "both" `and` \\ more',
    "end of CDATA": "]]><![CDATA[",
    "end of a comment": "--> */ <!--",
    "a port": "a:b",
    "a format": "%s {0} {name} {} %(x)s",
    "a formula": "=cmd|' /C calc'!A0",
    "a path": "../../etc/passwd",
    "NUL": "before\x00after",
    "control": "\x1b[31mred\x07\r\n\ttab",
    "right to left": "abc\u202edef",
    "a lone surrogate": "half \ud83d of a pair",
    "beyond the plane": "🦀 \U0001f469\u200d\U0001f4bb ﷽",
    "combining": "Z\u0351\u036b\u0343\u036a\u0302\u0344\u034f",
    "nothing but space": "   ",
    "separators": "one\u2028two\u2029three\x85four",
    "the name of the run": "run",
    "a number": "0",
    "long": "x" * 1_000_000,
}
HOSTILE = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())


# Nothing here may take long, whatever the text.
pytestmark = pytest.mark.timeout(20)


class Nasty(Exception):
    pass


# ----------------------------------------------------------------------------------- names


def named(done, text):
    """Give a flow that fails in its last action, all actions with the same hostile name."""
    first, second, last = action(done, text), action(done, text), action(done, text, fails=Nasty(text))
    return DagaFlow([(first, second), (second, last)], name=text)


@HOSTILE
def test_as_a_name(done, text):
    flow = named(done, text)
    names = [text, f"{text} 2", f"{text} 3"]
    assert list(flow.plan.names) == names
    assert flow.name == text
    run = flow.start(faults=[Fault.raising(Nasty(text), at=names[1], where="rollback")])
    assert run.faults[0].at == names[1]
    assert text in repr(run)
    assert str(run.next) == f"next: batch 1, 1 action: {text}"
    play(run.step_action(text))
    assert run.inputs_of(names[1]) == [text]
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    assert done == [*(f"do {text}" for _ in names), f"undo {text}", f"undo {text}"]
    assert words(run) == dict(zip(names, ["rolled back", "rollback failed", "rolled back"], strict=True))
    assert run.outputs == {}
    assert run.results == dict.fromkeys(names[:2], text)
    assert [error.node for error in run.rollback_errors.values()] == [names[1]]
    assert failed.value.exceptions[0].__notes__ == [f"in action {names[2]!r}, batch 3, attempt 1"]
    assert repr(names[1]) in str(failed.value.exceptions[1])


@HOSTILE
def test_a_story_with_such_names_survives_json(done, text):
    flow = named(done, text)
    run = flow.start()
    with pytest.raises(DagaFlowError):
        play(run.finish())
    lines = [json.dumps(event.to_json()) for event in run.events]
    assert all("\n" not in line and line.isascii() for line in lines)
    events = [Event.from_json(json.loads(line)) for line in lines]
    assert events == list(run.events)
    machine = fold(run.plan, [call.undo for call in flow.calls], events)
    assert machine.run_state is run.state
    assert story(run)[1:3] == [f"{text} RUNNING", f"{text} SUCCEEDED"]


@HOSTILE
def test_in_messages_that_name_an_action(done, text):
    run = named(done, text).start()
    with pytest.raises(StepError) as refused:
        play(run.step_action(f"{text} 3"))
    assert repr(f"{text} 3") in str(refused.value)
    with pytest.raises(FaultError):
        run.inject(Fault.raising(Nasty, at=text + "!"))
    made = DagaAction(lambda results: 0, name=text)
    assert str(made) == f"DagaAction({text})"
    with pytest.raises(CycleError) as cycle:
        DagaFlow([(made, made)])
    assert cycle.value.cycle == [text, text]


@HOSTILE
def test_as_a_name_that_nobody_has(done, text):
    run = named(done, "pay").start()
    for call in (lambda: play(run.step_action(text)), lambda: run.inject(Fault.raising(Nasty, at=text))):
        with pytest.raises((StepError, FaultError), match="Did you mean") as refused:
            call()
        assert len(str(refused.value)) < 1500, "a message stays readable"
    with pytest.raises(KeyError):
        run.states[text]
    assert done == []


def test_an_empty_name_falls_back_to_the_kind_of_thing():
    def nameless(results):
        return 1

    nameless.__name__ = ""
    assert DagaFlow([(DagaAction(lambda results: 0, name=""), nameless)]).plan.names == (
        "DagaAction",
        "function",
    )


@pytest.mark.parametrize("name", [None, 0, 3.5, b"pay", ["pay"], "pay"])
def test_a_name_is_always_text(name):
    class Odd:
        __name__ = name

        def __call__(self, results):
            return 1

    (shown,) = DagaFlow(nx.DiGraph([(Odd(), end)])).plan.names[:1]
    assert type(shown) is str
    assert shown == (str(name) if name else "Odd")


async def end(results):
    return results


class Text(str):
    """A kind of text that is not plain."""

    def __str__(self):
        return "shown"


def test_a_name_of_a_kind_of_its_own_becomes_plain_text():
    flow = DagaFlow([(DagaAction(end, name=Text("pay")), end)])
    assert type(flow.plan.names[0]) is str
    assert flow.plan.names == ("shown", "end")
    assert play(flow.run(1)) == [[[1]]]


# ---------------------------------------------------------------------------------- results


@HOSTILE
def test_as_input_and_result(done, text):
    run = DagaFlow([(action(done, "a", result=text), end)]).start(text)
    assert run.inputs_of("a") == [text]
    assert play(run.finish()) == [[text]]
    assert run.results["a"] == text
    assert run.input == text
    assert text not in "".join(event.reason for event in run.events), "results are not in the story"


class Hostile:
    """A result that minds being looked at."""

    def _no(self, *_):
        raise RuntimeError("do not look at me")

    __repr__ = __str__ = __eq__ = __bool__ = __len__ = __iter__ = __getattr__ = _no
    __hash__ = None


@pytest.mark.parametrize("threaded", [True, False])
def test_a_result_that_minds_being_looked_at_is_handed_on(done, threaded):
    thing, seen = Hostile(), []

    def make(results):
        return thing

    made = DagaAction(make, in_thread=threaded)
    made.on_rollback(lambda results, result: seen.append(result))

    async def take(results):
        seen.extend(results)
        return thing

    run = DagaFlow([(made, take)]).start(thing)
    last = play(run.finish())
    assert last[0] is run.results["make"] is run.input is thing
    play(run.rollback())
    assert [one is thing for one in seen] == [True, True]
    assert str(run.next) == "rollback incomplete; left: take"


# ----------------------------------------------------------------------------------- errors


@HOSTILE
def test_as_the_text_of_an_error(done, text):
    error, undo_error = Nasty(text), Nasty(text)
    made = action(done, "b", fails=error, undo_fails=undo_error)
    run = DagaFlow([(action(done, "a"), made)]).start()
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    assert failed.value.exceptions[0] is run.errors["b"] is error
    assert str(failed.value.exceptions[0]) == text
    assert run.rollback_errors["b"].error is undo_error
    assert done == ["do a", "do b", "undo b", "undo a"]
    reasons = [event.reason for event in run.events if event.reason]
    shown = " ".join(text.split())
    shown = shown if len(shown) <= 200 else shown[:199] + "…"
    assert reasons == [
        f"Nasty: {shown}" if shown else "Nasty",
        "b failed",
        f"Nasty: {shown}" if shown else "Nasty",
    ]
    assert json.loads(json.dumps([event.to_json() for event in run.events]))


@HOSTILE
def test_as_the_name_of_an_exception(done, text):
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        with pytest.raises((ValueError, UnicodeEncodeError)):
            type(text, (Exception,), {})
        return
    error = type(text, (Exception,), {})("no")
    assert describe(error).endswith(": no")
    run = DagaFlow([(action(done, "a"), action(done, "b", fails=error))]).start()
    with pytest.raises(DagaFlowError):
        play(run.finish())
    assert done == ["do a", "do b", "undo b", "undo a"]


@HOSTILE
def test_as_the_reason_of_a_cancel(done, text):
    async def main():
        gate = Gate()
        running = asyncio.create_task(
            DagaFlow([(action(done, "a"), action(done, "b", before=gate.wait))]).run()
        )
        await gate.reached.wait()
        running.cancel(text)
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await running
        return cancelled.value

    assert play(main()).args == (text,)
    assert done == ["do a", "undo b", "undo a"]


class Endless(Exception):
    def __str__(self):
        return str(self)


class NotText(Exception):
    def __str__(self):
        return 3


@pytest.mark.parametrize("error", [Endless(), NotText()])
def test_an_error_whose_text_cannot_be_had_fails_its_action_and_no_more(done, error):
    run = DagaFlow([(action(done, "a"), action(done, "b", fails=error))]).start()
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    assert failed.value.exceptions == (error,)
    assert done == ["do a", "do b", "undo b", "undo a"]
    assert re.search(r"its message cannot be shown: (RecursionError|TypeError)", run.events[4].reason)


# ------------------------------------------------------------------------- graphs of others


@HOSTILE
def test_in_the_attributes_of_a_graph(text):
    graph = nx.DiGraph(name=text, note=text)
    graph.add_node(end, label=text, style=text)
    graph.add_edge(end, later := DagaAction(end, name="later"), label=text)
    flow = DagaFlow(graph)
    assert flow.name == text
    assert flow.dag.nodes[end] == {"label": text, "style": text}
    assert flow.dag.edges[end, later] == {"label": text}


def test_a_thousand_actions_of_one_long_name():
    text = "y" * 1000
    graph = nx.DiGraph()
    graph.add_nodes_from(DagaAction(end, name=text) for _ in range(1000))
    run = DagaFlow(graph).start()
    assert len(str(run.next)) < 7000
    assert len(play(run.finish())) == 1000
    assert len(run.states) == 1000
