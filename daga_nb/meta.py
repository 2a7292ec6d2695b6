"""The registry of action classes, kept by their metaclass under py-daga's names."""

from __future__ import annotations

from typing import Any, Generic, final

__all__ = ["DagaMeta"]


@final
class DagaMeta(type):
    """The metaclass of action classes: it registers each by name, and checks its bases.

    Only classes are registered, decorated functions never. A class defined again in the same module (a
    notebook cell run twice) replaces the old one; another module that claims the name is refused.

    Attributes
    ----------
    REGISTERED_ACTIONS
        The registered classes by name.
    RESERVED_ACTION_NAMES
        Names that are never registered.

    Raises
    ------
    TypeError
        If another module has registered the name, or a base is no registered action.

    Examples
    --------
    >>> from daga_nb import DagaAction
    >>> class Increase(DagaAction[int, int]):
    ...     async def __call__(self, results):
    ...         return results[0] + 1
    >>> DagaMeta.get_registered_actions()["Increase"] is Increase
    True
    """

    REGISTERED_ACTIONS: dict[str, type] = {}  # noqa: RUF012 (py-daga's attribute, replaced on clearing)
    RESERVED_ACTION_NAMES: list[str] = ["DagaAction", "EmptyAction", "DagaMeta"]  # noqa: RUF012

    def __new__(mcs, name: str, bases: tuple[type, ...], attrs: dict[str, Any], **options: Any) -> DagaMeta:
        """Make the class, once its name and bases are found in order."""
        made = super().__new__(mcs, name, bases, attrs, **options)
        if name in mcs.RESERVED_ACTION_NAMES:
            return made
        for base in bases:
            if base is not Generic and not isinstance(base, DagaMeta):
                raise TypeError(
                    f"Base class {base} for DagaAction {name} is not a registered action; "
                    "hand over what it does by composition instead"
                )
        known = mcs.REGISTERED_ACTIONS.get(name)
        if known is not None and known.__module__ != made.__module__:
            raise TypeError(
                f"Action {name} already registered by module {known.__module__}; choose another name"
            )
        mcs.REGISTERED_ACTIONS[name] = made
        return made

    @classmethod
    def clear_registered_actions(mcs) -> None:
        """Forget all registered actions."""
        mcs.REGISTERED_ACTIONS = {}

    @classmethod
    def get_registered_actions(mcs) -> dict[str, type]:
        """Give the registered action classes by name."""
        return mcs.REGISTERED_ACTIONS
