"""The classes of one's own that the journal keeps: dataclasses and enums, registered under a name."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from enum import Enum, EnumMeta
from typing import Any, NamedTuple, TypeVar, overload

from daga_nb.errors import JournalValueError, describe, kind_of

__all__ = ["Kind", "defined_again", "journaled", "kind_named", "kind_of_class"]

T = TypeVar("T")


class Kind(NamedTuple):
    """A registered class: the name it is written under, and its fields (None: it is an enum)."""

    name: str
    made: type[Any]
    fields: tuple[str, ...] | None
    given: frozenset[str] = frozenset()
    """The fields that the constructor takes."""

    def parts(self, value: Any) -> dict[str, Any]:
        """Give the fields of a dataclass by name.

        Raises
        ------
        ValueError
            If one cannot be read off it; the message names it.
        """
        parts = {}
        for field in self.fields or ():
            try:
                parts[field] = getattr(value, field)
            except Exception as error:  # a property of the class may do anything
                raise ValueError(f"has a field {field!r} that cannot be read: {describe(error)}") from error
        return parts

    def build(self, parts: Mapping[str, Any]) -> Any:
        """Give a dataclass made of its fields: by its constructor, and each field then as it is given here.

        So its ``__post_init__`` checks it, and makes what is no field; what it changes in a field, it has
        changed already before the value was written, and a field that the constructor does not take is kept.

        Raises
        ------
        ValueError
            If these are not its fields, or its constructor raises; the message says so.
        """
        fields = self.fields or ()
        if parts.keys() != set(fields):
            raise ValueError(
                f"was written with the fields {', '.join(parts) or '(none)'}, and {self.name} has "
                f"{', '.join(fields) or '(none)'}: its definition has changed since"
            )
        try:
            value = self.made(**{name: part for name, part in parts.items() if name in self.given})
            for name, part in parts.items():
                object.__setattr__(value, name, part)  # also if it is frozen
        except Exception as error:
            raise ValueError(
                f"cannot be made by {self.name}, of the fields that it had: {describe(error)}"
            ) from error
        return value

    def member(self, value: Any) -> str:
        """Give the name of an enum's member.

        Raises
        ------
        ValueError
            If it has none, because it is a combination of flags.
        """
        name = value.name
        if self.made.__members__.get(name) is not value:
            raise ValueError("is a combination of flags, which has no name of its own; hand on its .value")
        return str(name)


_BY_NAME: dict[str, Kind] = {}
_BY_CLASS: dict[int, Kind] = {}  # by id: a metaclass may make its classes unhashable, or equal to others


def kind_named(name: str) -> Kind | None:
    """Give the class that is registered under a name, if there is one; nothing is ever imported for it."""
    return _BY_NAME.get(name)


def kind_of_class(made: type) -> Kind | None:
    """Give what is registered of exactly this class, if it is."""
    return _BY_CLASS.get(id(made))


def defined_again(made: type) -> bool:
    """Whether the class was registered, and another one took its place: a cell was run again."""
    same = [kind.made for kind in _BY_NAME.values() if kind.made is not made]
    return (made.__module__, made.__qualname__) in [(one.__module__, one.__qualname__) for one in same]


@overload
def journaled(made: type[T], /) -> type[T]: ...


@overload
def journaled(*, name: str | None = None) -> Callable[[type[T]], type[T]]: ...


def journaled(made: type[T] | None = None, /, *, name: str | None = None) -> Any:
    """Let the journal keep values of this class, a dataclass or an enum; it stands above ``@dataclass``.

    A dataclass is written as its fields, and made of them again by its constructor, which is also tried
    when it is written; an enum is written as the name of its member. Only values of exactly this class are
    kept, not those of its subclasses, which are marked themselves.

    Defined again in the same module (a notebook cell run twice), the class replaces the older one, whose
    values are not kept any more.

    Parameters
    ----------
    name
        What the class is called in the journal: `module.qualname`, unless it is given. With a name of its
        own, a class can move to another module, and old runs are still read.

    Raises
    ------
    JournalValueError
        If it is neither a dataclass nor an enum, if its constructor needs more than its fields, or if
        another module has the name.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from daga_nb import journaled
    >>> from daga_nb.journal.codec import decode, encode
    >>> @journaled(name="order")
    ... @dataclass(frozen=True)
    ... class Order:
    ...     number: int
    ...     items: tuple[str, ...]
    >>> encode(Order(17, ("pen",)))
    '{"$":"dataclass","v":["order",{"number":17,"items":{"$":"tuple","v":["pen"]}}]}'
    >>> decode(encode(Order(17, ("pen",))))
    Order(number=17, items=('pen',))
    """
    if made is None:
        return lambda made: _register(made, name)
    return _register(made, name)


def _register(made: type[T], name: str | None) -> type[T]:
    if not isinstance(made, type):
        raise JournalValueError(
            f"@journaled stands above a class, and not above something of the class {kind_of(made)}"
        )
    if name is None:
        name = f"{made.__module__}.{made.__qualname__}"
    if type(name) is not str or not name:
        raise JournalValueError("the name of a class in the journal is a text that is not empty")
    kind = _look_into(made, name)
    old = _BY_NAME.get(name)
    if old is not None:
        if old.made.__module__ != made.__module__:
            raise JournalValueError(
                f"the module {old.made.__module__} has journaled a class as {name!r}; "
                f"give this one another name: @journaled(name=...)"
            )
        _BY_CLASS.pop(id(old.made), None)
    again = _BY_CLASS.get(id(made))
    if again is not None:
        _BY_NAME.pop(again.name, None)  # the same class under a new name
    _BY_NAME[name] = _BY_CLASS[id(made)] = kind
    return made


def _look_into(made: type, name: str) -> Kind:
    if isinstance(made, EnumMeta):
        if not issubclass(made, Enum) or not made.__members__:
            raise JournalValueError(
                f"the enum {made.__qualname__} has no members that the journal could name"
            )
        return Kind(name, made, None)
    if "__dataclass_fields__" not in vars(made):  # not that of a base
        raise JournalValueError(
            f"{made.__qualname__} is no dataclass: write @journaled, and @dataclass below it, above the class"
        )
    if any(base.__module__ == "builtins" and base is not object for base in made.__mro__):
        raise JournalValueError(
            f"{made.__qualname__} is more than its fields, as a class below one of Python's own: "
            "put what it holds into a field"
        )
    fields = dataclasses.fields(made)
    given = frozenset(field.name for field in fields if field.init)
    try:
        takes = inspect.signature(made).parameters
    except (TypeError, ValueError) as error:
        raise JournalValueError(
            f"nobody can see what the constructor of {made.__qualname__} takes"
        ) from error
    by_name = {
        one.name for one in takes.values() if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    }
    needs = {
        one.name
        for one in takes.values()
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    }
    wrong = sorted((given - by_name) | (needs - given))
    if wrong:
        raise JournalValueError(
            f"a {made.__qualname__} cannot be made again of its fields: its constructor takes other things "
            f"({', '.join(wrong)}). No InitVar without a default, and no __init__ of its own"
        )
    return Kind(name, made, tuple(field.name for field in fields), given)
