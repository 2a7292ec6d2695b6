"""What an action and a rollback are handed, and where they are called."""

import asyncio
import contextvars
import dataclasses
import functools
import threading

import networkx as nx
import pytest
from helpers import Boom, Gate, action, flow_of, play, turns, words

from daga_nb import DagaAction, DagaFlow, DagaFlowError, Fault
from daga_nb.core.machine import Undo
from daga_nb.engine.calls import Context, display_name, rollback_target, target
from daga_nb.errors import FaultNotFired, FlowDefinitionError

MAIN = threading.main_thread


def alone(node, **options):
    graph = nx.DiGraph()
    graph.add_node(node)
    return DagaFlow(graph, **options)


# ------------------------------------------------------------------- looking at a callable


@pytest.mark.parametrize(
    ("function", "takes_results", "extras"),
    [
        (lambda: 0, False, ()),
        (lambda results: 0, True, ()),
        (lambda anything, /: 0, True, ()),
        (lambda results=3: 0, True, ()),
        (lambda *results: 0, True, ()),
        (lambda **more: 0, False, ()),
        (lambda results, *more, **other: 0, True, ()),
        (lambda results, context: 0, True, ("context",)),
        (lambda results, *, context: 0, True, ("context",)),
        (lambda *, context=None: 0, False, ("context",)),
        (lambda context: 0, True, ()),
        (lambda results, other=1: 0, True, ()),
        (functools.partial(lambda first, results: 0, 1), True, ()),
        (functools.partial(lambda results, amount: 0, amount=1), True, ()),
    ],
)
def test_what_an_action_is_handed(function, takes_results, extras):
    found = target(function)
    assert (found.takes_results, found.extras, found.is_async) == (takes_results, extras, False)


@pytest.mark.parametrize(
    ("function", "takes_results", "extras"),
    [
        (lambda: 0, False, ()),
        (lambda results: 0, True, ()),
        (lambda result: 0, True, ()),
        (lambda results, result, error, context: 0, True, ("result", "error", "context")),
        (lambda results, error: 0, True, ("error",)),
        (lambda *, result: 0, False, ("result",)),
        (lambda results, context=None, other=2: 0, True, ("context",)),
    ],
)
def test_what_a_rollback_is_handed(function, takes_results, extras):
    found = rollback_target(function)
    assert (found.takes_results, found.extras) == (takes_results, extras)


@pytest.mark.parametrize(
    ("function", "look", "says"),
    [
        (lambda results, amount: 0, target, r"parameter 'amount'.* by name with 'context'; bind the rest"),
        (lambda results, *, amount: 0, target, r"parameter 'amount'"),
        (lambda results, result: 0, target, r"parameter 'result'"),
        (lambda results, context, /: 0, target, r"parameter 'context'"),
        (
            lambda results, amount: 0,
            rollback_target,
            r"'amount'.* by name with 'result' and 'error' and 'context'",
        ),
    ],
)
def test_a_parameter_that_nobody_would_fill_is_refused_at_construction(function, look, says):
    with pytest.raises(FlowDefinitionError, match=says):
        look(function)


def test_a_generator_is_refused_because_its_body_would_never_run():
    def plain(results):
        yield 1

    async def later(results):
        yield 1

    class Called:
        def __call__(self, results):
            yield 1

    for node, kind in ((plain, "a generator"), (later, "an async generator"), (Called(), "a generator")):
        with pytest.raises(FlowDefinitionError, match=f"is {kind} function: its body would never run"):
            alone(node)


def test_wrapped_functions_are_looked_through():
    def logged(function):
        @functools.wraps(function)
        def wrapper(*args, **named):
            return function(*args, **named)

        return wrapper

    @logged
    async def pay(results, context):
        return context.node

    assert play(alone(pay).run()) == ["pay"]


def decorated(wrapper_of, inner):
    return functools.wraps(inner)(wrapper_of(inner))


@pytest.mark.parametrize(
    ("wrapper_of", "inner", "takes_results", "extras"),
    [
        # It passes everything on: the function inside tells.
        (lambda f: lambda *args, **named: f(*args, **named), lambda rs, result: 0, True, ("result",)),
        (lambda f: lambda *args, **named: f(*args, **named), lambda: 0, False, ()),
        (lambda f: lambda *args, extra=1, **named: f(*args, **named), lambda rs, error: 0, True, ("error",)),
        # It fills something in: the wrapper tells, and what it passes on by name is asked inside.
        (lambda f: lambda rs: f("bound", rs), lambda bound, results: 0, True, ()),
        (lambda f: lambda rs: f("bound", rs), lambda result, results: 0, True, ()),
        (lambda f: lambda rs: f(rs, result=1), lambda rs, result: 0, True, ()),
        (lambda f: lambda rs, result: f("bound", rs, result), lambda b, rs, result: 0, True, ("result",)),
        (lambda f: lambda rs, **named: f(1, rs, **named), lambda b, rs, context: 0, True, ("context",)),
        (lambda f: lambda rs, *args: f(1, rs, *args), lambda b, rs, context=None: 0, True, ()),
        (lambda f: lambda: f("bound"), lambda bound: 0, False, ()),
        # It passes only a part on.
        (lambda f: lambda *args: f(*args), lambda rs, result=None: 0, True, ()),
        (lambda f: lambda **named: f(**named), lambda *, result: 0, False, ("result",)),
    ],
)
def test_a_decorator_is_asked_what_it_takes_and_what_it_passes_on(wrapper_of, inner, takes_results, extras):
    found = rollback_target(decorated(wrapper_of, inner))
    assert (found.takes_results, found.extras) == (takes_results, extras)
    found.function(*found.arguments([], lambda name: name)[0], **found.arguments([], lambda name: name)[1])


@pytest.mark.parametrize(
    ("wrapper_of", "inner", "parameter"),
    [
        (lambda f: lambda *args, **named: f("bound", *args, **named), lambda bound, rs: 0, "rs"),
        (lambda f: lambda *args: f(*args), lambda rs, result: 0, "result"),
        (lambda f: lambda **named: f(**named), lambda rs: 0, "rs"),
    ],
)
def test_a_decorator_that_would_be_called_wrongly_is_refused_at_construction(wrapper_of, inner, parameter):
    with pytest.raises(FlowDefinitionError, match=f"nothing is known to hand to its parameter '{parameter}'"):
        rollback_target(decorated(wrapper_of, inner))


def test_decorators_are_seen_through_in_partials_methods_and_each_other():
    def passing(function):
        @functools.wraps(function)
        def wrapper(*args, **named):
            return function(*args, **named)

        return wrapper

    def connected(function):
        @functools.wraps(function)
        def wrapper(results, **named):
            return function("connection", results, **named)

        return wrapper

    @passing
    @connected
    @passing
    def refund(connection, results, result):
        return connection, results, result

    class Bank:
        @passing
        def refund(self, results, result):
            return results, result

    def handed(function):
        args, named = rollback_target(function).arguments(["paid"], str.upper)
        return function(*args, **named)

    assert handed(refund) == ("connection", ["paid"], "RESULT")
    assert handed(functools.partial(refund, result="bound")) == ("connection", ["paid"], "bound")
    assert handed(functools.partial(refund, "bound")) == ("connection", "bound", "RESULT")
    assert handed(Bank().refund) == (["paid"], "RESULT")
    assert handed(functools.partial(Bank.refund, Bank())) == (["paid"], "RESULT")


def test_a_rollback_that_its_decorator_gives_a_connection_undoes_its_action(done):
    def connected(function):
        @functools.wraps(function)
        def wrapper(results, result):
            return function("connection", results, result)

        return wrapper

    made = action(done, "book", undo=False)

    @made.on_rollback
    @connected
    def cancel(connection, results, result):
        done.append(f"undo {result} by {connection}")

    with pytest.raises(DagaFlowError):
        play(DagaFlow([(made, action(done, "pay", fails=Boom("no")))]).run())
    assert done == ["do book", "do pay", "undo pay", "undo book by connection"]


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (print, "print"),
        (lambda: 0, "lambda"),
        (functools.partial(functools.partial(print)), "print"),
        (int, "int"),
        (type("Service", (), {"__call__": lambda self, results: 0})(), "Service"),
        (type("Odd", (), {"__name__": "", "__call__": print})(), "Odd"),
        (type("Odd", (), {"__name__": 7, "__call__": print})(), "7"),
    ],
)
def test_the_name_that_people_see(thing, name):
    assert display_name(thing) == name


@pytest.mark.parametrize(
    ("options", "undo"),
    [
        ({}, Undo.CALL),
        ({"undo": False}, Undo.MISSING),
        ({"undo": False, "no_effect": True}, Undo.NOTHING),
    ],
)
def test_what_undoing_takes(done, options, undo):
    assert [call.undo for call in alone(action(done, "a", **options)).calls] == [undo]


# ---------------------------------------------------------------------------- the context


def test_the_context_of_an_action(done):
    seen = {}

    async def flight(results, context):
        seen["flight"] = context
        return "LX 38"

    def hotel(results, context):
        seen["hotel"] = context
        return "Astoria"

    class Pay(DagaAction[str, str]):
        async def __call__(self, results, *, context):
            seen["Pay"] = context

    run = DagaFlow([(flight, pay := Pay()), (hotel, pay)]).start("June")
    play(run.finish())
    assert seen["flight"] == Context(run.id, "flight", 1, f"{run.id}/flight/do", {"input": "June"}, None)
    assert seen["hotel"].inputs == {"input": "June"}
    assert seen["Pay"].inputs == {"flight": "LX 38", "hotel": "Astoria"}
    with pytest.raises(dataclasses.FrozenInstanceError):
        seen["Pay"].node = "other"


def test_the_key_is_the_same_in_a_run_and_different_in_another():
    keys = []

    async def pay(results, context):
        keys.append(context.key)

    made = DagaAction(pay)
    made.on_rollback(lambda results, context: keys.append(context.key))
    flow = alone(made)
    for _ in range(2):
        run = flow.start()
        play(run.finish())
        play(run.rollback())
    do, undo, do_again, undo_again = keys
    assert len(set(keys)) == 4
    assert do.removesuffix("do") == undo.removesuffix("undo")
    assert do_again.removesuffix("do") == undo_again.removesuffix("undo")


def test_what_a_rollback_is_told_of_its_own_action_and_of_the_failure(done):
    told = {}

    def told_rollback(name):
        async def undo(results, result, error, context):
            done.append(f"undo {name}")
            told[name] = (results, result, error, context.outcome, dict(context.inputs))

        return undo

    error = Boom("no")
    first = action(done, "first", undo=False)
    second = action(done, "second", undo=False)
    third = action(done, "third", undo=False, fails=error)
    for made in (first, second, third):
        made.on_rollback(told_rollback(made.__name__))
    with pytest.raises(DagaFlowError):
        play(DagaFlow([(first, second), (second, third)]).run(5))
    assert done == ["do first", "do second", "do third", "undo third", "undo second", "undo first"]
    assert told == {
        "third": (["second"], None, error, "FAILED", {"second": "second"}),
        "second": (["first"], "second", error, "SUCCEEDED", {"first": "first"}),
        "first": ([5], "first", error, "SUCCEEDED", {"input": 5}),
    }


def test_a_rollback_by_request_has_no_error(done):
    told = []
    made = action(done, "a", undo=False)
    made.on_rollback(lambda results, result, error: told.append((results, result, error)))
    run = alone(made).start(3)
    play(run.finish())
    play(run.rollback())
    assert told == [([3], "a", None)]


def test_the_first_parameter_gets_the_list_whatever_its_name(done):
    made = action(done, "a", undo=False)
    made.on_rollback(lambda result: done.append(result))
    run = alone(made).start(3)
    play(run.finish())
    play(run.rollback())
    assert done == ["do a", [3]]


def test_without_parameters_nothing_is_handed(done):
    made = DagaAction(lambda: done.append("do"))
    made.on_rollback(lambda: done.append("undo"))
    run = alone(made).start(3)
    play(run.finish())
    play(run.rollback())
    assert done == ["do", "undo"]


def test_a_rollback_may_be_an_action_a_class_or_a_partial(done):
    async def back(word, results, *, context):
        done.append(f"{word} {context.node}")

    class Back(DagaAction[int, int]):
        def __call__(self, results, *, result):
            done.append(f"class, {result}")

    first, second, third = (action(done, name, undo=False) for name in ("p", "q", "r"))
    first.on_rollback(functools.partial(back, "partial"))
    second.on_rollback(DagaAction(functools.partial(back, "action")))
    third.on_rollback(Back())
    run = DagaFlow([(first, second), (second, third)]).start()
    play(run.finish())
    play(run.rollback())
    assert done == ["do p", "do q", "do r", "class, r", "action q", "partial p"]


# ---------------------------------------------------------------------------- where it runs


def test_plain_functions_run_in_a_thread_and_the_loop_stays_alive(done):
    async def main():
        entered, go_on = asyncio.Event(), threading.Event()
        tell, threads = asyncio.get_running_loop().call_soon_threadsafe, []

        def work(results):
            threads.append(threading.current_thread())
            tell(entered.set)
            go_on.wait(30)
            return "worked"

        finishing = asyncio.create_task(alone(work).run())
        await entered.wait()
        assert threads != [MAIN()]
        go_on.set()
        return await finishing

    assert play(main()) == ["worked"]


@pytest.mark.parametrize("options", ["instance", "class", "decorator"])
def test_in_thread_false_keeps_an_action_and_its_rollback_on_the_loop(options):
    threads = []

    def work(results):
        threads.append(threading.current_thread())

    if options == "instance":
        made = DagaAction(work, in_thread=False)
    elif options == "decorator":
        made = DagaAction.options(in_thread=False)(work)
    else:

        class Work(DagaAction[int, int]):
            in_thread = False

            def __call__(self, results):
                work(results)

        made = Work()
    made.on_rollback(work)
    run = alone(made).start()
    play(run.finish())
    play(run.rollback())
    assert threads == [MAIN(), MAIN()]


def test_a_rollback_that_is_an_action_says_itself_where_it_runs(done):
    threads = []

    def back(results):
        threads.append(threading.current_thread() is MAIN())

    first, second = (DagaAction(lambda results: None, in_thread=inside) for inside in (True, False))
    first.on_rollback(DagaAction(back, in_thread=False))
    second.on_rollback(DagaAction(back))
    run = DagaFlow([(first, second)]).start()
    play(run.finish())
    play(run.rollback())
    assert threads == [False, True]


def test_what_is_returned_and_can_be_awaited_is_awaited(done):
    async def later(value):
        await asyncio.sleep(0)
        return value

    async def main():
        future = asyncio.get_running_loop().create_future()
        future.set_result("from a future")
        graph = nx.DiGraph()
        graph.add_nodes_from(
            [
                lambda results: later("from a thread"),
                DagaAction(lambda results: later("from the loop"), in_thread=False),
                functools.partial(lambda given, results: given, future),
            ]
        )
        return await DagaFlow(graph).run()

    assert play(main()) == ["from a thread", "from the loop", "from a future"]


def test_context_variables_are_seen_in_threads_and_changes_stay_there():
    who = contextvars.ContextVar("who", default="nobody")

    def plain(results):
        before = who.get()
        who.set("the thread")
        return before

    async def later(results):
        before = who.get()
        who.set("the task")
        return [*results, before]

    async def main():
        who.set("the caller")
        result = await DagaFlow([(plain, later)]).run()
        return result, who.get()

    assert play(main()) == ([["the caller", "the caller"]], "the caller")


@pytest.mark.parametrize("error", [StopIteration("enough"), StopAsyncIteration(), GeneratorExit(), Boom()])
@pytest.mark.parametrize("kind", ["thread", "loop", "async"])
def test_no_exception_of_an_action_leaves_its_call(done, kind, error):
    def plain(results):
        raise error

    async def later(results):
        raise error

    made = DagaAction(later if kind == "async" else plain, in_thread=kind == "thread")
    run = DagaFlow([(action(done, "first"), made)]).start()
    with pytest.raises(DagaFlowError) as failed:
        play(run.finish())
    assert len(failed.value.exceptions) == 1
    assert done == ["do first", "undo first"]


# -------------------------------------------------------------------------- the deadline


class Timers:
    """Stands in for `loop.call_later`: the test says when a deadline has passed."""

    def __init__(self, loop, monkeypatch):
        self.waiting = []
        real = loop.call_later

        def call_later(delay, callback, *args, **named):
            if not getattr(callback, "__module__", "").startswith("daga_nb"):
                return real(delay, callback, *args, **named)
            handle = real(7200, callback, *args, **named)
            self.waiting.append((delay, callback, args, handle))
            return handle

        monkeypatch.setattr(loop, "call_later", call_later)

    def pass_all(self):
        due, self.waiting = self.waiting, []
        for _delay, callback, args, handle in due:
            if not handle.cancelled():
                handle.cancel()
                callback(*args)
        return [delay for delay, *_ in due]


def test_a_rollback_that_does_not_end_fails_at_its_deadline_and_the_others_go_on(done, monkeypatch):
    async def main():
        timers = Timers(asyncio.get_running_loop(), monkeypatch)
        gate = Gate()
        how = {"b": {"before_undo": gate.wait, "rollback_timeout": 7.0}, "c": {"fails": Boom()}}
        run = flow_of(done, [("a", "b"), ("b", "c")], how=how, rollback_timeout=5.0).start()
        finishing = asyncio.create_task(run.finish())
        await gate.reached.wait()
        passed = timers.pass_all()
        with pytest.raises(DagaFlowError) as failed:
            await finishing
        return run, passed, failed.value

    run, passed, error = play(main())
    assert passed == [5.0, 7.0], "the flow's deadline for c, its own for b"
    assert done == ["do a", "do b", "do c", "undo c", "undo a"]
    assert words(run) == {"a": "rolled back", "b": "rollback failed", "c": "rolled back"}
    assert isinstance(run.rollback_errors["b"].error, TimeoutError)
    assert str(error.exceptions[1]).endswith("failed: TimeoutError: it did not end within 7 s")


def test_a_rollback_in_a_thread_that_does_not_end_is_given_up_at_its_deadline(done, monkeypatch):
    let_go = threading.Event()

    async def main():
        timers = Timers(asyncio.get_running_loop(), monkeypatch)
        entered, tell = asyncio.Event(), asyncio.get_running_loop().call_soon_threadsafe

        def back(results):
            tell(entered.set)
            let_go.wait(30)

        made = action(done, "b", undo=False)
        made.on_rollback(back)
        run = DagaFlow([(action(done, "a"), made)]).start()
        await run.finish()
        undoing = asyncio.create_task(run.rollback())
        await entered.wait()
        timers.pass_all()
        with pytest.raises(DagaFlowError):
            await undoing
        return run

    try:
        run = play(main())
    finally:
        let_go.set()
    assert done == ["do a", "do b", "undo a"]
    assert "it did not end within 30 s; its thread still runs" in str(run.rollback_errors["b"])


def test_a_rollback_that_swallows_its_cancellation_is_left_to_itself(done, monkeypatch):
    async def main():
        timers = Timers(asyncio.get_running_loop(), monkeypatch)
        stubborn, free = Gate(), asyncio.Event()

        async def back():
            try:
                await stubborn.wait()
            except asyncio.CancelledError:
                await free.wait()

        run = flow_of(done, [("a", "b")], how={"b": {"before_undo": back}}).start()
        await run.finish()
        undoing = asyncio.create_task(run.rollback())
        await stubborn.reached.wait()
        timers.pass_all()
        await turns()
        assert not undoing.done()
        timers.pass_all()
        with pytest.raises(DagaFlowError):
            await undoing
        free.set()
        await turns()
        return run

    run = play(main())
    assert done == ["do a", "do b", "undo a", "undo b"]
    assert words(run) == {"a": "rolled back", "b": "rollback failed"}


def test_a_fault_in_the_rollback_needs_no_deadline(done):
    run = alone(action(done, "a")).start(faults=[Fault.raising(Boom, at="a", where="rollback")])
    with pytest.warns(FaultNotFired, match="its rollback was never called"):
        play(run.finish())
    with pytest.raises(DagaFlowError):
        play(run.rollback())
    assert done == ["do a"]


# ------------------------------------------------------ decorated methods, and callables in C


def logged(function):
    @functools.wraps(function)
    async def wrapper(self, *args, **named):
        return await function(self, *args, **named)

    return wrapper


class Shop:
    def __init__(self):
        self.said = []

    @logged
    async def charge(self, results):
        self.said.append(("charge", results))

    @logged
    async def refund(self, results=None, *, result=None):
        self.said.append(("refund", results, result))

    @logged
    async def refund_all(self, results, result, context):
        self.said.append(("refund", results, result, context))

    @functools.cache  # noqa: B019
    def settings(self):
        return "settings"

    @staticmethod
    @functools.cache
    def plain():
        return "plain"

    @classmethod
    def of_class(cls, results, result):
        return results, result


def handed_to(function):
    found = rollback_target(function)
    args, named = found.arguments(["paid"], str.upper)
    return found.function(*args, **named)


def test_a_decorated_method_is_handed_all_it_takes():
    shop = Shop()
    play(handed_to(shop.refund))
    play(handed_to(shop.refund_all))
    play(handed_to(functools.partial(Shop.refund, shop)))
    play(handed_to(functools.partial(functools.partial(Shop.refund_all, shop), context=3)))
    play(handed_to(shop.charge))
    assert shop.said == [
        ("refund", ["paid"], "RESULT"),
        ("refund", ["paid"], "RESULT", "CONTEXT"),
        ("refund", ["paid"], "RESULT"),
        ("refund", ["paid"], "RESULT", 3),
        ("charge", ["paid"]),
    ]


def test_a_callable_in_c_that_wraps_one_in_python_is_asked_that():
    @functools.cache
    def settings():
        return "settings"

    assert handed_to(settings) == "settings"
    assert handed_to(Shop().settings) == "settings"
    assert handed_to(Shop.plain) == "plain"
    assert handed_to(Shop.__dict__["plain"]) == "plain"
    assert handed_to(Shop.of_class) == (["paid"], "RESULT")


def test_a_class_based_action_and_rollback_with_decorated_calls(done):
    class Book(DagaAction):
        @logged
        async def __call__(self, results):
            done.append(f"do {results}")
            return "ticket"

    class Cancel(DagaAction):
        @logged
        async def __call__(self, results, result=None):
            done.append(f"undo {results} {result}")

    class CancelToo(Cancel):
        pass

    Book.register_class_as_rollback(CancelToo)
    with pytest.raises(DagaFlowError):
        play(DagaFlow([(Book(), action(done, "pay", fails=Boom("no")))]).run(7))
    assert done == ["do [7]", "do pay", "undo pay", "undo [7] ticket"]


def test_a_class_may_have_a_rollback_method_of_its_own_as_in_pydaga(done):
    class Book(DagaAction):
        async def __call__(self, results):
            return "ticket"

        async def rollback(self, predecessors_results):
            done.append(f"undo {predecessors_results}")

    with pytest.raises(DagaFlowError):
        play(DagaFlow([(Book(), action(done, "pay", fails=Boom("no")))]).run(7))
    assert done == ["do pay", "undo pay", "undo [7]"]


# ------------------------------------------------------------------------ threads


def test_what_there_is_no_thread_for_is_never_called_not_even_later(done, monkeypatch):
    """The pool keeps what it could not start a thread for, and another thread would take it from there."""
    start, started = threading.Thread.start, []

    def capped(thread):
        if thread.name.startswith("daga_nb"):
            if len(started) >= 2:
                raise RuntimeError("can't start new thread")
            started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", capped)
    release = threading.Event()

    def work(name):
        def act(results):
            release.wait()
            done.append(f"do {name}")

        made = DagaAction(act, name=name)
        made.on_rollback(DagaAction(lambda results: done.append(f"undo {name}"), in_thread=False))
        return made

    async def main():
        graph = nx.DiGraph()
        graph.add_nodes_from(work(name) for name in "abcd")
        run = DagaFlow(graph).start()
        driving = asyncio.ensure_future(run.go())
        await turns()
        release.set()
        await driving
        return run

    run = play(main())
    assert sorted(done[:2]) == ["do a", "do b"]
    assert sorted(done[2:]) == ["undo a", "undo b", "undo c", "undo d"]
    assert sorted(run.errors) == ["c", "d"]
    assert str(run.errors["c"]) == "can't start new thread"
    assert "max_parallel" in run.errors["c"].__notes__[0]


def test_threads_that_do_not_end_keep_no_rollback_from_being_called(done):
    release, everybody = threading.Event(), threading.Barrier(71)

    def hang(results):
        everybody.wait()
        release.wait()

    hangs = [DagaAction(hang, name=f"h{number}", rollback_timeout=0.01) for number in range(70)]
    for one in hangs:
        one.on_rollback(lambda results: None)
    first = DagaAction(lambda results: done.append("do first"), name="first")
    first.on_rollback(lambda results: done.append("undo first"))

    async def main():
        run = DagaFlow([(first, one) for one in hangs], max_parallel=70, rollback_timeout=0.05).start()
        driving = asyncio.ensure_future(run.finish())
        await asyncio.to_thread(everybody.wait)
        driving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await driving
        return run

    try:
        run = play(main())
    finally:
        release.set()
    assert done == ["do first", "undo first"]
    assert words(run)["first"] == "rolled back"


def test_a_coroutine_that_a_thread_only_made_is_not_begun_once_the_run_is_cancelled(done):
    made, held = threading.Event(), threading.Event()

    async def later():
        done.append("begun")

    def act(results):
        made.set()
        held.wait()
        return later()

    async def main():
        run = alone(DagaAction(act, no_effect=True)).start()
        driving = asyncio.ensure_future(run.finish())
        await asyncio.to_thread(made.wait)
        driving.cancel()
        await turns()
        held.set()
        with pytest.raises(asyncio.CancelledError):
            await driving

    play(main())
    assert done == []
