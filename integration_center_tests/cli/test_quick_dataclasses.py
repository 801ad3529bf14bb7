"""Dataclasses that are made quickly are those that Python makes."""

import dataclasses
import inspect
import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from operator import eq, lt, ne
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_center.cli import quick_dataclasses
from integration_center_tests.proofs import examples

VALUES = [0, 1, math.nan, "a", (), [], None]
NAMES = ["a", "self", "other", "name", "cls", "read"]

OPTIONS = st.fixed_dictionaries(
    {name: st.booleans() for name in ("init", "repr", "eq", "order", "unsafe_hash", "frozen", "slots")}
)
FIELD_OPTIONS = st.fixed_dictionaries(
    {"repr": st.booleans(), "compare": st.booleans(), "hash": st.sampled_from([None, True, False])}
)
FIELDS = st.lists(st.tuples(st.sampled_from(NAMES), FIELD_OPTIONS), max_size=4, unique_by=lambda field: field[0])


def answer(ask: Callable[..., object], *arguments: object) -> object:
    """What somebody who asks gets: an answer, or an error of some type and text."""
    try:
        return ask(*arguments)
    except Exception as error:  # noqa: BLE001 - which errors there are is what is compared
        return type(error), str(error)


def describe(fields: list[Any], options: dict[str, Any], values: list[object]) -> list[object]:
    """What a dataclass, and one that inherits it, say and do with some values."""
    columns = [(name, object, dataclasses.field(default=None, **each)) for name, each in fields]
    try:
        made: Any = dataclasses.make_dataclass("Made", columns, **options)
        heir: Any = dataclasses.make_dataclass("Heir", columns[:1], bases=(made,), **options)
    except (TypeError, ValueError) as error:
        return [type(error), str(error)]
    said: list[object] = [sorted(vars(made)), str(inspect.signature(made))]
    said += [each.__qualname__ for each in vars(made).values() if inspect.isfunction(each)]
    names = [name for name, _ in fields]
    things = [kind() for kind in (made, made, heir)]
    for thing, value in zip(things, values, strict=True):
        for name in names:
            object.__setattr__(thing, name, value)
    for thing in things:
        said += [answer(compare, thing, each) for compare in (eq, ne, lt) for each in (things[0], 1)]
        said.append(answer(dataclasses.astuple, thing))
        if options["repr"]:
            said.append(answer(repr, thing))
        if "__hash__" in vars(type(thing)):
            said.append(answer(hash, thing))
        for name in (*names, "of_nobody"):
            said += [answer(setattr, thing, name, 2), answer(delattr, thing, name)]
    return said


@given(FIELDS, OPTIONS, st.lists(st.sampled_from(VALUES), min_size=3, max_size=3))
@examples(400)
def test_what_is_made_quickly_does_the_same(fields: list[Any], options: dict[str, Any], values: list[object]) -> None:
    slow = describe(fields, options, values)
    with pytest.MonkeyPatch.context() as patched:
        for name in quick_dataclasses.MAKERS:
            patched.setattr(dataclasses, name, getattr(dataclasses, name, None), raising=False)
        quick_dataclasses.make_dataclasses_quickly()
        assert repr(describe(fields, options, values)) == repr(slow)


@dataclasses.dataclass
class Loop:
    """A thing that holds itself."""

    inner: "Loop | None" = None


def test_a_thing_that_holds_itself_can_be_shown() -> None:
    loop = Loop()
    loop.inner = loop
    loop.__class__.__repr__ = quick_dataclasses.make_repr(dataclasses.fields(Loop), {})  # type: ignore[method-assign]
    assert repr(loop) == "Loop(inner=...)"
    assert pickle.loads(pickle.dumps(Loop())) == Loop()


PROGRAM = """
import dataclasses, sys
from integration_center import cli
sys.argv = ["integration-center", "--help"]
try:
    cli.main()
except SystemExit:
    pass
exec("@dataclasses.dataclass(frozen=True)\\nclass Made:\\n    one: int")
print(sorted({each.__module__ for each in vars(Made).values() if callable(each) and each is not type}))
"""


def test_commands_make_them_quickly_where_python_compiles_each_method() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    made_by_us = quick_dataclasses.__name__ in done.stdout.splitlines()[-1]
    assert made_by_us == (sys.version_info < (3, 13))
