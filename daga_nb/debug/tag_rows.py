"""The tags of actions in the file of a story: a short row for each. What is read is data of others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from daga_nb.core.tags import KINDS_OF_TAGS, Tag
from daga_nb.engine.preview import whole
from daga_nb.errors import StoryError

__all__ = ["rows_of_tags", "tags_in"]

_LONGEST = 100


def rows_of_tags(tags: Iterable[Sequence[Tag]]) -> list[list[Any]]:
    """Give the tags as JSON values.

    >>> rows_of_tags([(), (Tag("retries", "3", "3"),)])
    [[1, 'retries', '3', '3']]
    """
    return [[node, *tag] for node, some in enumerate(tags) for tag in some]


def tags_in(rows: Any, nodes: int) -> tuple[tuple[Tag, ...], ...]:
    """Give the tags in JSON values, for a story of so many actions.

    Raises
    ------
    StoryError
        If they are none; the message says which.
    """
    if not isinstance(rows, list):
        raise StoryError("tags is not what it should be")
    found: list[dict[str, Tag]] = [{} for _ in range(nodes)]
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) != 4:
            raise StoryError(f"tag {number}: it is not a list of 4 values")
        node, kind, value, short = row
        if type(node) is not int or not 0 <= node < nodes:
            raise StoryError(f"tag {number}: there is no such action")
        if not isinstance(kind, str) or kind not in KINDS_OF_TAGS or kind in found[node]:
            raise StoryError(f"tag {number}: there is no such kind, or its action has two of it")
        if not all(isinstance(text, str) and len(text) <= _LONGEST for text in (value, short)):
            raise StoryError(f"tag {number}: a text of it is none, or too long")
        found[node][kind] = Tag(kind, whole(value), whole(short))
    return tuple(tuple(some.values()) for some in found)
