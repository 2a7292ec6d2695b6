"""The registry of action classes."""

import sys
from typing import Generic, TypeVar

import pytest
from helpers import play

from daga_nb import DagaAction
from daga_nb.action import EmptyAction
from daga_nb.meta import DagaMeta

T = TypeVar("T")

CELL = """
from daga_nb import DagaAction

class Pay(DagaAction[int, int]):
    async def __call__(self, results):
        return {result}

@Pay.register_class_as_rollback
class Refund(DagaAction[int, int]):
    async def __call__(self, results):
        return "refund {result}"
"""


def run_cell(source, module="__main__"):
    """Run source as a notebook cell would be, in the module of that name."""
    space = {"__name__": module}
    exec(compile(source, "<cell>", "exec"), space)
    return space


def test_classes_are_registered_by_name():
    class Pay(DagaAction[int, int]):
        async def __call__(self, results):
            return 1

    class PayTwice(Pay):
        pass

    assert DagaMeta.get_registered_actions() == {"Pay": Pay, "PayTwice": PayTwice}
    assert DagaMeta.get_registered_actions() is DagaMeta.REGISTERED_ACTIONS


def test_decorated_functions_are_never_registered():
    @DagaAction[int, int]
    async def pay(results):
        return 1

    assert DagaMeta.get_registered_actions() == {}
    assert pay.__name__ == "pay"


def test_reserved_names_are_not_registered():
    assert DagaMeta.RESERVED_ACTION_NAMES == ["DagaAction", "EmptyAction", "DagaMeta"]
    assert type(DagaAction) is type(EmptyAction) is DagaMeta
    assert "EmptyAction" not in DagaMeta.get_registered_actions()


@pytest.mark.parametrize("name", ["DagaAction", "EmptyAction", "DagaMeta"])
def test_a_class_with_a_reserved_name_is_made_and_not_registered(name):
    made = DagaMeta(name, (DagaAction,), {"__module__": __name__})
    assert issubclass(made, DagaAction)
    assert DagaMeta.get_registered_actions() == {}


def test_clearing_forgets_all():
    class Pay(DagaAction[int, int]):
        pass

    held = DagaMeta.get_registered_actions()
    DagaMeta.clear_registered_actions()
    assert DagaMeta.get_registered_actions() == {}
    assert held == {"Pay": Pay}, "who holds the old registry keeps it"


def test_a_cell_that_is_run_again_replaces_its_classes():
    first, second = run_cell(CELL.format(result=1)), run_cell(CELL.format(result=2))
    assert DagaMeta.get_registered_actions()["Pay"] is second["Pay"]
    assert play(second["Pay"]()([])) == 2
    assert play(second["Pay"]().rollback([])) == "refund 2"
    assert play(first["Pay"]().rollback([])) == "refund 1", "what was made before goes on as it was"


def test_another_module_that_claims_the_name_is_refused_and_changes_nothing():
    first = run_cell(CELL.format(result=1), "shop")
    with pytest.raises(TypeError, match="Action Pay already registered by module shop; choose another name"):
        run_cell(CELL.format(result=2), "bank")
    assert DagaMeta.get_registered_actions()["Pay"] is first["Pay"]


def test_a_base_that_is_no_registered_action_is_refused_and_nothing_is_registered():
    class Mixin:
        pass

    for bases in ((Mixin, DagaAction), (DagaAction, Mixin), (DagaAction, dict)):
        with pytest.raises(TypeError, match="for DagaAction Pay is not a registered action"):
            DagaMeta("Pay", bases, {})
    assert DagaMeta.get_registered_actions() == {}


def test_generic_actions_are_actions():
    class Fetch(DagaAction[T, T], Generic[T]):
        async def __call__(self, results):
            return results

    class FetchText(Fetch[str]):
        pass

    assert list(DagaMeta.get_registered_actions()) == ["Fetch", "FetchText"]
    assert play(Fetch[int]()([1])) == [1]


def test_options_of_a_class_statement_reach_it():
    class Base(DagaAction[int, int]):
        def __init_subclass__(cls, price=0, **more):
            super().__init_subclass__(**more)
            cls.price = price

    class Pay(Base, price=3):
        pass

    assert Pay.price == 3


def test_importing_the_library_registers_nothing():
    import subprocess

    code = (
        "import daga_nb, daga_nb.utils; from daga_nb.meta import DagaMeta; print(DagaMeta.REGISTERED_ACTIONS)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "{}"
