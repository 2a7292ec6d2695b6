"""Values that a person writes into a page, read as Python literals: nothing is run."""

from __future__ import annotations

import ast
from typing import Any

from daga_nb.errors import StepError

__all__ = ["literal"]


def literal(text: str, otherwise: str = "") -> Any:
    """Give the value that is written as a Python literal: numbers, texts, lists, and so on. Nothing is run.

    `otherwise` says in the error what to do where no literal will do.

    >>> literal("{'id': 17}")
    {'id': 17}

    Raises
    ------
    StepError
        If it is none.
    """
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise StepError(
            f"{text[:60]!r} is no value as Python writes it, like 42, 'text', [1, 2] or None{otherwise}"
        ) from error
