"""Read-only live views: what a run shows of itself without copying and without giving it away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, overload

from daga_nb.core.plan import Plan

__all__ = ["ByName", "ReadOnly", "Subscription"]

V = TypeVar("V")


class ByName(Mapping[str, V]):
    """A live mapping by display name, in plan order, of what stands by node number.

    Examples
    --------
    >>> import networkx as nx
    >>> plan = Plan.compile(nx.DiGraph([("a", "b")]), str)
    >>> view = ByName(plan, {1: "done"})
    >>> view
    {'b': 'done'}
    >>> "a" in view
    False
    """

    __slots__ = ("_plan", "_values")

    def __init__(self, plan: Plan, values: Mapping[int, V] | Sequence[V]) -> None:
        self._plan = plan
        self._values = values

    def __getitem__(self, name: str) -> V:
        node = self._plan.find(name)
        try:
            return self._values[node]
        except KeyError:
            raise KeyError(name) from None

    def __contains__(self, name: object) -> bool:
        node = self._plan.ids.get(name) if isinstance(name, str) else None
        return node is not None and (not isinstance(self._values, Mapping) or node in self._values)

    def __iter__(self) -> Iterator[str]:
        numbers = sorted(self._values) if isinstance(self._values, Mapping) else range(len(self._values))
        return (self._plan.names[number] for number in numbers)

    def __len__(self) -> int:
        return len(self._values)

    def __eq__(self, other: object) -> bool:
        return dict(self) == dict(other) if isinstance(other, Mapping) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(dict(self))


class ReadOnly(Sequence[V]):
    """A live sequence that cannot be changed through this view.

    >>> view = ReadOnly([1, 2, 3])
    >>> view[-1], view[1:], view == (1, 2, 3)
    (3, (2, 3), True)
    """

    __slots__ = ("_items",)

    def __init__(self, items: Sequence[V]) -> None:
        self._items = items

    @overload
    def __getitem__(self, index: int) -> V: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[V, ...]: ...
    def __getitem__(self, index: int | slice) -> V | tuple[V, ...]:
        return tuple(self._items[index]) if isinstance(index, slice) else self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[V]:
        return iter(self._items)

    def __eq__(self, other: object) -> bool:
        return tuple(self._items) == tuple(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(tuple(self._items))


class Subscription:
    """A handle to an observer; close it to hear no more. Also a context manager."""

    __slots__ = ("_close",)

    def __init__(self, close: Callable[[], None]) -> None:
        self._close: Callable[[], None] | None = close

    @classmethod
    def to(cls, observers: list[Callable[[V], object]], observer: Callable[[V], object]) -> Subscription:
        """Add an observer to those who are told."""
        observers.append(observer)

        def close() -> None:
            if observer in observers:
                observers.remove(observer)

        return cls(close)

    def close(self) -> None:
        """Stop being told. Closing twice does nothing."""
        close, self._close = self._close, None
        if close is not None:
            close()

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
