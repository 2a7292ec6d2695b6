"""The closed list of what a page may ask of the kernel. Anything else is not understood, and does nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, get_args

from daga_nb.engine.admission import OnFailure
from daga_nb.page.fault_form import is_draft
from daga_nb.page.marks import PHASES, PLACES

__all__ = ["Command", "parse"]


LONGEST = 2000
"""Characters of the longest text that a page may send."""


class Command(NamedTuple):
    """One command, checked: every field has a value of the right kind, and the node is in the plan."""

    name: str
    node: int | None = None
    where: Any = ""
    to: Any = None


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_one_of(*choices: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in choices


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 1_000_000


def _is_short(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST


def _is_file_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 255 and not set(value) & set("/\\")


_WHERE = _is_one_of(*PLACES)
_DIRECTION = _is_one_of("LR", "TB")

_FIELDS: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    "hello": {},
    "run": {},
    "pause": {},
    "step": {},
    "rollback": {},
    "reset": {},
    "action": {},
    "retry": {},
    "fix": {},
    "use": {},
    "resume": {},
    "leave": {},
    "older": {},
    "find": {},
    "journal": {"to": _is_switch},
    "rerun": {"to": _is_count},
    "scenarios": {},
    "keep": {"to": _is_short},
    "replay": {"to": _is_file_name},
    "failure": {"to": _is_one_of(*get_args(OnFailure))},
    "speed": {"to": _is_share},
    "direction": {"to": _DIRECTION},
}
_NODE_FIELDS: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    "look": {},
    "cycle": {},
    "stops": {},
    "stop": {"to": _is_one_of(*PHASES)},
    "again": {},
    "skip": {"to": _is_short},
    "predict": {},
    "until": {},
    "draft": {"where": _WHERE, "to": is_draft},
    "plant": {"where": _WHERE, "to": is_draft},
    "clear": {"where": _WHERE},
}


def parse(content: Any, nodes: int) -> Command | None:
    """Give the command that a message from the page holds, or None if it holds none.

    `nodes` is how many nodes the plan has.

    >>> parse({"cmd": "clear", "node": 2, "where": "after"}, nodes=3)
    Command(name='clear', node=2, where='after', to=None)
    >>> parse({"cmd": "look", "node": 3}, nodes=3) is None
    True
    >>> parse({"cmd": "eval", "to": "1 + 1"}, nodes=3) is None
    True
    """
    if not isinstance(content, dict):
        return None
    given = dict(content)
    name = given.pop("cmd", None)
    if not isinstance(name, str):
        return None
    if name in _NODE_FIELDS:
        node = given.get("node")
        if not isinstance(node, int) or isinstance(node, bool) or not 0 <= node < nodes:
            return None
        del given["node"]
        fields = _NODE_FIELDS[name]
    elif name in _FIELDS:
        node, fields = None, _FIELDS[name]
    else:
        return None
    if set(given) != set(fields) or not all(check(given[field]) for field, check in fields.items()):
        return None
    return Command(name, node, **given)
