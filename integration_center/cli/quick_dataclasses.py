"""Makes dataclasses quickly: a command makes 300 while it imports, which took a tenth of a short one.

Python 3.11 and 3.12 write the source of each method of a dataclass, and compile it. Closures do the same.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from reprlib import recursive_repr
from types import FunctionType
from typing import Any

Fields = Iterable["dataclasses.Field[Any]"]
Globals = Mapping[str, Any]


def make_dataclasses_quickly() -> None:
    """Let Python make the methods of dataclasses by the functions below, where it has functions of their names.

    Those are not public: Python 3.13 has others, and takes less time.
    """
    if all(takes_same(getattr(dataclasses, name, None), maker) for name, maker in MAKERS.items()):
        for name, maker in MAKERS.items():
            setattr(dataclasses, name, maker)


def takes_same(one: object, other: object) -> bool:
    """Whether two functions take arguments of the same names."""
    if not isinstance(one, FunctionType) or not isinstance(other, FunctionType):
        return False
    first, second = one.__code__, other.__code__
    return first.co_varnames[: first.co_argcount] == second.co_varnames[: second.co_argcount]


def make_repr(fields: Fields, globals: Globals) -> Callable[[Any], str]:
    """Make `__repr__` of some fields."""
    names = [field.name for field in fields]

    def __repr__(self: Any) -> str:
        return f"{self.__class__.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return recursive_repr()(__repr__)


def make_comparison(name: str, op: str, self_tuple: str, other_tuple: str, globals: Globals) -> Callable[..., Any]:
    """Make `__eq__`. What compares by order is compiled as before."""
    if op != "==":
        return COMPILE_COMPARISON(name, op, self_tuple, other_tuple, globals)
    # The source of the tuple is all that says which fields are compared: "(self.a,self.b,)".
    read = build_reader([part.removeprefix("self.") for part in self_tuple.strip("(,)").split(",") if part])

    def __eq__(self: Any, other: Any) -> Any:
        if other.__class__ is self.__class__:
            return read(self) == read(other)
        return NotImplemented

    return __eq__


def make_hash(fields: Fields, globals: Globals) -> Callable[[Any], int]:
    """Make `__hash__` of some fields."""
    read = build_reader([field.name for field in fields])

    def __hash__(self: Any) -> int:
        return hash(read(self))

    return __hash__


def make_guards(cls: Any, fields: Fields, globals: Globals) -> tuple[Callable[..., None], ...]:
    """Make `__setattr__` and `__delattr__` of a frozen class."""
    names = tuple(field.name for field in fields)

    def __setattr__(self: Any, name: str, value: Any) -> None:
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def __delattr__(self: Any, name: str) -> None:
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    return __setattr__, __delattr__


def build_reader(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Build a function that reads the attributes `names` of an object."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple([getattr(self, name) for name in names])


MAKERS: Mapping[str, Callable[..., Any]] = {
    "_repr_fn": make_repr,
    "_cmp_fn": make_comparison,
    "_hash_fn": make_hash,
    "_frozen_get_del_attr": make_guards,
}
COMPILE_COMPARISON: Callable[..., Callable[..., Any]] = getattr(dataclasses, "_cmp_fn", make_comparison)
