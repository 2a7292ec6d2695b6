"""Read a WfFormat 1.5 file: the tasks in it, or one clear word about what is wrong with it."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from daga_nb.engine.exact import short

__all__ = ["MAX_BYTES", "SCHEMA", "Task", "Unreadable", "read_tasks", "to_number"]

SCHEMA = "1.5"
MAX_BYTES = 64 * 1024 * 1024


class Unreadable(Exception):
    """What is wrong with a file, without its name."""


@dataclass(frozen=True)
class Task:
    """One task of a workflow: its parents in order, its output files, its measured runtime in seconds."""

    id: str
    parents: tuple[str, ...]
    files: tuple[str, ...]
    runtime: float


def read_tasks(path: str) -> list[Task]:
    """Give the tasks of a WfFormat file, in its order.

    Raises
    ------
    Unreadable
        If it cannot be read, or is not sound. Cycles are not looked for.
    """
    return _tasks(_parse(_read(path)))


def to_number(value: Any) -> float:
    """Give a number as a float; NaN for what is none (True and False are none) or too large to be one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def _read(path: str) -> bytes:
    try:
        # A pipe or a device could be read for ever.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise Unreadable("it is no regular file")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unreadable(error.strerror or type(error).__name__) from None
    except ValueError:  # a NUL, or half a character
        raise Unreadable("that is no name of a file") from None
    if len(data) > MAX_BYTES:
        raise Unreadable(f"it is larger than {MAX_BYTES // 2**20} MB")
    return data


def _parse(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Unreadable(f"it is not UTF-8 text (byte {error.start})") from None
    except RecursionError:
        raise Unreadable("it is nested too deeply") from None
    except ValueError as error:
        raise Unreadable(f"it is not JSON ({error})") from None


def _tasks(document: Any) -> list[Task]:
    if not isinstance(document, dict):
        raise Unreadable(f"it holds a {type(document).__name__} instead of an object")
    version = document.get("schemaVersion")
    if version != SCHEMA:
        raise Unreadable(f"its schemaVersion is {short(version)}, and {SCHEMA!r} is what is read")
    workflow = _object(document, "workflow", "the file")
    specification = _object(workflow, "specification", "'workflow'")
    described = dict(_by_id(specification, "'specification'"))
    if not described:
        raise Unreadable("it has no tasks")
    runtimes: dict[str, float] = {}
    if "execution" in workflow:
        for task_id, task in _by_id(_object(workflow, "execution", "'workflow'"), "'execution'"):
            if task_id not in described:
                raise Unreadable(f"'execution' has the task {short(task_id)}, 'specification' has not")
            runtimes[task_id] = _runtime(task_id, task)
    parents = _parents(described)
    return [
        Task(
            task_id,
            tuple(parents[task_id]),
            tuple(_texts(task, "outputFiles", task_id) or ()),
            runtimes.get(task_id, 0.0),
        )
        for task_id, task in described.items()
    ]


def _object(holder: dict[str, Any], key: str, where: str) -> dict[str, Any]:
    if key not in holder:
        raise Unreadable(f"{where} has no {key!r}")
    found = holder[key]
    if not isinstance(found, dict):
        raise Unreadable(f"{key!r} is {short(found)} instead of an object")
    return found


def _by_id(holder: dict[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if "tasks" not in holder:
        raise Unreadable(f"{where} has no 'tasks'")
    if not isinstance(holder["tasks"], list):
        raise Unreadable(f"'tasks' in {where} is {short(holder['tasks'])} instead of a list")
    seen: set[str] = set()
    for position, task in enumerate(holder["tasks"], 1):
        if not isinstance(task, dict):
            raise Unreadable(f"task {position} in {where} is {short(task)} instead of an object")
        if "id" not in task:
            raise Unreadable(f"task {position} in {where} has no 'id'")
        task_id = task["id"]
        if not isinstance(task_id, str) or not _is_text(task_id) or not task_id.strip():
            raise Unreadable(f"the 'id' of task {position} in {where} is {short(task_id)} instead of a text")
        if task_id in seen:
            raise Unreadable(f"two tasks in {where} have the id {short(task_id)}")
        seen.add(task_id)
        yield task_id, task


def _is_text(value: str) -> bool:
    """Say whether it can be written down: JSON may hold half a character."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _runtime(task_id: str, task: dict[str, Any]) -> float:
    found = task.get("runtimeInSeconds", 0.0)
    seconds = to_number(found)
    if not 0 <= seconds < math.inf:
        raise Unreadable(
            f"the runtimeInSeconds of task {short(task_id)} is {short(found)}: a number from 0 is due"
        )
    return seconds


def _texts(task: dict[str, Any], key: str, task_id: str) -> list[str] | None:
    """Give a list of texts; None if the task has no such list."""
    if key not in task:
        return None
    found = task[key]
    if not isinstance(found, list) or not all(isinstance(one, str) and _is_text(one) for one in found):
        raise Unreadable(f"{key!r} of task {short(task_id)} is {short(found)} instead of a list of texts")
    return found


def _parents(described: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Give each task's parents in the order of its own list, else of the file.

    An edge that only one of two existing lists has is refused: leaving it out could start a task too early,
    and adding it would be a guess.
    """
    parents = {task_id: _texts(task, "parents", task_id) for task_id, task in described.items()}
    children = {task_id: _texts(task, "children", task_id) for task_id, task in described.items()}
    for kind, lists in (("parents", parents), ("children", children)):
        for task_id, named in lists.items():
            for one in named or ():
                if one not in described:
                    raise Unreadable(f"task {short(task_id)} has {short(one)} among its {kind}: no such task")
            if named is not None and len(set(named)) < len(named):
                raise Unreadable(f"task {short(task_id)} names one of its {kind} twice")
    by_child = {(one, task_id) for task_id, named in parents.items() for one in named or ()}
    by_parent = {(task_id, one) for task_id, named in children.items() for one in named or ()}
    for parent, child in sorted(by_child ^ by_parent):
        told, silent = (child, parent) if (parent, child) in by_child else (parent, child)
        if (children[parent] if silent == parent else parents[child]) is not None:
            raise Unreadable(
                f"task {short(told)} says that {short(parent)} comes before {short(child)}, "
                f"and task {short(silent)} does not"
            )
    united: dict[str, list[str]] = {task_id: list(named or ()) for task_id, named in parents.items()}
    for task_id, named in children.items():
        for child in named or ():
            if parents[child] is None:
                united[child].append(task_id)
    return united
