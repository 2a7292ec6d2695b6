"""WfFormat files: what is read, how it runs, and what a bad file is told."""

import asyncio
import json
import math
import os
from pathlib import Path

import pytest

from daga_nb import DagaFlowError, Fault
from daga_nb.core.states import NodeState, RunState
from daga_nb.errors import FlowDefinitionError, FormatError
from daga_nb.interop import wfformat, wfreader

DIAMOND = {"split": [], "left": ["split"], "right": ["split"], "join": ["right", "left"]}
# A folder of instances; without one, the small one of the notebooks.
FOLDER = os.environ.get("DAGA_NB_WFINSTANCES") or Path(__file__).parent.parent / "notebooks" / "data"
INSTANCES = sorted(Path(FOLDER).glob("*.json"))
if not INSTANCES:
    raise FileNotFoundError(f"no WfCommons instances in {FOLDER}, which DAGA_NB_WFINSTANCES names")


def document(parents=DIAMOND, runtimes=None):
    """Make a sound WfFormat document from each task's parents."""
    children = {task: [child for child in parents if task in parents[child]] for task in parents}
    return {
        "name": "made up",
        "schemaVersion": "1.5",
        "workflow": {
            "specification": {
                "tasks": [
                    {
                        "id": task,
                        "name": f"the {task}",
                        "parents": list(parents[task]),
                        "children": children[task],
                        "outputFiles": [f"{task}.txt"],
                    }
                    for task in parents
                ]
            },
            "execution": {
                "tasks": [
                    {"id": task, "runtimeInSeconds": seconds}
                    for task, seconds in (runtimes or dict.fromkeys(parents, 1.5)).items()
                ]
            },
        },
    }


def specified(doc, task):
    return next(one for one in doc["workflow"]["specification"]["tasks"] if one["id"] == task)


def executed(doc, task):
    return next(one for one in doc["workflow"]["execution"]["tasks"] if one["id"] == task)


@pytest.fixture
def write(tmp_path):
    def write(content, name="diamond.json"):
        file = tmp_path / name
        if isinstance(content, dict | list):
            content = json.dumps(content)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return write


@pytest.fixture
def load(write):
    def load(content, **options):
        return wfformat.load(write(content), **{"speedup": math.inf, **options})

    return load


def undone(run):
    return [event.node for event in run.events if event.node and event.state == NodeState.ROLLED_BACK]


# ------------------------------------------------------------------ a sound file


def test_the_actions_have_the_tasks_ids_as_names_and_stand_in_the_files_order(load):
    flow = load(document())
    assert flow.name == "diamond"
    assert flow.plan.names == ("split", "left", "right", "join")
    assert str(flow.plan.nodes[0]) == "DagaAction(split)"


def test_the_order_of_the_parents_is_the_files(load):
    run = load(document()).start()
    asyncio.run(run.finish())
    assert run.inputs_of("join") == [["right.txt"], ["left.txt"]]


def test_an_action_sleeps_the_measured_runtime_sped_up_and_its_rollback_a_share(load, monkeypatch):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    flow = load(document(runtimes={"split": 8.0, "join": 4}), speedup=2, rollback_share=0.5)
    monkeypatch.setattr(wfformat.asyncio, "sleep", sleep)
    run = flow.start(faults=[Fault.raising(RuntimeError("planted"), at="join", where="after")])
    with pytest.raises(DagaFlowError):
        asyncio.run(run.finish())
    assert slept == [4.0, 0.0, 0.0, 2.0, 1.0, 0.0, 0.0, 2.0]
    assert flow.runtimes == {"split": 8.0, "left": 0.0, "right": 0.0, "join": 4.0}


def test_a_run_leaves_its_outputs_in_the_world_and_a_rollback_takes_them_back(load):
    flow = load(document())
    run = flow.start()
    assert asyncio.run(run.finish()) == [["join.txt"]]
    assert flow.world.of(run) == {task: [f"{task}.txt"] for task in DIAMOND}
    asyncio.run(run.rollback())
    assert run.state is RunState.ROLLED_BACK
    assert undone(run) == ["join", "left", "right", "split"]
    assert run.rollback_results["join"] == ["join.txt"]
    assert flow.world.of(run) == {}
    assert repr(flow.world) == "<World: the outputs of 0 tasks, of 0 runs>"


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_failure_rolls_back_what_is_done_and_nothing_stays_in_the_world(load, where):
    flow = load(document())
    run = flow.start(faults=[Fault.raising(RuntimeError("planted"), at="right", where=where)])
    with pytest.raises(DagaFlowError):
        asyncio.run(run.finish())
    assert undone(run) == ["left", "right", "split"]
    assert run.states["join"] is NodeState.ABANDONED
    assert flow.world.of(run) == {}


def test_a_rollback_that_fails_leaves_its_outputs_in_the_world(load):
    flow = load(document())
    run = flow.start(
        faults=[
            Fault.raising(RuntimeError("planted"), at="join"),
            Fault.raising(RuntimeError("stuck"), at="left", where="rollback"),
        ]
    )
    with pytest.raises(DagaFlowError):
        asyncio.run(run.finish())
    assert undone(run) == ["join", "right", "split"]
    assert run.state is RunState.ROLLBACK_INCOMPLETE
    assert flow.world.of(run.id) == {"left": ["left.txt"]}


def test_runs_at_the_same_time_do_not_disturb_each_other(load):
    flow = load(document())
    good, bad = flow.start(), flow.start()
    bad.inject(Fault.raising(RuntimeError("planted"), at="join", where="after"))

    async def both():
        return await asyncio.gather(good.finish(), bad.finish(), return_exceptions=True)

    results, error = asyncio.run(both())
    assert results == [["join.txt"]]
    assert isinstance(error, DagaFlowError)
    assert list(flow.world.of(good)) == list(DIAMOND)
    assert flow.world.of(bad) == {}


def test_what_the_world_gives_is_a_copy(load):
    flow = load(document())
    run = flow.start()
    asyncio.run(run.finish())
    flow.world.of(run)["split"].append("other.txt")
    run.results["left"].append("other.txt")
    assert flow.world.of(run)["split"] == ["split.txt"]
    assert flow.world.of(run)["left"] == ["left.txt"]


def test_a_task_that_names_no_files_writes_one_that_is_named_after_it(load):
    doc = document()
    del specified(doc, "split")["outputFiles"]
    specified(doc, "join")["outputFiles"] = []
    run = load(doc).start()
    asyncio.run(run.finish())
    assert (run.results["split"], run.results["join"]) == (["split.out"], ["join.out"])


def test_options_of_the_flow_are_handed_on(load):
    flow = load(document(), name="mine", max_parallel=3, schedule="eager")
    assert (flow.name, flow.max_parallel, flow.policy.schedule) == ("mine", 3, "eager")
    with pytest.raises(FlowDefinitionError, match="max_parallel=0"):
        load(document(), max_parallel=0)


def test_a_slow_rollback_is_given_the_time_it_takes(load):
    assert load(document(runtimes={"join": 4000.0}), speedup=1).rollback_timeout > 1000
    assert load(document(runtimes={"join": 1e308}), speedup=1).rollback_timeout < math.inf


def test_one_task_and_no_execution_is_enough(load):
    doc = document({"only": []})
    del doc["workflow"]["execution"]
    assert load(doc).runtimes == {"only": 0.0}


def test_an_edge_may_stand_in_only_one_of_the_two_lists_where_the_other_is_left_out(load):
    doc = document()
    for task in DIAMOND:
        del specified(doc, task)["children"]
    assert load(doc).plan.predecessors[3] == (2, 1)
    doc = document()
    for task in DIAMOND:
        del specified(doc, task)["parents"]
    assert load(doc).plan.predecessors[3] == (1, 2)


def test_a_byte_order_mark_and_fields_that_are_not_needed_do_no_harm(write):
    doc = document()
    doc["runtimeSystem"] = {"name": "x"}
    file = write(b"\xef\xbb\xbf" + json.dumps(doc).encode())
    assert len(wfformat.load(str(file)).plan) == 4


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "a:b", "\0", "\u202egnp", '"', "x" * 10_000]
)
def test_ids_are_only_text(load, hostile):
    flow = load(document({hostile: [], "end": [hostile]}))
    assert flow.plan.names == (hostile, "end")
    asyncio.run(flow.run())


@pytest.mark.parametrize("option", ["speedup", "rollback_share"])
@pytest.mark.parametrize("value", [-1, "fast", None, True, math.nan])
def test_a_wrong_option_is_refused(load, option, value):
    with pytest.raises(FlowDefinitionError, match=f"^{option}={value!r}: "):
        load(document(), **{option: value})


# -------------------------------------------------------------------- bad files


def refused(file):
    with pytest.raises(FormatError) as caught:
        wfformat.load(file)
    told = str(caught.value)
    start = f"{os.fspath(file)} cannot be read as a WfFormat 1.5 workflow: "
    assert told.startswith(start)
    assert caught.value.__suppress_context__
    assert "\n" not in told
    assert len(told) < len(start) + 300
    return told.removeprefix(start)


def test_what_is_no_file_is_refused(tmp_path):
    assert refused(tmp_path / "none.json") == "No such file or directory"
    assert refused(tmp_path) == "it is no regular file"
    assert refused(f"{tmp_path}/a\0b") == "that is no name of a file"
    assert refused(f"{tmp_path}/\ud800") == "that is no name of a file"


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe") == "it is no regular file"


def test_a_file_that_is_too_large_is_refused(write, monkeypatch):
    monkeypatch.setattr(wfreader, "MAX_BYTES", 2**20)
    assert refused(write(b" " * (2**20 + 1))) == "it is larger than 1 MB"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "it is not JSON (Expecting value: line 1 column 1 (char 0))"),
        ("{'a': 1}", "it is not JSON (Expecting property name enclosed in double quotes: "),
        ('{"a": ' + "9" * 5000 + "}", "it is not JSON (Exceeds the limit"),
        (b"\xff\xfe{}", "it is not UTF-8 text (byte 0)"),
        ("[" * 100_000, "it is nested too deeply"),
        ('{"a":' * 100_000, "it is nested too deeply"),
        ("[]", "it holds a list instead of an object"),
        ("null", "it holds a NoneType instead of an object"),
        ("{}", "its schemaVersion is None, and '1.5' is what is read"),
        ('{"schemaVersion": 1.5}', "its schemaVersion is 1.5, and '1.5' is what is read"),
        ('{"schemaVersion": "1.4"}', "its schemaVersion is '1.4', and '1.5' is what is read"),
        ('{"schemaVersion": "1.5"}', "the file has no 'workflow'"),
        ('{"schemaVersion": "1.5", "workflow": []}', "'workflow' is [] instead of an object"),
        ('{"schemaVersion": "1.5", "workflow": {}}', "'workflow' has no 'specification'"),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_a_file_that_is_no_wfformat_is_told_so(write, content, told):
    assert refused(write(content)).startswith(told)


def change(path, value):
    """Give a function that sets, or with ``...`` takes out, one thing of a document."""

    def apply(doc):
        *way, last = path
        for key in way:
            doc = doc[key]
        if value is ...:
            del doc[last]
        else:
            doc[last] = value

    return apply


SPECIFIED = ("workflow", "specification", "tasks")
EXECUTED = ("workflow", "execution", "tasks")
LEFT = (*SPECIFIED, 1)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (change(SPECIFIED, ...), "'specification' has no 'tasks'"),
        (change(SPECIFIED, {}), "'tasks' in 'specification' is {} instead of a list"),
        (change(SPECIFIED, []), "it has no tasks"),
        (change(EXECUTED, ...), "'execution' has no 'tasks'"),
        (change(("workflow", "execution"), None), "'execution' is None instead of an object"),
        (change(LEFT, "left"), "task 2 in 'specification' is 'left' instead of an object"),
        (change((*LEFT, "id"), ...), "task 2 in 'specification' has no 'id'"),
        (change((*LEFT, "id"), 7), "the 'id' of task 2 in 'specification' is 7 instead of a text"),
        (change((*LEFT, "id"), " "), "the 'id' of task 2 in 'specification' is ' ' instead of a text"),
        (
            change((*LEFT, "id"), "\ud800"),
            r"the 'id' of task 2 in 'specification' is '\ud800' instead of a text",
        ),
        (change((*LEFT, "id"), "right"), "two tasks in 'specification' have the id 'right'"),
        (change((*EXECUTED, 1, "id"), "right"), "two tasks in 'execution' have the id 'right'"),
        (change((*EXECUTED, 1, "id"), "x"), "'execution' has the task 'x', 'specification' has not"),
        (
            change((*LEFT, "parents"), "split"),
            "'parents' of task 'left' is 'split' instead of a list of texts",
        ),
        (
            change((*LEFT, "children"), [None]),
            "'children' of task 'left' is [None] instead of a list of texts",
        ),
        (
            change((*LEFT, "outputFiles"), [1]),
            "'outputFiles' of task 'left' is [1] instead of a list of texts",
        ),
        (change((*LEFT, "parents"), ["x"]), "task 'left' has 'x' among its parents: no such task"),
        (change((*LEFT, "children"), ["x"]), "task 'left' has 'x' among its children: no such task"),
        (change((*LEFT, "parents"), ["split"] * 2), "task 'left' names one of its parents twice"),
        (
            change((*LEFT, "parents"), []),
            "task 'split' says that 'split' comes before 'left', and task 'left' does not",
        ),
        (
            change((*SPECIFIED, 0, "children"), ["right"]),
            "task 'left' says that 'split' comes before 'left', and task 'split' does not",
        ),
    ],
    ids=lambda value: value[:60] if isinstance(value, str) else "",
)
def test_a_wrong_document_is_told_what_is_wrong_with_it(write, wrong, told):
    doc = document()
    wrong(doc)
    assert refused(write(doc)) == told


@pytest.mark.parametrize(
    "value", ["-1", "-Infinity", "Infinity", "NaN", "1e999", "null", "true", '"1"', "9" * 400]
)
def test_a_runtime_that_is_none_is_refused(write, value):
    doc = document()
    executed(doc, "left")["runtimeInSeconds"] = "here"
    text = json.dumps(doc).replace('"here"', value)
    assert refused(write(text)).startswith("the runtimeInSeconds of task 'left' is ")


@pytest.mark.parametrize(
    ("parents", "told"),
    [
        ({"a": ["a"]}, "'a' -> 'a'"),
        ({"a": ["c"], "b": ["a"], "c": ["b"]}, "'a' -> 'b' -> 'c' -> 'a'"),
        ({"in": [], "a": ["in", "b"], "b": ["a"]}, "'a' -> 'b' -> 'a'"),
    ],
)
def test_a_circle_is_named(write, parents, told):
    assert refused(write(document(parents))) == f"its tasks wait for each other in a circle, {told}"


def test_a_long_circle_is_shortened(write):
    ring = {f"t{number}": [f"t{(number - 1) % 5000}"] for number in range(5000)}
    assert " -> ... -> " in refused(write(document(ring)))


# ------------------------------------------------- the instances of WfCommons


def size(file):
    return len(json.loads(file.read_text())["workflow"]["specification"]["tasks"])


@pytest.mark.parametrize("file", INSTANCES, ids=lambda file: file.stem)
def test_an_instance_loads_runs_and_rolls_back(file):
    flow = wfformat.load(file, speedup=math.inf)
    assert len(flow.plan) == size(file)
    run = flow.start()
    asyncio.run(run.finish())
    assert run.state is RunState.SUCCEEDED
    assert len(flow.world.of(run)) == len(flow.plan)
    asyncio.run(run.rollback())
    assert run.state is RunState.ROLLED_BACK
    back = [flow.plan.batch_of[flow.plan.ids[node]] for node in undone(run)]
    assert back == sorted(back, reverse=True)
    assert len(back) == len(flow.plan)
    assert flow.world.of(run) == {}


@pytest.mark.parametrize("schedule", ["batch", "eager"])
@pytest.mark.parametrize("file", INSTANCES, ids=lambda file: file.stem)
def test_an_instance_rolls_back_from_a_failure_in_its_last_task(file, schedule):
    flow = wfformat.load(file, speedup=math.inf, schedule=schedule)
    last = flow.plan.names[-1]
    run = flow.start(faults=[Fault.raising(RuntimeError("planted"), at=last, where="after")])
    with pytest.raises(DagaFlowError):
        asyncio.run(run.finish())
    order = undone(run)
    assert sorted(order) == sorted(
        name for name in flow.plan.names if run.states[name] is NodeState.ROLLED_BACK
    )
    place = {name: position for position, name in enumerate(order)}
    for node, successors in enumerate(flow.plan.successors):
        for after in (flow.plan.names[successor] for successor in successors):
            if after in place:
                assert place[after] < place[flow.plan.names[node]]
    assert flow.world.of(run) == {}
