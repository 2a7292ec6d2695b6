"""Notices that a name of the notebook means another function by now than the one that a flow uses.

A function is followed by the name that it had in the notebook when the lab was made: its own name if it has
that, else the oldest other one. So are the function inside of a `DagaAction` or a partial, and the rollback.

Not followed are methods, lambdas, what a factory made, what was imported, and classes: an action that is an
instance of a class is followed by the name of the instance. A name that was deleted means nothing else.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, NamedTuple

from daga_nb.action import action_in, rollback_of
from daga_nb.core.plan import Plan
from daga_nb.errors import DagaError, FlowDefinitionError
from daga_nb.nodes import call_of, replaced
from daga_nb.render.text import elide
from daga_nb.widgets.fingerprint import fingerprint, source_of
from daga_nb.widgets.followed import Followed, Register
from daga_nb.widgets.names import is_callable, own_name

__all__ = ["Namesakes", "Redefinition"]

_LONGEST = 4000
_MOST_LINES = 500


class Redefinition(NamedTuple):
    """A name that means something else than what the flow uses.

    Attributes
    ----------
    node
        The number of the action in the plan.
    name
        The display name of the action.
    variable
        The name in the notebook.
    function, rollback
        What ``run.replace(name, function, rollback=rollback)`` is to be given: one of them is None, and both
        are if there is a problem.
    diff
        How the source differs, as a unified diff; "" if it does not, or is not known.
    same_code
        Whether the same code was run again: another object that does the same.
    line
        The line of Python that does it, with ``{lab}`` for the lab; a comment if it cannot be spelled.
    problem
        Why it cannot be used, in words; else "".
    value
        What the name means now.
    """

    node: int
    name: str
    variable: str
    function: Any
    rollback: Any
    diff: str
    same_code: bool
    line: str
    problem: str
    value: Any


_Place = tuple[int, bool]  # the number of an action, and whether its rollback is meant


class Namesakes:
    """What the actions and rollbacks of a flow are called in the notebook, and what these names mean by now.

    Parameters
    ----------
    plan
        The flow's plan.
    namespace
        The notebook's names; ``__name__`` among them is the module whose functions are followed.

    Examples
    --------
    >>> from daga_nb import DagaFlow
    >>> cell = "def double(results): return results[0] + results[0]"
    >>> notebook = {"__name__": "__main__"}
    >>> exec(cell, notebook)
    >>> namesakes = Namesakes(DagaFlow([(notebook["double"], print)]).plan, notebook)
    >>> namesakes.look()
    []
    >>> exec(cell.replace("+", "*"), notebook)
    >>> [found] = namesakes.look()
    >>> print(found.line.replace("{lab}", "bench"), found.same_code)
    bench.run.replace('double', double) False
    """

    def __init__(self, plan: Plan, namespace: Mapping[str, Any]) -> None:
        self._plan = plan
        self._namespace = namespace
        self._home = str(namespace.get("__name__", "__main__"))
        self._used: dict[_Place, Any] = {}
        self._names: dict[_Place, list[Followed]] = {}
        self._found: dict[_Place, dict[str, tuple[Followed, Any, Any, Redefinition | None]]] = {}
        self._taken: dict[_Place, Redefinition] = {}
        register = Register(namespace, self._home)
        for node, function in enumerate(plan.nodes):
            action = action_in(function)
            self._use((node, False), function, register)
            self._use((node, True), None if action is None else rollback_of(action), register)

    @property
    def taken(self) -> list[Redefinition]:
        """What is in use instead of what the flow was made of, in plan order: for the next run of it."""
        return [self._taken[place] for place in sorted(self._taken)]

    def look(self) -> list[Redefinition]:
        """Give what means something else now, in plan order; an action before its rollback.

        For each of them one at most: what can be used goes first, then what is other code, then the name that
        stands further out.
        """
        found: list[Redefinition] = []
        settled = -1  # the action whose rollback is settled by what is offered for itself
        for place, names in self._names.items():
            changed = [one for one in names if one.meaning(self._namespace) is not one.held]
            if changed and place[0] != settled:
                offers = [
                    offer for offer in (self._offer(place, one) for one in changed) if offer is not None
                ]
                offers.sort(key=lambda offer: (bool(offer.problem), offer.same_code))
                found += offers[:1]
                if offers and not place[1] and self._settles(offers[0]):
                    settled = place[0]
        return found

    def _settles(self, offer: Redefinition) -> bool:
        """Whether a new action brings a rollback that is none of those that are followed, or needs none."""
        action = action_in(offer.function)
        if action is None:
            return False
        brought = rollback_of(action)
        return action.no_effect if brought is None else not self._follows(offer.node, brought)

    def take(self, *redefinitions: Redefinition) -> None:
        """Take note that what was found is in use from now on: from then on, that is what is followed.

        An action that has a rollback of its own has brought it along.

        Raises
        ------
        DagaError
            If there is a problem with one of them; then none is taken.
        """
        for one in redefinitions:
            if one.problem:
                raise DagaError(one.problem)
        register = Register(self._namespace, self._home)
        for one in redefinitions:
            register.add(one.variable, one.value)
        for one in redefinitions:
            self._take(one, register)

    def _take(self, redefinition: Redefinition, register: Register) -> None:
        variable, value, back = redefinition.variable, redefinition.value, redefinition.function is None
        used = redefinition.rollback if back else redefinition.function
        place, rollback = (redefinition.node, back), (redefinition.node, True)
        names = self._names[place]
        number = [one.variable for one in names].index(variable)
        inner = register.follow(used, names[number].within)
        if variable not in [one.variable for one in inner]:
            inner.insert(0, names[number])
        inner = [register.holding(one, value) if one.variable == variable else one for one in inner]
        # What the names further out mean by now has been passed over.
        outer = [register.holding(one, one.meaning(self._namespace)) for one in names[:number]]
        self._used[place], self._names[place] = used, [*outer, *inner]
        self._taken[place] = redefinition
        action = None if back else action_in(used)
        if action is not None and (action.no_effect or rollback_of(action) is not None):
            self._use(rollback, rollback_of(action), register)
            self._taken.pop(rollback, None)

    def _use(self, place: _Place, used: Any, register: Register) -> None:
        self._used[place] = used
        self._names[place] = [] if used is None else register.follow(used)

    # ----------------------------------------------------------------- noticing

    def _offer(self, place: _Place, one: Followed) -> Redefinition | None:
        """Give what there is to say of a name that means something else; None if that is no news."""
        value = one.meaning(self._namespace)
        brought = None if place[1] or one.within or not is_callable(value) else _rollback_in(value)
        known = self._found.setdefault(place, {})
        before = known.get(one.variable)
        if before is not None and before[0] is one and before[1] is value and before[2] is brought:
            return before[3]
        offer = self._describe(place, one, value, brought)
        known[one.variable] = one, value, brought, offer
        return offer

    def _describe(self, place: _Place, one: Followed, value: Any, brought: Any) -> Redefinition | None:
        node, back = place
        name = self._plan.names[node]
        problem = self._problem_of_name(one, value)
        given, text = (None, "") if problem != "" else one.given(value, self._namespace)
        if given is not None:
            problem = self._problem_of_call(place, given)
        if problem is None:
            return None
        if problem:
            return Redefinition(node, name, one.variable, None, None, "", False, "", problem, value)
        what = "rollback=" if back else ""
        line = f"{{lab}}.run.replace({name!r}, {what}{text})"
        if not text:
            line = f"# {{lab}}.run.replace({name!r}, {what}functools.partial({one.variable}, what was bound))"
        diff = _diff(one.source, source_of(one.reached(value)[0]))
        same = fingerprint(one.reached(value)[0], self._home) == one.code
        if brought is not None and not self._follows(node, brought):
            used = self._used[node, True]
            diff += _diff(source_of(used), source_of(brought))
            same = same and fingerprint(used, self._home) == fingerprint(brought, self._home)
        function, rollback = (None, given) if back else (given, None)
        diff = diff if len(diff) <= _LONGEST else diff[: _LONGEST - 1] + "…"
        return Redefinition(node, name, one.variable, function, rollback, diff, same, line, "", value)

    def _problem_of_name(self, one: Followed, value: Any) -> str | None:
        """Give why a name does not stand for what is in use any more; None if it is no news at all."""
        old = own_name(one.held)
        if not is_callable(value):
            if one.variable != old:
                return None
            return f"{one.variable} is no function any more: it means {elide(type(value).__name__, 60)!r} now"
        new = own_name(value)
        if one.variable != old and new not in (old, one.variable):  # of a loop, say: for step in steps
            if any(value is used for used in self._used.values()):
                return None
            return f"{one.variable} means {new} now, and meant {old}: run.replace uses it, if that is meant"
        if one.wrapped:
            return f"{one.variable} stands under a decorator here: decorate the new one too"
        return ""

    def _problem_of_call(self, place: _Place, given: Any) -> str:
        node, back = place
        function, rollback = (None, given) if back else (given, None)
        try:
            replaced(call_of(self._plan.nodes[node]), function, rollback, self._plan.names[node])
        except FlowDefinitionError as error:
            return str(error)
        return ""

    def _follows(self, node: int, rollback: Any) -> bool:
        """Whether `rollback` is what a name of the old rollback stands for: then it is told of by itself."""
        names = ((one, one.meaning(self._namespace)) for one in self._names[node, True])
        return any(is_callable(value) and one.reached(value)[0] is rollback for one, value in names)


def _rollback_in(value: Any) -> Any:
    action = action_in(value)
    return None if action is None else rollback_of(action)


def _diff(old: str, new: str) -> str:
    """Give how two source texts differ, if both are known."""
    if not (old and new):
        return ""
    before, after = old.splitlines()[:_MOST_LINES], new.splitlines()[:_MOST_LINES]
    lines = difflib.unified_diff(before, after, "before", "now", lineterm="")
    return "".join(f"{line}\n" for line in lines)
