"""What the widgets ask of IPython: what things are called there, and when a cell has run."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any

__all__ = ["after_each_cell", "name_in_notebook", "notebook_names", "shell_or_none"]


def shell_or_none() -> Any:
    """Give IPython's shell, or None outside of one; IPython is never loaded for it.

    >>> shell_or_none() is None
    True
    """
    return getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()


def name_in_notebook(value: object) -> str | None:
    """Give the name that the notebook has for a value: "" if it has none, None if there is no notebook.

    >>> name_in_notebook(object()) is None
    True
    """
    shell = shell_or_none()
    if shell is None:
        return None
    # A copy: other threads may define names meanwhile.
    names = [name for name, known in list(shell.user_ns.items()) if known is value]
    return next((name for name in names if not name.startswith("_")), "")


def notebook_names() -> dict[str, Any]:
    """Give the names that the notebook has, live; none outside of IPython.

    >>> notebook_names()
    {}
    """
    shell = shell_or_none()
    return {} if shell is None else shell.user_ns


def after_each_cell(callback: Callable[[], None]) -> Callable[[], None]:
    """Have `callback` called when a notebook cell has run, and give what ends that. No IPython, no calls."""
    shell = shell_or_none()
    if shell is None:
        return lambda: None
    held = weakref.WeakMethod(callback)

    def call(*_: Any) -> None:
        method = held()
        if method is not None:
            method()

    shell.events.register("post_run_cell", call)

    def end() -> None:
        if call in shell.events.callbacks["post_run_cell"]:
            shell.events.unregister("post_run_cell", call)

    return end
