"""The name of what keeps an object alive."""

from __future__ import annotations

import functools
import sys
import types
import weakref

import pytest

from pytest_vlm.memory.holders import find_holder


class Model:
    """Something large."""


class Engine:
    """An object that holds another."""

    def __init__(self, model):
        self.model = model


class Slotted:
    __slots__ = ("__weakref__", "model")

    def __init__(self, model):
        self.model = model


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module of the user's."""
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("user_module")
    module.__file__ = str(tmp_path / "tests/test_x.py")
    module.__builtins__ = {}
    return module


def named(module, keep):
    """What holds a model that `keep` put somewhere."""
    model = Model()
    module.KEPT = keep(model)
    ref = weakref.ref(model)
    del model
    return find_holder(ref)


@pytest.mark.parametrize(
    ("keep", "name"),
    [
        (lambda model: model, "KEPT"),
        (lambda model: [0, model], "KEPT[1]"),
        (lambda model: {"best": [model]}, "KEPT['best'][0]"),
        (lambda model: Engine(model), "KEPT.model"),
        (lambda model: [Engine(Engine(model))], "KEPT[0].model.model"),
        (lambda model: Slotted(model), "KEPT.model"),
        (lambda model: {model}, "KEPT (in a set)"),
        (lambda model: functools.partial(print, model), "KEPT (in a tuple)"),
    ],
)
def test_the_way_from_a_global(module, keep, name):
    assert named(module, keep).replace(".args[0]", " (in a tuple)") in (
        f"tests/test_x.py: {name}",
        f"tests/test_x.py: {name} (in a partial)",
        "tests/test_x.py: KEPT (in a partial)[0]",
    )


def test_a_closure(module):
    def keep(model):
        def answer():
            return model

        return answer

    name = named(module, keep)
    assert name.startswith("tests/test_x.py: KEPT (test_a_closure.<locals>.keep.<locals>.answer")
    assert name.endswith(" closes over it)")


def test_a_bound_method(module):
    assert named(module, lambda model: Engine(model).__init__) == (
        "tests/test_x.py: KEPT.__self__.model"
    )


def test_a_kept_failure_names_the_local_that_its_traceback_keeps(module):
    def keep(model):
        try:
            raise ValueError
        except ValueError as error:
            return error

    name = named(module, keep)
    assert name.startswith("tests/test_x.py: KEPT, the traceback of ValueError: `model` in keep (")
    assert "test_holders.py:" in name


def test_an_attribute_of_a_class():
    class Registry:
        pass

    model = Model()
    Registry.best = model
    ref = weakref.ref(model)
    del model
    name = find_holder(ref)
    assert name.startswith(f"the class {__name__}.")
    assert name.endswith("Registry.best")


def test_the_last_failure_that_python_keeps(monkeypatch):
    def fail(model):
        raise ValueError

    model = Model()
    ref = weakref.ref(model)
    try:
        fail(model)
    except ValueError as error:
        monkeypatch.setattr(sys, "last_value", error, raising=False)
    del model
    assert find_holder(ref).startswith(
        "sys: last_value, the traceback of ValueError: `model` in fail"
    )


def test_what_is_gone_and_what_only_a_running_frame_holds_has_no_name():
    model = Model()
    ref = weakref.ref(model)
    assert find_holder(ref) == ""
    del model
    assert ref() is None
    assert find_holder(ref) == ""


def test_a_cycle_that_nobody_names_ends():
    one, other = Engine(None), Engine(None)
    one.model, other.model = other, one
    ref = weakref.ref(one)
    del one, other
    assert find_holder(ref) == ""
