"""Values that stay are looked through once in a while, not again and again."""

from __future__ import annotations

import gc

import pytest

from pytest_vlm.evaluation.lasting import lasting_values


@pytest.fixture(autouse=True)
def collecting():
    gc.collect()
    gc.enable()
    yield
    gc.unfreeze()
    gc.enable()


def young() -> int:
    """How many values the next quick collections would look through."""
    return len(gc.get_objects(generation=0)) + len(gc.get_objects(generation=1))


def test_what_was_made_counts_as_old():
    with lasting_values():
        assert not gc.isenabled()
        made = [[number] for number in range(50_000)]
    assert gc.isenabled()
    assert young() < len(made) // 10


def test_what_was_made_in_vain_is_still_garbage():
    before = len(gc.get_objects())
    with lasting_values():
        for _ in range(50_000):
            knot: list[object] = []
            knot.append(knot)
    del knot
    assert gc.collect() >= 50_000
    assert len(gc.get_objects()) < before + 1000
    assert gc.get_freeze_count() == 0


def test_a_pause_that_somebody_else_made_goes_on():
    gc.disable()
    with lasting_values():
        pass
    assert not gc.isenabled()


def test_what_somebody_else_froze_stays_frozen():
    gc.freeze()
    frozen = gc.get_freeze_count()
    with lasting_values():
        pass
    assert gc.get_freeze_count() >= frozen > 0


def test_an_error_ends_the_pause():
    with pytest.raises(KeyError), lasting_values():
        raise KeyError
    assert gc.isenabled()
